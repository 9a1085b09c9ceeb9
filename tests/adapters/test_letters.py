"""Letters say what the outbox knows, in text and in HTML."""

from dataclasses import replace

import pytest
from jinja2 import UndefinedError

from fakes import things
from keypost.letters import LetterKind, OutboxEntry
from keypost_adapters.letters.jinja import JinjaLetterWriter

WRITER = JinjaLetterWriter()
ENTRY = things.letter()
LETTER = WRITER.write(ENTRY)


def with_facts(**facts: str) -> OutboxEntry:
    return replace(ENTRY, facts={**ENTRY.facts, **facts})


def test_a_letter_goes_to_the_entrys_recipient() -> None:
    assert LETTER.to == things.PAYER


def test_the_subject_is_one_line() -> None:
    assert LETTER.subject == "Payment link for mailbox mbx_1@keypost.example"


def test_text_and_html_name_every_fact() -> None:
    for name in ("email", "holder", "payment_url", "price"):
        assert ENTRY.facts[name] in LETTER.text
        assert ENTRY.facts[name] in LETTER.html


def test_the_link_stands_alone_on_its_line_and_can_be_clicked() -> None:
    url = ENTRY.facts["payment_url"]
    assert url in (line.strip() for line in LETTER.text.splitlines())
    assert f'href="{url}"' in LETTER.html


@pytest.mark.parametrize(("months", "words"), [("1", "1 month"), ("12", "12 months")])
def test_months_are_counted_as_people_do(months: str, words: str) -> None:
    letter = WRITER.write(with_facts(months=months))
    for content in (letter.text, letter.html):
        assert f"1.00 EUR for {words}" in content
        assert f"{words}s" not in content


def test_html_in_a_fact_is_text() -> None:
    letter = WRITER.write(with_facts(holder='<script>alert("&")</script>'))
    assert "<script>" not in letter.html
    assert "&lt;script&gt;" in letter.html
    assert '<script>alert("&")</script>' in letter.text


def test_a_quote_does_not_break_out_of_the_link() -> None:
    letter = WRITER.write(with_facts(payment_url='https://pay.example/?a=1&b="><b>'))
    assert '"><b>' not in letter.html
    assert "a=1&amp;b=" in letter.html


@pytest.mark.parametrize("missing", sorted(ENTRY.facts))
def test_a_missing_fact_is_an_error_and_no_gap(missing: str) -> None:
    facts = {name: value for name, value in ENTRY.facts.items() if name != missing}
    with pytest.raises(UndefinedError, match=missing):
        WRITER.write(replace(ENTRY, facts=facts))


def test_a_letter_asks_for_nothing_from_elsewhere() -> None:
    for loaded in ("<img", "<script", "<link", "url("):
        assert loaded not in LETTER.html


@pytest.mark.parametrize("kind", list(LetterKind))
def test_every_kind_has_a_text_and_a_page(kind: LetterKind) -> None:
    for ending in ("txt", "html"):
        name = f"{kind.value}.{ending}"
        assert WRITER.templates.get_template(name).name == name
