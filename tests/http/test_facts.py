"""Every fact has a number, a fix, and a page that explains it."""

from html import unescape

import httpx
import pytest

from fakes.service import refusal
from keypost.errors import Fact
from keypost_adapters.http.explained import explained_facts
from keypost_adapters.http.fixes import FIXES, fix_for
from keypost_adapters.http.openapi import sample_of
from keypost_adapters.http.problems import headers_of, number_of, problem_of

FACTS = sorted(explained_facts(), key=lambda fact: fact.slug)

each_fact = pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.slug)


@each_fact
def test_a_fact_has_a_fix_of_one_sentence(fact: type[Fact]) -> None:
    assert fix_for(fact)[0].isupper()
    assert fix_for(fact).endswith(".")


def test_no_fix_is_for_a_fact_that_is_gone() -> None:
    assert set(FIXES) == {fact.slug for fact in FACTS}
    assert len(FACTS) > 40


@each_fact
def test_a_fact_has_a_status_of_its_kind(fact: type[Fact]) -> None:
    assert 400 <= number_of(fact) <= 599
    if number_of(fact) in {429, 503}:
        assert headers_of(sample_of(fact))["Retry-After"].isdigit()


@each_fact
def test_a_fact_as_a_problem_repeats_its_detail_and_has_no_number(fact: type[Fact]) -> None:
    problem = problem_of(sample_of(fact))
    assert problem.error == problem.detail
    assert problem.type == f"/problems/{problem.code}"
    assert not isinstance(problem.status, int)


async def test_every_fact_has_a_page(client: httpx.AsyncClient) -> None:
    for fact in FACTS:
        reply = await client.get(f"/problems/{fact.slug}")
        assert reply.status_code == 200, fact
        assert reply.headers["Content-Type"].startswith("text/html")
        text = unescape(reply.text)
        for words in (fact.title, fact.slug, str(number_of(fact)), fix_for(fact)):
            assert words in text


async def test_an_unknown_code_has_no_page(client: httpx.AsyncClient) -> None:
    for code in ("fact", "unknown", "Malformed", "a.b", "%00", "challenge-used"):
        reply = await client.get(f"/problems/{code}")
        assert (reply.status_code, refusal(reply)["code"]) == (404, "path_unknown"), code
