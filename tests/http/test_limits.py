"""How many at a time, how large and how slow: what is decided before the application."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from fakes.service import Agent, Json, MemoryService, refusal, talking_to
from keypost_adapters.http.turnstile import Turnstile, random_pause
from keypost_adapters.http.whole_body import WholeBody

NO_BODY = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> Json:
    return {"type": "http.request", "body": body, "more_body": more}


@dataclass
class Wire:
    """One request as a server hands it over: what is received is scripted, what is sent kept.

    After the script the caller says nothing more.
    """

    script: list[Json] = field(default_factory=lambda: [NO_BODY])
    path: str = "/"
    method: str = "GET"
    sent: list[Json] = field(default_factory=list)

    async def through(self, app: ASGIApp) -> None:
        scope: Json = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": self.method, "path": self.path, "raw_path": self.path.encode(),
            "query_string": b"", "root_path": "", "headers": [], "client": None, "server": None,
            "state": {},
        }  # fmt: skip
        await app(cast("Scope", scope), cast("Receive", self._receive), cast("Send", self._send))

    async def _receive(self) -> Json:
        if not self.script:
            await asyncio.Event().wait()
        return self.script.pop(0)

    async def _send(self, message: Json) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def problem(self) -> Json:
        problem: Json = json.loads(b"".join(each.get("body", b"") for each in self.sent))
        return problem


@dataclass
class Stage:
    """An application that keeps what it is given and answers when it may."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[Json] = field(default_factory=list)
    fails: bool = False
    reads: int = 1

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        self.received += [cast("Json", await receive()) for _ in range(self.reads)]
        await self.may_answer.wait()
        if self.fails:
            raise RuntimeError("inside")
        for message in (
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"ok"},
        ):
            await send(cast("Message", message))


def answering(**options: Any) -> Stage:  # noqa: ANN401 - whatever a Stage takes
    stage = Stage(**options)
    stage.may_answer.set()
    return stage


async def until(condition: Any) -> None:  # noqa: ANN401 - any callable
    while not condition():
        await asyncio.sleep(0)


# --- the turnstile -----------------------------------------------------------


async def test_who_finds_no_place_is_told_when_to_come_back() -> None:
    stage = Stage()
    app = Turnstile(stage, 1, pause=lambda: 42)
    inside = asyncio.create_task(Wire().through(app))
    await until(lambda: stage.received)
    outside = Wire()
    await outside.through(app)
    assert outside.status == 503
    assert outside.headers[b"retry-after"] == b"42"
    assert outside.headers[b"content-type"] == b"application/problem+json"
    assert outside.problem["code"] == "overloaded"
    assert outside.problem["retry_after_seconds"] == 42
    assert len(stage.received) == 1, "who is turned away costs the application nothing"
    stage.may_answer.set()
    await inside
    again = Wire()
    await again.through(app)
    assert again.status == 200


async def test_who_is_turned_away_gets_a_problem_like_all_others() -> None:
    stage = Stage()
    async with talking_to(Turnstile(stage, 1)) as client:
        inside = asyncio.create_task(client.get("/"))
        await until(lambda: stage.received)
        reply = await client.get("/v1/messages")
        assert reply.status_code == 503
        assert 3 <= refusal(reply)["retry_after_seconds"] <= 100
        stage.may_answer.set()
        assert (await inside).status_code == 200


def test_a_pause_is_between_3_and_100_seconds_and_not_always_the_same() -> None:
    pauses = {random_pause() for _ in range(2000)}
    assert all(3 <= pause <= 100 for pause in pauses)
    assert len(pauses) > 50


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/webhooks/polar", "/v1/webhooks/stripe"]
)
async def test_health_and_webhooks_are_not_turned_away_and_take_no_place(path: str) -> None:
    stage = Stage()
    app = Turnstile(stage, 1)
    tasks = [asyncio.create_task(Wire(path=each).through(app)) for each in ("/", path, path)]
    await until(lambda: len(stage.received) == 3)
    assert app.taken == 1
    stage.may_answer.set()
    await asyncio.gather(*tasks)
    assert app.taken == 0


async def test_health_of_a_full_service_is_told(service: MemoryService) -> None:
    service.gateway.answers.clear()  # the payment provider hangs, and so does who claims
    async with talking_to(service.app(places=1)) as client:
        claiming = asyncio.create_task(Agent(client).claim())
        await until(lambda: service.store.mailboxes)
        assert (await client.get("/")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        service.gateway.answers.set()
        assert (await claiming).status_code == 201
        assert (await client.get("/")).status_code == 200


async def test_no_places_means_no_limit() -> None:
    stage = Stage()
    app = Turnstile(stage, 0)
    tasks = [asyncio.create_task(Wire().through(app)) for _ in range(300)]
    await until(lambda: len(stage.received) == 300)
    stage.may_answer.set()
    await asyncio.gather(*tasks)
    assert app.taken == 0


async def test_a_failure_gives_its_place_back() -> None:
    app = Turnstile(answering(fails=True), 1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await Wire().through(app)
    assert app.taken == 0


async def test_a_caller_that_is_cancelled_gives_its_place_back() -> None:
    stage = Stage()
    app = Turnstile(stage, 1)
    inside = asyncio.create_task(Wire().through(app))
    await until(lambda: stage.received)
    inside.cancel()
    with suppress(asyncio.CancelledError):
        await inside
    assert app.taken == 0


async def test_what_is_no_request_is_let_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        seen.append(str(scope["type"]))

    for middleware in (Turnstile(app, 1), WholeBody(app, largest=1)):
        await middleware(
            cast("Scope", {"type": "lifespan"}), cast("Receive", None), cast("Send", None)
        )
    assert seen == ["lifespan", "lifespan"]


# --- the body ----------------------------------------------------------------


async def test_the_application_gets_the_body_whole() -> None:
    stage = answering()
    wire = Wire([part(b"a"), part(b""), part(b"bc"), part(b"", more=False)])
    await wire.through(WholeBody(stage, largest=3))
    assert wire.status == 200
    assert stage.received == [part(b"abc", more=False)]


async def test_a_server_may_leave_out_what_goes_without_saying() -> None:
    for script in ([{"type": "http.request"}], [part(b""), {"type": "http.request"}]):
        stage = answering()
        await Wire(script).through(WholeBody(stage, largest=3))
        assert stage.received == [NO_BODY]


async def test_after_the_body_comes_what_the_server_says() -> None:
    stage = answering(reads=2)
    await Wire([part(b"a", more=False), DISCONNECT]).through(WholeBody(stage, largest=3))
    assert stage.received == [part(b"a", more=False), DISCONNECT]


async def test_a_body_that_does_not_end_in_time_is_refused() -> None:
    stage = answering()
    wire = Wire([part(b"a")])
    await wire.through(WholeBody(stage, largest=3, seconds=0.02))
    assert (wire.status, wire.problem["code"]) == (408, "request_too_slow")
    assert stage.received == []


async def test_a_body_that_trickles_is_refused_all_the_same() -> None:
    stage = answering()

    @dataclass
    class Trickle(Wire):
        async def _receive(self) -> Json:
            await asyncio.sleep(0.005)
            return part(b"a")

    wire = Trickle()
    await wire.through(WholeBody(stage, largest=1000, seconds=0.05))
    assert (wire.status, wire.problem["code"]) == (408, "request_too_slow")
    assert stage.received == []


@pytest.mark.parametrize(
    "script",
    [
        [part(b"abcd", more=False)],
        [part(b"ab"), part(b"cd", more=False)],
        [part(b"abcd"), part(b"", more=False)],
        [part(b"abcd"), part(b"a", more=False)],
        [*(part(b"a") for _ in range(1000)), part(b"", more=False)],
    ],
)
async def test_a_byte_too_much_is_refused_when_all_was_sent(script: list[Json]) -> None:
    stage = answering()
    wire = Wire(list(script))
    await wire.through(WholeBody(stage, largest=3))
    assert (wire.status, wire.problem["code"]) == (413, "body_too_large")
    assert wire.script == stage.received == []


async def test_who_is_not_heard_out_loses_the_connection() -> None:
    # Nothing waits any more for the rest of the body, so it could come for ever.
    for body in (b"a", b"abcd"):
        wire = Wire([part(body)])
        await wire.through(WholeBody(answering(), largest=3, seconds=0.02))
        assert (wire.status, wire.headers[b"connection"]) == (408, b"close")


@pytest.mark.parametrize("script", [[DISCONNECT], [part(b"a"), DISCONNECT]])
async def test_who_hangs_up_gets_no_answer_and_costs_nothing(script: list[Json]) -> None:
    stage = answering()
    wire = Wire(list(script))
    await wire.through(WholeBody(stage, largest=3))
    assert wire.sent == stage.received == []


async def test_a_chunked_body_is_measured_too(client: httpx.AsyncClient) -> None:
    async def chunks(sizes: Iterable[int]) -> AsyncIterator[bytes]:
        for size in sizes:
            yield b" " * size

    for sizes, code in (([500_000] * 3, "body_too_large"), ([500_000] * 2, "body_malformed")):
        reply = await client.post("/v1/auth/challenge", content=chunks(sizes))
        assert "content-length" not in reply.request.headers
        assert refusal(reply)["code"] == code


async def test_a_slow_body_takes_no_place_at_the_turnstile(service: MemoryService) -> None:
    app = service.app(places=1)
    slow = [Wire([part(b"{")], path="/v1/auth/challenge", method="POST") for _ in range(5)]
    tasks = [asyncio.create_task(wire.through(app)) for wire in slow]
    await until(lambda: not any(wire.script for wire in slow))
    async with talking_to(app) as client:
        assert (await Agent(client).claim()).status_code == 201
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
