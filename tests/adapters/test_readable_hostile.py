"""Mail made to hurt its reader: nothing raises, nothing takes long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypost.message import Message
from keypost_adapters.inbox.readable.message import MESSAGE_BYTES, read_message
from keypost_adapters.inbox.readable.text import BODY_CHARACTERS

# Measured below 0.8 s; the rest is for a busy machine.
SECONDS = 4.0
MIME = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
RICH = b"Content-Type: text/html\r\n\r\n"
FLOWED = b"Content-Type: text/plain; format=flowed\r\n\r\n"


def nested_multiparts(levels: int) -> bytes:
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
        for level in range(levels)
    )


HOSTILE = {
    "nested multiparts": nested_multiparts(20_000),
    "one boundary for all levels": (MIME + b"--b\r\n") * 18_000,
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
    "many parts": MIME + b"\r\n--b" * 200_000,
    "long boundaries": MIME + (b"--b\r\n" + MIME.replace(b'"b"', b'"' + b"x" * 15_000 + b'"')) * 60,
    "almost delimiters": MIME + (b"\n--b" + b" " * 1000 + b"x") * 1000,
    "dashes": MIME.replace(b'"b"', b'"-"') + b"-" * MESSAGE_BYTES,
    "a subject of words": b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\n",
    "a subject of folds": b"Subject: " + b"a\r\n " * 200_000 + b"\r\n\r\n",
    "a subject of marks": b"Subject: " + b"=?" * 100_000 + b"\r\n\r\n",
    "many fields": b"a:\n" * 300_000,
    "no line end": b"x" * MESSAGE_BYTES,
    "line feeds": MIME + b"\n" * MESSAGE_BYTES,
    "carriage returns": MIME + b"\r" * MESSAGE_BYTES,
    "quotes in parameters": b"Content-Type: text/plain; " + b'a="\\' * 5000 + b"\r\n\r\n",
    "spaces in parameters": b"Content-Type: text/plain" + b";          " * 1500 + b"\r\n\r\n",
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a" * MESSAGE_BYTES,
    "zlib": b"Content-Type: text/plain; charset=zlib\r\n\r\n" + b"a" * 1000,
    "utf-7 surrogates": b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+2AA-" * 200_000,
    "every high byte": b"\r\n" + bytes(range(128, 256)) * 8000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"====YWFh" * 100_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"= \t" * 300_000,
    "flowed lines": FLOWED + b"> a \r\n" * 170_000,
    "flowed depths": FLOWED + (b">" * 3000 + b" a \r\n") * 340,
    "nested divs": RICH + b"<div>" * 100_000 + b"x",
    "nested formats": RICH + b"<p><font><b><i>" * 30_000,
    "nested lists": RICH + b"<ul><li>" * 110 + b"<li>x" * 90_000,
    "nested quotes": RICH + b"<blockquote>" * 60 + b"<p>x" * 90_000,
    "a wide column": RICH + b"<table><tr><td>" + b"w" * 100_000 + b"</td></tr>" + b"<tr><td>a" * 15_000,
    "indents": RICH + b'<p style="padding-left:99999999em;margin-before:99999em">x</p>' * 1000,
    "attributes": RICH + b"<a " + b"".join(b"a%d=1 " % n for n in range(40_000)) + b">x</a>",
    "a long attribute": RICH + b'<a href="https://x/' + b"x" * 200_000 + b'">y</a>',
    "open comments": RICH + b"<!--" * 60_000,
    "open tags": RICH + b"<" * 250_000,
    "many rich parts": MIME + (b"--b\r\n" + RICH + b"<p>x</p>" * 600 + b"\r\n") * 190,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_in_bounded_time_and_space(name: str) -> None:
    began = time.process_time()
    message = read_message(HOSTILE[name], uid=1, include_body=True)
    assert time.process_time() - began < SECONDS
    assert_sound(message)


def test_text_below_the_deepest_level_is_lost_and_told() -> None:
    message = read_message(b"Subject: a\r\n" + nested_multiparts(100), uid=1, include_body=True)
    assert message.subject == "a"
    assert "too_deep" in message.defects


def test_html_nested_too_deep_still_gives_its_text() -> None:
    raw = RICH + b"<div>" * 1000 + b"the text"
    message = read_message(raw, uid=1, include_body=True)
    assert message.body is not None
    assert "the text" in message.body
    assert message.defects == ("html_broken",)


@pytest.mark.parametrize(
    "header", [b"Message-ID: <[]>", b"Content-Disposition: a; filename=../../x"]
)
def test_fields_that_break_parsers_break_nothing(header: bytes) -> None:
    message = read_message(header + b"\r\nSubject: a\r\n\r\nb", uid=1, include_body=True)
    assert message.subject == "a"


WORDS = st.sampled_from(
    [
        b"From: ", b"Subject: ", b"Date: ", b"To:", b"\r\n", b"\n", b" ", b"\t", b"--b", b"--b--", b"--",
        b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n",
        b'Content-Type: multipart/alternative; boundary="b"\r\n', b"Content-Type: text/html; charset=",
        b"Content-Type: text/plain; format=flowed; delsp=yes; charset=", b"utf-16", b"utf-7", b"hz",
        b"iso-2022-jp", b"big5", b"=?utf-8?q?", b"=?utf-7?b?", b"?=", b"=?iso-2022-kr?b?", b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n", b"=3D", b"+2AA-", b"\xff", b"\x00", b"\x1b$B", b"<p>",
        b"<table><td>", b"<a href=", b"<!DOCTYPE", b"<?xml version='1.0' encoding='x'?>", b"&#xD800;", b"Sat, 21 Nov 2026 10:40:00 +9999",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS | st.binary(max_size=12), max_size=40).map(b"".join))
def test_no_message_raises(raw: bytes) -> None:
    assert_sound(read_message(raw, uid=1, include_body=True))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["utf-8", "utf-16", "utf-7", "gb18030", "utf-8-sig"]))
def test_a_body_survives_its_charset(text: str, charset: str) -> None:
    kept = "".join(letter for letter in text if letter.isprintable())
    raw = f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + kept.encode(charset)
    message = read_message(raw, uid=1, include_body=True)
    assert message.body == kept
    assert message.defects == ()


def assert_sound(message: Message) -> None:
    for field in (message.sender, message.to, message.subject, message.date):
        assert len(field.splitlines()) <= 1
        assert not any(letter < " " for letter in field)
        field.encode()
    assert message.body is not None
    assert len(message.body) <= BODY_CHARACTERS + 1000
    message.body.encode()
    assert all(slug.isidentifier() for slug in message.defects)
