"""Reading mail over HTTP, with the token in the body or as a Bearer."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from fakes.service import Agent, MemoryService, refusal
from keypost.message import Message

RAW = (
    b"From: shop@example.org\r\nTo: b\r\nSubject: <b>hello</b>\r\nDate: now\r\n\r\n\xff\x00body\r\n"
)
LETTER = Message(
    uid=0,
    sender="shop@example.org",
    to="b",
    subject="<b>hello</b>",
    date="2026-11-21T10:00:00Z",
    body="text",
    defects=("no charset",),
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def token(agent: Agent, service: MemoryService) -> str:
    token = await agent.token()
    (login,) = service.logins()
    service.inbox.deliver(login, RAW, message=LETTER, seen=True)
    service.inbox.deliver(login, RAW, message=LETTER)
    service.inbox.deliver(login, RAW, message=LETTER)
    return token


# --- both spellings ----------------------------------------------------------


async def test_both_spellings_list_the_same_newest_first(
    client: httpx.AsyncClient, token: str
) -> None:
    posted = await client.post("/v1/imap/messages", json={"access_token": token})
    got = await client.get("/v1/messages", headers=bearer(token))
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json()
    assert (got.json()["status"], got.json()["provider"]) == ("ok", "imap")
    assert [each["uid"] for each in got.json()["messages"]] == [3, 2]
    assert got.json()["messages"][0] == {
        "uid": 3,
        "from": "shop@example.org",
        "to": "b",
        "subject": "<b>hello</b>",
        "date": "2026-11-21T10:00:00Z",
        "defects": ["no charset"],
    }


async def test_lists_can_be_shorter_longer_and_with_text(
    client: httpx.AsyncClient, token: str
) -> None:
    wish = {"unread_only": False, "limit": 2, "include_body": True}
    posted = await client.post("/v1/imap/messages", json={"access_token": token, **wish})
    got = await client.get(
        "/v1/messages?unread_only=false&limit=2&include_body=true", headers=bearer(token)
    )
    assert posted.json() == got.json()
    assert [each["uid"] for each in got.json()["messages"]] == [3, 2]
    assert {each["body"] for each in got.json()["messages"]} == {"text"}
    every = await client.get("/v1/messages?unread_only=false", headers=bearer(token))
    assert [each["uid"] for each in every.json()["messages"]] == [3, 2, 1]


async def test_both_spellings_read_the_same_message(client: httpx.AsyncClient, token: str) -> None:
    for posted_wish, query in (({}, ""), ({"include_body": False}, "?include_body=false")):
        posted = await client.post(
            "/v1/imap/messages/get", json={"access_token": token, "uid": 2, **posted_wish}
        )
        got = await client.get(f"/v1/messages/2{query}", headers=bearer(token))
        assert posted.json() == got.json()
        assert got.json().keys() == {"status", "provider", "message"}
        assert ("body" in got.json()["message"]) is (not query)


async def test_reading_marks_nothing_as_read(
    client: httpx.AsyncClient, token: str, service: MemoryService
) -> None:
    await client.get("/v1/messages?include_body=true", headers=bearer(token))
    await client.get("/v1/messages/3", headers=bearer(token))
    await client.get("/v1/messages/3/raw", headers=bearer(token))
    assert not service.inbox.seen(service.logins()[0], 3)


async def test_the_raw_message_comes_byte_for_byte_and_is_no_page(
    client: httpx.AsyncClient, token: str
) -> None:
    reply = await client.get("/v1/messages/2/raw", headers=bearer(token))
    assert reply.status_code == 200
    assert reply.content == RAW
    assert reply.headers["Content-Type"].startswith("message/rfc822")
    assert reply.headers["Content-Length"] == str(len(RAW))
    assert reply.headers["Content-Disposition"] == 'attachment; filename="message-2.eml"'
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"


# --- refusals ----------------------------------------------------------------


@pytest.mark.parametrize(
    "uid",
    ["0", "4", "01", "-1", "x", "1.0", "%31%00", "4294967296", "9" * 400, "\u0661", "+1", " 1"],
)
async def test_a_message_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, token: str, uid: str
) -> None:
    for path in (f"/v1/messages/{uid}", f"/v1/messages/{uid}/raw"):
        reply = await client.get(path, headers=bearer(token))
        assert (reply.status_code, refusal(reply)["code"]) == (404, "message_not_found"), path


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer a b",
        "Bearer \xe4",
        "{}",
        "Token {}",
        "Bearer\t{}",
        "Bearer {}, Bearer {}",
    ],
)
async def test_a_missing_or_misspelled_bearer_is_told_so(
    client: httpx.AsyncClient, token: str, value: str | None
) -> None:
    given = {} if value is None else {"Authorization": value.replace("{}", token)}
    headers = httpx.Headers(given, encoding="latin-1")
    for path in ("/v1/messages", "/v1/messages/1", "/v1/messages/1/raw"):
        reply = await client.get(path, headers=headers)
        assert (reply.status_code, refusal(reply)["code"]) == (401, "access_token_missing"), path
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert token not in reply.text


async def test_two_authorizations_are_one_too_many(client: httpx.AsyncClient, token: str) -> None:
    twice = [("Authorization", f"Bearer {token}")] * 2
    reply = await client.get("/v1/messages", headers=twice)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "access_token_missing")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_has_no_case(client: httpx.AsyncClient, token: str, scheme: str) -> None:
    reply = await client.get("/v1/messages", headers={"Authorization": f"{scheme} {token}"})
    assert reply.status_code == 200


async def test_an_unknown_token_is_invalid_everywhere(client: httpx.AsyncClient) -> None:
    for reply in (
        await client.get("/v1/messages", headers=bearer("kpa_unknown")),
        await client.get("/v1/messages/1", headers=bearer("kpa_unknown")),
        await client.get("/v1/messages/1/raw", headers=bearer("kpa_unknown")),
        await client.post("/v1/imap/resolve", json={"access_token": "kpa_unknown"}),
        await client.post("/v1/imap/messages", json={"access_token": "kpa_unknown"}),
        await client.post("/v1/imap/messages/get", json={"access_token": "kpa_unknown", "uid": 1}),
    ):
        assert (reply.status_code, refusal(reply)["code"]) == (401, "access_token_invalid")
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert "kpa_unknown" not in reply.text


async def test_a_token_of_a_mailbox_that_ran_out_waits_for_its_payment(
    client: httpx.AsyncClient, agent: Agent, token: str, service: MemoryService
) -> None:
    service.clock.advance(timedelta(days=40))
    reply = await client.get("/v1/messages", headers=bearer(token))
    problem = refusal(reply)
    assert (reply.status_code, problem["code"]) == (409, "payment_due")
    assert (problem["status"], problem["payment_url"]) == ("waiting_payment", "")
    link = (await agent.claim()).json()["payment_url"]
    again = await client.post("/v1/imap/messages", json={"access_token": token})
    assert refusal(again)["payment_url"] == link


async def test_a_mail_store_that_is_down_is_worth_another_try(
    client: httpx.AsyncClient, token: str, service: MemoryService
) -> None:
    service.inbox.down = True
    for path in ("/v1/messages", "/v1/messages/1", "/v1/messages/1/raw"):
        reply = await client.get(path, headers=bearer(token))
        assert (reply.status_code, refusal(reply)["code"]) == (503, "inbox_unavailable")
        assert int(reply.headers["Retry-After"]) > 0


async def test_a_revoked_mailbox_is_closed_on_every_way_in(
    client: httpx.AsyncClient, agent: Agent, token: str, service: MemoryService
) -> None:
    [mailbox] = service.store.mailboxes
    service.store.tables.mailboxes[mailbox.id] = replace(mailbox, revoked_at=service.clock())
    for reply in (
        await agent.resolve(),
        await agent.prove_and_post("/v1/mailboxes/renew", billing_email="a@example.org"),
        await client.get("/v1/messages", headers=bearer(token)),
        await client.post("/v1/imap/resolve", json={"access_token": token}),
    ):
        assert (reply.status_code, refusal(reply)["code"]) == (409, "mailbox_revoked")
    claimed = (await agent.claim()).json()
    assert (claimed["status"], claimed["usable"], claimed["payment_url"]) == ("revoked", False, "")
    assert "access_token" not in claimed
