"""One address and nothing else gets through."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypost.address import EmailAddress
from keypost.errors import AddressMalformed

SOUND = settings(derandomize=True, deadline=None, max_examples=500, database=None)

ALMOST = st.text(alphabet="ab.@-+\"'<>(),;: \t\r\n\0é\u200b%=?_[]\\/\ud800", max_size=40)
HEADER_BREAKERS = set(' \t\r\n\0<>(),;:"[]\\')


@pytest.mark.parametrize(
    "text",
    [
        "a@b.c",
        "user@example.org",
        "User.Name+tag@example.org",
        "o'brien@example.org",
        "!#$%&'*+/=?^_`{|}~-@example.org",
        "a@xn--bcher-kva.example",
        "a@" + "b" * 63 + ".example",
        "l" * 64 + "@example.org",
        "1@2.example",
    ],
)
def test_an_ordinary_address_comes_back_as_it_was(text: str) -> None:
    assert str(EmailAddress.parse(text)) == text


def test_the_domain_is_lowered_and_the_local_part_is_not() -> None:
    assert str(EmailAddress.parse("User@EXAMPLE.Org")) == "User@example.org"
    assert EmailAddress.parse("u@EXAMPLE.org") == EmailAddress.parse("u@example.ORG")
    assert EmailAddress.parse("U@example.org") != EmailAddress.parse("u@example.org")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "user",
        "@example.org",
        "user@",
        "user@localhost",
        "user@@example.org",
        "a@b@example.org",
        ".user@example.org",
        "user.@example.org",
        "us..er@example.org",
        "user@.example.org",
        "user@example.org.",
        "user@example..org",
        "user@-example.org",
        "user@example-.org",
        "user@exa_mple.org",
        "user@[127.0.0.1]",
        '"user"@example.org',
        '"a@b"@example.org',
        "User <user@example.org>",
        "<user@example.org>",
        "user@example.org,other@example.org",
        "user@example.org other@example.org",
        "user@example.org;other@example.org",
        "user(comment)@example.org",
        " user@example.org",
        "user@example.org ",
        "user@example.org\n",
        "\nuser@example.org",
        "user@example.org\r\nBcc: victim@example.org",
        "user\r\nBcc: victim@example.org",
        "us\ner@example.org",
        "user@exam\nple.org",
        "user@example.org\0",
        "us\0er@example.org",
        "us\ter@example.org",
        "usér@example.org",
        "user@exämple.org",
        "user@example.org\u2028",
        "user\u00a0@example.org",
        "\uff55ser@example.org",
        "user@example\u3002org",
        "user@ex\u0130mple.org",
        "l" * 65 + "@example.org",
        "a@" + "b" * 64 + ".example",
        "a@" + ".".join(["b" * 60] * 5),
        "\ud800@example.org",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(AddressMalformed):
        EmailAddress.parse(text)


def test_an_address_has_at_most_254_octets() -> None:
    domain = ".".join(["b" * 61] * 4)  # 247
    assert str(EmailAddress.parse("123456@" + domain)) == "123456@" + domain
    with pytest.raises(AddressMalformed):
        EmailAddress.parse("1234567@" + domain)


@SOUND
@given(st.text() | ALMOST | ALMOST.map(lambda text: f"{text}@example.org"))
def test_any_text_is_one_plain_address_or_malformed(text: str) -> None:
    try:
        address = EmailAddress.parse(text)
    except AddressMalformed:
        return
    assert str(address).isascii()
    assert str(address).count("@") == 1
    assert not HEADER_BREAKERS & set(str(address))
    assert str(address).lower() == text.lower()
    assert EmailAddress.parse(str(address)) == address


@SOUND
@given(
    st.sampled_from(["user@example.org", "a@b.c"]),
    st.integers(0, 16),
    st.sampled_from(sorted(HEADER_BREAKERS | set("@é\x7f\x1b\x85"))),
)
def test_no_foreign_character_fits_in_anywhere(text: str, at: int, character: str) -> None:
    with pytest.raises(AddressMalformed):
        EmailAddress.parse(text[:at] + character + text[at:])


ATOMS = st.text(alphabet=string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@SOUND
@given(st.lists(ATOMS, min_size=1, max_size=3), st.lists(LABELS, min_size=2, max_size=4))
def test_every_dot_atom_at_a_domain_is_an_address(atoms: list[str], labels: list[str]) -> None:
    local, domain = ".".join(atoms)[:64].rstrip("."), ".".join(labels)
    assert str(EmailAddress.parse(f"{local}@{domain}")) == f"{local}@{domain}"


def test_a_masked_address_hides_who_it_is() -> None:
    assert EmailAddress.parse("somebody@example.org").masked == "s…@example.org"
