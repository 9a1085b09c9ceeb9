"""Credentials are derived, differ in every respect, and show nowhere."""

from dataclasses import replace
from hashlib import sha512

import pytest

from fakes import things
from keypost.credentials import (
    CredentialDeriver,
    dovecot_digest,
    password_matches,
    token_digest,
)
from keypost.mailbox import Mailbox

SECRET = b"correct horse battery staple 32b"
DERIVER = CredentialDeriver(SECRET)
MAILBOX = things.mailbox()
CREDENTIALS = DERIVER.derive(MAILBOX)


def test_the_same_mailbox_has_the_same_credentials() -> None:
    assert CredentialDeriver(SECRET).derive(MAILBOX) == CREDENTIALS
    assert CREDENTIALS.username == MAILBOX.username


def test_they_do_not_depend_on_what_may_change() -> None:
    changed = replace(MAILBOX.paid(MAILBOX.created_at), revoked_at=MAILBOX.created_at)
    assert DERIVER.derive(changed) == CREDENTIALS


@pytest.mark.parametrize(
    ("deriver", "mailbox"),
    [
        (DERIVER, replace(MAILBOX, generation=2)),
        (DERIVER, replace(MAILBOX, id="mailbox-2")),
        (CredentialDeriver(SECRET[::-1]), MAILBOX),
    ],
    ids=["generation", "mailbox", "secret"],
)
def test_another_generation_mailbox_or_secret_changes_both(
    deriver: CredentialDeriver, mailbox: Mailbox
) -> None:
    other = deriver.derive(mailbox)
    texts = {
        CREDENTIALS.password, CREDENTIALS.access_token, other.password, other.access_token,
    }  # fmt: skip
    assert len(texts) == 4


def test_password_and_token_have_nothing_in_common() -> None:
    assert CREDENTIALS.access_token.removeprefix("kpa_") != CREDENTIALS.password


def test_an_id_and_a_generation_cannot_be_mistaken_for_another_pair() -> None:
    first = replace(MAILBOX, id="mailbox-1", generation=11)
    second = replace(MAILBOX, id="mailbox-11", generation=1)
    assert DERIVER.derive(first).password != DERIVER.derive(second).password


def test_they_are_256_bits_in_letters_that_every_client_takes() -> None:
    for text in (CREDENTIALS.password, CREDENTIALS.access_token.removeprefix("kpa_")):
        assert len(text) == 43
        assert text.replace("-", "").replace("_", "").isalnum()
        assert text.isascii()


def test_a_repr_shows_no_secret() -> None:
    shown = repr(CREDENTIALS) + repr(DERIVER) + str(CREDENTIALS) + f"{DERIVER}"
    for secret in (CREDENTIALS.password, CREDENTIALS.access_token, SECRET.decode(), repr(SECRET)):
        assert secret not in shown


def test_a_short_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        CredentialDeriver(b"too short to be a secret, by one"[:31])
    assert "short" not in str(caught.value)


def test_digests_are_plain_sha512() -> None:
    assert token_digest("token") == sha512(b"token").hexdigest()
    assert dovecot_digest("password") == "{SHA512.HEX}" + sha512(b"password").hexdigest()


def test_a_password_matches_its_digest_and_no_other() -> None:
    digest = dovecot_digest(CREDENTIALS.password)
    assert password_matches(CREDENTIALS.password, digest)
    for wrong in ("", CREDENTIALS.password + " ", CREDENTIALS.access_token, digest, "ü"):
        assert not password_matches(wrong, digest)
    for other in ("", "ü", digest.removeprefix("{SHA512.HEX}"), digest.lower(), digest + "0"):
        assert not password_matches(CREDENTIALS.password, other)
