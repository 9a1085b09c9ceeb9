"""Loopback stand-ins for the vendors' HTTP APIs, measured by their own descriptions.

A stand-in speaks HTTP on a real socket, checks each request as its vendor
would, and keeps what it accepted. ``mode`` makes it fail in every way we know.
"""

import asyncio
import base64
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import jsonschema_rs
import yaml

Json: TypeAlias = Any
SPECS = Path(__file__).parents[2].parent / "shared/specs"
API_KEY = "key-5ecret-of-the-vendor"
DOMAIN = "mg.example.net"
GOSSIP = "payer@example.org is not allowed to use key-5ecret-of-the-vendor"


class Mode(Enum):
    """How the vendor behaves."""

    WORKING = "working"
    REFUSING = "refusing"
    LIMITING = "limiting"
    BROKEN = "broken"
    MOVED = "moved"
    GARBLED = "garbled"  # the right status, and a body that is not what was promised
    NESTED = "nested"  # the same, with a body that breaks naive parsers
    NOT_HTTP = "not http"
    HANGING = "hanging"
    DRIPPING = "dripping"  # a byte now and then, for ever
    DROPPING = "dropping"  # takes the request, and hangs up
    FORGETTING = "forgetting"  # accepts the letter, and hangs up before saying so


_STATUS = {Mode.REFUSING: 403, Mode.LIMITING: 429, Mode.BROKEN: 502, Mode.MOVED: 307}


@dataclass(frozen=True)
class Delivered:
    """An accepted letter; ``mark`` is what a duplicate is recognised by."""

    to: str
    subject: str
    text: str
    html: str
    sender: str
    mark: str


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Vendor(ABC):
    """One vendor's API: what it takes, what it answers, and what it accepted."""

    accepted = 200

    def __init__(self) -> None:
        self.mode = Mode.WORKING
        self.delivered: list[Delivered] = []
        self.requests: list[Request] = []
        self.url = ""

    @abstractmethod
    def take(self, request: Request) -> tuple[int, bytes]:
        """Check a request and accept its letter, or refuse it."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            self.requests.append(request)
            await self._answer(request, writer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        match self.mode:
            case Mode.WORKING:
                writer.write(_reply(*self.take(request)))
            case Mode.GARBLED:
                writer.write(_reply(self.accepted, b'{"id": 7, "emailId": null}'))
            case Mode.NESTED:
                writer.write(_reply(self.accepted, b"[" * 100_000))
            case Mode.NOT_HTTP:
                writer.write(b"220 mail.example ESMTP\r\n")
            case Mode.HANGING:
                await asyncio.sleep(60)
            case Mode.DRIPPING:
                await _drip(self.accepted, writer)
            case Mode.DROPPING:
                pass
            case Mode.FORGETTING:
                self.take(request)
            case _:
                writer.write(_reply(_STATUS[self.mode], GOSSIP.encode()))


class _JsonVendor(Vendor):
    """A vendor that takes JSON, a bearer token, and perhaps an idempotency key."""

    path: str
    receipt: str | None

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, tuple[bytes, bytes]] = {}

    @abstractmethod
    def letter(self, body: Json, key: str) -> Delivered: ...

    @abstractmethod
    def schema(self) -> Json: ...

    def take(self, request: Request) -> tuple[int, bytes]:
        body = json.loads(request.body)
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return 401, b"{}"
        if (request.method, request.path) != ("POST", self.path) or not self.is_described(body):
            return 422, b"{}"
        return self._kept(body, request)

    def is_described(self, body: Json) -> bool:
        if not SPECS.is_dir():
            return True
        schema = self.schema()
        return jsonschema_rs.is_valid(schema, body) and body.keys() <= _properties(schema).keys()

    def _kept(self, body: Json, request: Request) -> tuple[int, bytes]:
        if self.receipt is None:
            self.delivered.append(self.letter(body, ""))
            return self.accepted, b""
        key = request.headers["idempotency-key"]
        if key not in self._known:
            self.delivered.append(self.letter(body, key))
            receipt = json.dumps({self.receipt: f"letter-{len(self.delivered)}"}).encode()
            self._known[key] = (request.body, receipt)
        first, receipt = self._known[key]
        return (200, receipt) if first == request.body else (409, b"{}")


class Resend(_JsonVendor):
    path, receipt = "/emails", "id"

    def schema(self) -> Json:
        return {"$ref": "#/components/schemas/SendEmailRequest", **_resend()}

    def described_receipt(self) -> Json:
        return _resend()["components"]["schemas"]["SendEmailResponse"]["properties"]

    def letter(self, body: Json, key: str) -> Delivered:
        [to] = body["to"]
        return Delivered(to, body["subject"], body["text"], body["html"], body["from"], key)


class Unsend(_JsonVendor):
    path, receipt = "/api/v1/emails", "emailId"

    def schema(self) -> Json:
        return _body(_described("unsend.openapi.json")["paths"]["/v1/emails"]["post"])

    def described_receipt(self) -> Json:
        operation = _described("unsend.openapi.json")["paths"]["/v1/emails"]["post"]
        return _schema(operation["responses"]["200"])["properties"]

    def letter(self, body: Json, key: str) -> Delivered:
        return Delivered(body["to"], body["subject"], body["text"], body["html"], body["from"], key)


class SendGrid(_JsonVendor):
    path, receipt, accepted = "/v3/mail/send", None, 202

    def schema(self) -> Json:
        return _body(_described("sendgrid-mail-send.openapi.json")["mail_send"]["post"])

    def letter(self, body: Json, key: str) -> Delivered:
        del key
        [person] = body["personalizations"]
        [to] = person["to"]
        text, html = body["content"]
        assert (text["type"], html["type"]) == ("text/plain", "text/html")
        assert person["headers"]["X-Entity-Ref-ID"] == person["custom_args"]["idempotency_key"]
        return Delivered(
            to=to["email"],
            subject=body["subject"],
            text=text["value"],
            html=html["value"],
            sender=f"{body['from']['name']} <{body['from']['email']}>",
            mark=person["custom_args"]["idempotency_key"],
        )


class Mailgun(Vendor):
    """Mailgun, as ``shared/specs/README.md`` describes it."""

    def take(self, request: Request) -> tuple[int, bytes]:
        credentials = base64.b64encode(f"api:{API_KEY}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {credentials}":
            return 401, b"Forbidden"
        if (request.method, request.path) != ("POST", f"/v3/{DOMAIN}/messages"):
            return 404, b"{}"
        form = parse_qs(request.body.decode(), strict_parsing=True)
        assert all(len(values) == 1 for values in form.values())
        one = {name: values[0] for name, values in form.items()}
        for to in one["to"].split(","):
            self.delivered.append(_by_mailgun(to, one))
        return 200, b'{"id": "<1@mg.example.net>", "message": "Queued. Thank you."}'


def _by_mailgun(to: str, form: dict[str, str]) -> Delivered:
    return Delivered(
        to=to,
        subject=form["subject"],
        text=form["text"],
        html=form["html"],
        sender=form["from"],
        mark=form["h:X-Entity-Ref-ID"],
    )


@asynccontextmanager
async def listening(vendor: Vendor) -> AsyncIterator[Vendor]:
    """Let a vendor listen on a free port of 127.0.0.1."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            await vendor.answer(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            conversations.discard(task)

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        for task in list(conversations):
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(method, path, headers, body)


def _reply(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def _drip(status: int, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@cache
def _described(name: str) -> Json:
    return json.loads((SPECS / name).read_text())


@cache
def _resend() -> Json:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    described = yaml.load((SPECS / "resend.openapi.yaml").read_text(), loader)  # noqa: S506 - safe
    return {"components": {"schemas": described["components"]["schemas"]}}


def _body(operation: Json) -> Json:
    return _without_other_files(_schema(operation["requestBody"]))


def _schema(described: Json) -> Json:
    return described["content"]["application/json"]["schema"]


def _without_other_files(schema: Json) -> Json:
    """Leave out what refers to files that were not published with the description."""
    match schema:
        case {"$ref": str(where)} if not where.startswith("#"):
            return {}
        case dict():
            return {name: _without_other_files(part) for name, part in schema.items()}
        case list():
            return [_without_other_files(part) for part in schema]
        case _:
            return schema


def _properties(schema: Json) -> Json:
    if "$ref" in schema:
        schema = schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema["properties"]
