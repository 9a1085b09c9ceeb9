"""What a reader sees of ordinary mail."""

import pytest

from keypost.message import Message
from keypost_adapters.inbox.readable.message import read_message


def read(raw: str | bytes, *, include_body: bool = True) -> Message:
    octets = raw if isinstance(raw, bytes) else raw.replace("\n", "\r\n").encode()
    return read_message(octets, uid=7, include_body=include_body)


def body(raw: str | bytes) -> str | None:
    return read(raw).body


def multipart(kind: str, *parts: str) -> str:
    chunks = "".join(f"--b\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="b"\n\npreamble\n{chunks}--b--\nepilogue\n'


PLAIN = "Content-Type: text/plain\n\nplain"
HTML = "Content-Type: text/html\n\n<p>rich</p>"
FILE = "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nfile"


def test_a_simple_message_has_its_fields() -> None:
    raw = (
        "From: Ann <ann@example.org>\nTo: mbx_a@mail.local\nSubject: hello\n"
        "Date: Sat, 21 Nov 2026 11:40:00 +0100\n\nfirst\nsecond\n"
    )
    assert read(raw) == Message(
        uid=7,
        sender="Ann <ann@example.org>",
        to="mbx_a@mail.local",
        subject="hello",
        date="2026-11-21T10:40:00Z",
        body="first\nsecond",
    )


def test_a_body_that_was_not_asked_for_is_none() -> None:
    assert read("Subject: a\n\nb", include_body=False).body is None


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?Q?caf=C3=A9_au_lait?=", "café au lait"),
        ("=?UTF-8?B?Y2Fmw6k=?=", "café"),
        ("=?iso-8859-1?q?caf=E9?=", "café"),
        ("=?iso-8859-1?q?=80?=", "€"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?=\n =?utf-8?q?b?=", "ab"),
        ("x =?utf-8?q?a?= y", "x a y"),
        ("=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"),
        ("=?gb2312?b?xOO6ww==?=", "你好"),
        ("folded\n\tand on", "folded\tand on".replace("\t", " ")),
        ("=?utf-8?q?a=0D=0ABcc:_eve@evil.test?=", "a  Bcc: eve@evil.test"),
        ("=?utf-8?q?=E2=80=AEgpj.exe?=", "gpj.exe"),
        ("=?utf-8?q?=1B[31m?=", "[31m"),
        ("=?utf-7?q?+2AA-?=", "\N{REPLACEMENT CHARACTER}"),
        ("кириллица", "кириллица"),
        ("=?utf-8?x?not?=", "=?utf-8?x?not?="),
        ("a =?= b ?= c", "a =?= b ?= c"),
    ],
)
def test_header_text_is_decoded_on_one_line(header: str, text: str) -> None:
    assert read(f"Subject: {header}\n\n").subject == text


def test_eight_bit_headers_are_guessed_with_a_defect() -> None:
    message = read("Subject: café\n\n".encode("latin-1"))
    assert message.subject == "café"
    assert message.defects == ("charset_guessed",)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?q?boss=40corp.test=3E?= <eve@x.test>", '"boss@corp.test>" <eve@x.test>'),
        ("=?utf-8?q?Doe=2C_Jo=C3=A3o?= <a@x.test>", '"Doe, João" <a@x.test>'),
        ('"=?utf-8?q?Doe=2C_J?=" <a@x.test>', '"Doe, J" <a@x.test>'),
        ('"=?utf-8?q?=22_=3Cboss=40x.test=3E?=" <eve@x.test>', '"\\" <boss@x.test>" <eve@x.test>'),
        ("=?utf-8?q?Jo=C3=A3o?= <a@x.test>", "João <a@x.test>"),
    ],
)
def test_a_display_name_cannot_pretend_to_be_the_address(header: str, text: str) -> None:
    assert read(f"From: {header}\n\n").sender == text


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Voilà une lettre écrite en français, où les accents ont été gardés à la fin.", "cp1252"),
        ("Здравствуйте, это письмо написано по-русски, и кодировка не указана.", "cp1251"),
        ("Здравствуйте, это письмо написано по-русски, и кодировка не указана.", "koi8-r"),
        (
            "これは日本語の手紙です。文字コードは書かれていません。よろしくお願いします。",
            "shift_jis",
        ),
    ],
)
def test_a_body_without_charset_is_guessed_with_a_defect(text: str, charset: str) -> None:
    message = read(b"\r\n" + text.encode(charset))
    assert (message.body, message.defects) == (text, ("charset_guessed",))


@pytest.mark.parametrize(
    ("header", "date"),
    [
        ("Sat, 21 Nov 2026 10:40:00 +0000", "2026-11-21T10:40:00Z"),
        ("21 Nov 2026 10:40 GMT (comment)", "2026-11-21T10:40:00Z"),
        ("Sat, 21 Nov 2026 23:40:00 -0800", "2026-11-22T07:40:00Z"),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z"),
        ("", ""),
    ],
)
def test_dates_are_told_in_utc(header: str, date: str) -> None:
    message = read(f"Date: {header}\n\n")
    assert (message.date, message.defects) == (date, ())


@pytest.mark.parametrize(
    "header", ["yesterday", "Sat, 99 Nov 2026 10:40:00", "31 Dec 9999 23:00:00 -1000", "²" * 50]
)
def test_an_unreadable_date_is_empty_and_a_defect(header: str) -> None:
    message = read(f"Date: {header}\n\n")
    assert (message.date, message.defects) == ("", ("date_unreadable",))


def test_a_repeated_field_is_the_first_one_and_a_defect() -> None:
    message = read("From: a@x.test\nFrom: b@x.test\n\n")
    assert (message.sender, message.defects) == ("a@x.test", ("header_repeated",))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (multipart("alternative", PLAIN, HTML), "plain"),
        (multipart("alternative", HTML, PLAIN), "plain"),
        (multipart("alternative", "Content-Type: text/plain\n\n  ", HTML), "rich"),
        (multipart("alternative", "Content-Type: text/x-amp-html\n\namp", HTML), "rich"),
        (multipart("mixed", PLAIN, FILE), "plain"),
        (multipart("mixed", FILE, HTML), "rich"),
        (multipart("mixed", FILE), ""),
        (multipart("mixed", HTML, PLAIN), "rich\n\nplain"),
        (multipart("mixed", PLAIN, "Content-Type: text/calendar\n\nBEGIN"), "plain"),
        (multipart("related", HTML, "Content-Type: image/png\n\npixels"), "rich"),
        (multipart("signed", PLAIN, "Content-Type: application/pgp-signature\n\nsig"), "plain"),
        (multipart("unheard-of", PLAIN), "plain"),
        (multipart("mixed", "\nno header"), "no header"),
        ("Content-Type: text/calendar\n\nBEGIN", "BEGIN"),
        ("Content-Type: application/pdf\n\nbinary", ""),
        ("Content-Type: text/html\n\n<p>a</p><script>b</script><p>c", "a\n\nc"),
        ("Content-Type: text/plain; format=flowed\n\na \nb\n> c \n> d\n-- \nme", "a b\n> c d\n-- \nme"),
        ("Content-Type: text/plain; format=flowed; delsp=yes\n\na \nb\n  c", "ab\n c"),
        ("Content-Transfer-Encoding: base64\n\naGVsbG8g\nd29ybGQ", "hello world"),
        ("Content-Transfer-Encoding: quoted-printable\n\nhello=\n =C3=A9", "hello é"),
        ("Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\n=A4", "€"),
    ],
)  # fmt: skip
def test_a_body_is_what_a_mail_reader_shows(raw: str, text: str) -> None:
    message = read(raw)
    assert message.body == text
    assert message.defects == ()


def test_a_forwarded_message_is_shown_with_its_title() -> None:
    inner = "From: ann@example.org\nSubject: =?utf-8?q?caf=C3=A9?=\n\nthe text"
    raw = multipart("mixed", PLAIN, f"Content-Type: message/rfc822\n\n{inner}")
    assert body(raw) == (
        "plain\n\n---------- Forwarded message ----------\n"
        "From: ann@example.org\nSubject: café\n\nthe text"
    )


def test_html_shows_links_and_hides_what_is_hidden() -> None:
    raw = (
        "Content-Type: text/html\n\n"
        '<div style="color:red;display: none">secret orders</div><a href="https://x.test/r?a=1&amp;b=2">reset</a>'
        '<a href="javascript:alert(1)"> no</a>'
    )
    assert body(raw) == "[reset](https://x.test/r?a=1&b=2) no"


def test_table_cells_stand_beside_each_other() -> None:
    raw = "Content-Type: text/html\n\n<table><tr><td>Code</td><td>123</td></tr><tr><td>x</table>"
    assert body(raw) == "Code 123\nx"


@pytest.mark.parametrize(
    ("raw", "text", "defect"),
    [
        (b"Content-Type: text/plain; charset=klingon\n\nhi", "hi", "charset_unknown"),
        (b"Content-Type: text/plain; charset=utf-8\n\nh\xff", "h\ufffd", "charset_broken"),
        (b"Content-Transfer-Encoding: rot13\n\nhi", "hi", "transfer_encoding_unknown"),
        (b"Content-Transfer-Encoding: base64\n\naG!k=", "hi", "base64_broken"),
        (b"Content-Type: nonsense\n\nhi", "hi", "content_type_malformed"),
        (b"Content-Type: multipart/mixed\n\nhi", "hi", "multipart_broken"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi", "hi", "multipart_broken"),
        (b"Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nhi", "", "encrypted"),
        (b"no header here\n\nhi", "hi", "header_malformed"),
    ],
)
def test_what_is_broken_is_named_and_the_rest_is_given(raw: bytes, text: str, defect: str) -> None:
    message = read(raw)
    assert (message.body, message.defects) == (text, (defect,))


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert body(b"\r\na\x1b[2J\x00b\x7fc\td\re") == "a[2Jbc\td\ne"
