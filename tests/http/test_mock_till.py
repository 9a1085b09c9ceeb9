"""The till of the mock provider: who pays by opening a link, and who only looks."""

from datetime import timedelta

import httpx
import pytest

from fakes.service import Agent, MemoryService, refusal

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
async def till(agent: Agent) -> str:
    link: str = (await agent.claim()).json()["payment_url"]
    return "/mock/pay/" + link.rpartition("/")[2]


async def is_paid(agent: Agent) -> bool:
    return bool((await agent.claim()).json()["usable"])


async def test_curl_pays_by_getting_the_link(agent: Agent, till: str) -> None:
    reply = await agent.client.get(till)
    assert (reply.status_code, reply.json()) == (200, {"status": "paid"})
    assert reply.headers["Cache-Control"] == "no-store"
    assert await is_paid(agent)


async def test_a_browser_gets_a_button_and_changes_nothing(agent: Agent, till: str) -> None:
    reply = await agent.client.get(till, headers=BROWSER)
    assert reply.status_code == 200
    assert f'<form method="post" action="{till}">' in reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    assert not await is_paid(agent)


async def test_the_button_pays(agent: Agent, till: str) -> None:
    form = {**BROWSER, "Content-Type": "application/x-www-form-urlencoded"}
    reply = await agent.client.post(till, headers=form)
    assert reply.status_code == 200
    assert "Paid. Thank you." in reply.text
    assert await is_paid(agent)


@pytest.mark.parametrize("headers", [{}, BROWSER])
async def test_a_glance_changes_nothing(agent: Agent, till: str, headers: dict[str, str]) -> None:
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE"):
        await agent.client.request(method, till, headers=headers)
    assert not await is_paid(agent)


async def test_paying_twice_is_paying_once(agent: Agent, till: str, service: MemoryService) -> None:
    for _ in range(2):
        assert (await agent.client.post(till)).json() == {"status": "paid"}
    assert len(service.store.payments) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_session_is_not_found(client: httpx.AsyncClient, method: str) -> None:
    reply = await client.request(method, "/mock/pay/mock_nobody")
    assert (reply.status_code, refusal(reply)["code"]) == (404, "checkout_not_found")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_ended_session_cannot_be_paid(
    agent: Agent, till: str, service: MemoryService, method: str
) -> None:
    service.clock.advance(timedelta(days=2))
    reply = await agent.client.request(method, till)
    assert (reply.status_code, refusal(reply)["code"]) == (409, "checkout_ended")
    assert service.store.payments == []


async def test_who_comes_too_late_in_a_browser_is_told_on_a_page(
    agent: Agent, till: str, service: MemoryService
) -> None:
    service.clock.advance(timedelta(days=2))
    reply = await agent.client.post(till, headers=BROWSER)
    assert reply.status_code == 409
    assert "Nothing was charged." in reply.text
    assert "Content-Security-Policy" in reply.headers


async def test_a_session_is_shown_as_text_and_nothing_else(client: httpx.AsyncClient) -> None:
    reply = await client.get('/mock/pay/"><script>alert(1)<%2Fscript>', headers=BROWSER)
    assert "<script" not in reply.text
