"""Claim, pay, resolve, renew: the main job over HTTP."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from fakes.service import Agent, MemoryService, talking_to


async def test_a_challenge_is_good_for_thirty_seconds(agent: Agent) -> None:
    reply = await agent.client.post("/v1/auth/challenge", json={"public_key": agent.line})
    assert reply.status_code == 200
    assert reply.json().keys() == {"challenge", "expires_in"}
    assert reply.json()["expires_in"] == 30


async def test_claiming_makes_a_mailbox_that_waits_for_its_payment(agent: Agent) -> None:
    reply = await agent.claim()
    assert reply.status_code == 201
    mailbox = reply.json()
    assert mailbox["mailbox_id"] == mailbox["id"]
    assert mailbox["email"].startswith("mbx_")
    assert mailbox["email"].endswith("@mail.local")
    assert (mailbox["status"], mailbox["usable"]) == ("pending_payment", False)
    assert mailbox["payment_url"].startswith("https://pay.example/")
    assert mailbox.keys() == {
        "id", "mailbox_id", "email", "status", "usable", "payment_url",
    }  # fmt: skip


async def test_claiming_again_finds_the_same_mailbox_and_link(agent: Agent) -> None:
    first, second = await agent.claim(), await agent.claim()
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


async def test_fifty_parallel_claims_make_one_mailbox(agent: Agent, service: MemoryService) -> None:
    replies = await asyncio.gather(*(agent.claim() for _ in range(50)))
    assert {reply.status_code for reply in replies} == {200, 201}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(service.store.mailboxes) == len(service.gateway.opened) == 1


async def test_a_paid_mailbox_shows_its_end_and_its_token(agent: Agent) -> None:
    await agent.pay()
    mailbox = (await agent.claim()).json()
    assert (mailbox["status"], mailbox["usable"]) == ("active", True)
    assert mailbox["payment_url"] == ""
    assert mailbox["expires_at"] == mailbox["subscription_expires_at"] == "2026-12-21T12:00:00Z"
    assert mailbox["access_token"] == (await agent.resolve()).json()["access_token"]


async def test_a_fraction_of_a_second_is_not_promised(agent: Agent, service: MemoryService) -> None:
    service.clock.advance(timedelta(microseconds=999_999))
    await agent.pay()
    assert (await agent.claim()).json()["expires_at"] == "2026-12-21T12:00:00Z"


async def test_an_expired_mailbox_keeps_its_token_to_itself(
    agent: Agent, service: MemoryService
) -> None:
    await agent.pay()
    service.clock.advance(timedelta(days=40))
    mailbox = (await agent.claim()).json()
    assert (mailbox["status"], mailbox["usable"]) == ("expired", False)
    assert mailbox["payment_url"]
    assert "access_token" not in mailbox


async def test_access_opens_the_mailbox(agent: Agent, service: MemoryService) -> None:
    await agent.pay()
    reply = await agent.resolve()
    (login,) = service.logins()
    assert reply.status_code == 200
    assert reply.json() == {
        "mailbox_id": service.store.mailboxes[0].id,
        "protocol": "imap",
        "host": "imap.mail.local",
        "port": 993,
        "tls": True,
        "username": login.username,
        "password": login.password,
        "email": f"{login.username}@mail.local",
        "access_token": login.access_token,
    }


async def test_the_token_opens_the_same(agent: Agent) -> None:
    token = await agent.token()
    by_token = await agent.client.post("/v1/imap/resolve", json={"access_token": token})
    assert by_token.json() == (await agent.resolve()).json()


async def test_access_without_payment_says_where_to_pay(agent: Agent) -> None:
    claimed = (await agent.claim()).json()
    reply = await agent.resolve()
    assert reply.status_code == 409
    assert reply.json()["code"] == "payment_due"
    assert reply.json()["status"] == "waiting_payment"
    assert reply.json()["payment_url"] == claimed["payment_url"]


async def test_access_without_a_mailbox_is_not_found(agent: Agent) -> None:
    reply = await agent.resolve()
    assert (reply.status_code, reply.json()["code"]) == (404, "mailbox_not_found")


async def test_renewing_gives_a_link_while_the_mailbox_is_active(agent: Agent) -> None:
    await agent.pay()
    reply = await agent.prove_and_post("/v1/mailboxes/renew", billing_email="other@example.org")
    assert reply.status_code == 200
    assert reply.json()["status"] == "active"
    assert reply.json()["payment_url"]


async def test_renewing_without_a_mailbox_is_not_found(agent: Agent) -> None:
    reply = await agent.prove_and_post("/v1/mailboxes/renew", billing_email="a@example.org")
    assert (reply.status_code, reply.json()["code"]) == (404, "mailbox_not_found")


@pytest.mark.parametrize("path", ["/v1/mailboxes/claim", "/v1/mailboxes/renew"])
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"billing_email": "no address"}, "address_malformed"),
        ({"billing_email": "a@example.org", "coupon_code": "FREE"}, "coupon_unknown"),
    ],
)
async def test_a_wrong_address_or_coupon_is_refused(
    agent: Agent, path: str, members: dict[str, object], code: str
) -> None:
    reply = await agent.prove_and_post(path, **members)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


@pytest.mark.parametrize("coupon", [None, ""])
async def test_no_coupon_can_be_said_in_two_ways(agent: Agent, coupon: str | None) -> None:
    reply = await agent.prove_and_post(
        "/v1/mailboxes/claim", billing_email="a@example.org", coupon_code=coupon
    )
    assert reply.status_code == 201


@pytest.mark.parametrize("missing", ["challenge", "signature", "edproof"])
async def test_half_a_proof_is_told_where_to_begin(agent: Agent, missing: str) -> None:
    proof = {name: text for name, text in (await agent.proof()).items() if name != missing}
    reply = await agent.client.post("/v1/access/resolve", json={**proof, "protocol": "imap"})
    assert (reply.status_code, reply.json()["code"]) == (400, "proof_missing")
    assert "/v1/auth/challenge" in reply.json()["fix"]


async def test_a_proof_is_good_once(agent: Agent) -> None:
    body = {**await agent.proof(), "billing_email": "a@example.org"}
    first = await agent.client.post("/v1/mailboxes/claim", json=body)
    second = await agent.client.post("/v1/mailboxes/claim", json=body)
    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (401, "challenge_used")


async def test_another_protocol_is_refused(agent: Agent) -> None:
    reply = await agent.prove_and_post("/v1/access/resolve", protocol="pop3")
    assert (reply.status_code, reply.json()["code"]) == (400, "protocol_unsupported")


async def test_a_provider_that_is_down_is_worth_another_try(
    agent: Agent, service: MemoryService
) -> None:
    service.gateway.down = True
    reply = await agent.claim()
    assert (reply.status_code, reply.json()["code"]) == (503, "payment_provider_unavailable")
    assert reply.headers["Retry-After"] == str(reply.json()["retry_after_seconds"])


async def test_replies_of_the_api_are_not_kept_by_caches(agent: Agent) -> None:
    for reply in (await agent.claim(), await agent.resolve()):
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_without_the_mock_provider_there_is_no_till(service: MemoryService) -> None:
    async with talking_to(service.app(with_mock_pay=False)) as client:
        replies: list[httpx.Response] = [
            await client.get("/mock/pay/mock_1"),
            await client.post("/mock/pay/mock_1"),
        ]
        document = (await client.get("/schema/openapi.json")).json()
    assert [reply.status_code for reply in replies] == [404, 404]
    assert "/mock/pay/{session_id}" not in document["paths"]
