"""A small Keypost server in memory: what the client must get along with."""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

Answer = tuple[int, dict[str, str], bytes]

MAIL = b"From: a@b.example\r\nSubject: hi\r\n\r\n\xff body\r\n"


@dataclass
class PostOffice:
    """One mailbox for every key that proves itself; ``paid`` opens it.

    ``scripted`` answers are given before any other, one each; ``seen`` holds
    what was asked for, ``waited`` what a test's clock was told to wait.
    """

    paid: bool = True
    scripted: list[Answer] = field(default_factory=list)
    script_at: str = ""
    messages: list[dict[str, object]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    open_challenges: set[str] = field(default_factory=set)
    tokens: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        status, headers, content = self.answer(
            request.url.path, request.headers.get("authorization", ""), request.content
        )
        return httpx.Response(status, headers=headers, content=content)

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def async_pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]

    def answer(self, path: str, authorization: str, content: bytes) -> Answer:
        body = json.loads(content) if content else {"bearer": authorization}
        self.seen.append((path, body))
        if self.scripted and path.startswith(self.script_at):
            return self.scripted.pop(0)
        return self._route(path, body)

    def _route(self, path: str, body: dict[str, object]) -> Answer:  # noqa: PLR0911 - a table
        match path.strip("/").split("/"):
            case ["v1", "auth", "challenge"]:
                return self._challenge()
            case ["v1", "mailboxes", "claim" | "renew"]:
                return self._proven(body) or reply(201, self._mailbox())
            case ["v1", "access", "resolve"]:
                return self._proven(body) or self._access()
            case ["v1", "imap", "messages"]:
                return self._reading(body["access_token"]) or self._list(body)
            case ["v1", "imap", "messages", "get"]:
                return self._reading(body["access_token"]) or self._message(body["uid"])
            case ["v1", "messages", _, "raw"]:
                token = str(body["bearer"]).removeprefix("Bearer ")
                return self._reading(token) or (200, {"content-type": "message/rfc822"}, MAIL)
        return problem(404, code="no_such_path")

    def _challenge(self) -> Answer:
        text = f"challenge-{len(self.seen)}"
        self.open_challenges.add(text)
        return reply(200, {"challenge": text, "expires_in": 30, "later": "member"})

    def _proven(self, body: dict[str, object]) -> Answer | None:
        challenge = str(body["challenge"])
        signed = base64.b64decode(str(body["signature"])).startswith(b"SSHSIG")
        if challenge not in self.open_challenges or not signed:
            return problem(401, code="challenge_used")
        self.open_challenges.remove(challenge)
        return None

    def _mailbox(self) -> dict[str, object]:
        paid = {"expires_at": "2026-12-21T10:00:00Z", "access_token": "t0"}
        return {
            "id": "box-1",
            "mailbox_id": "box-1",
            "email": "mbx_a1@mail.local",
            "status": "active" if self.paid else "pending_payment",
            "usable": self.paid,
            "payment_url": None if self.paid else "https://pay.example/cs_1",
            "later": "member",
            **(paid if self.paid else {}),
        }

    def _access(self) -> Answer:
        if not self.paid:
            return waiting()
        self.tokens += 1
        return reply(
            200,
            {
                "mailbox_id": "box-1",
                "protocol": "imap",
                "host": "127.0.0.1",
                "port": 1143,
                "tls": False,
                "username": "mbx_a1",
                "password": "imap-secret",
                "email": "mbx_a1@mail.local",
                "access_token": f"t{self.tokens}",
            },
        )

    def _reading(self, token: object) -> Answer | None:
        if token != f"t{self.tokens}":
            return problem(401, code="access_token_invalid", fix="Resolve access again.")
        return None

    def _list(self, body: dict[str, object]) -> Answer:
        hidden = set() if body["include_body"] else {"body"}
        listed = [
            {name: value for name, value in message.items() if name not in hidden}
            for message in self.messages
        ]
        return reply(200, {"status": "ok", "provider": "imap", "messages": listed})

    def _message(self, uid: object) -> Answer:
        for message in self.messages:
            if message["uid"] == uid:
                return reply(200, {"status": "ok", "provider": "imap", "message": message})
        return problem(404, code="message_not_found")

    @contextmanager
    def on_loopback(self) -> Iterator[str]:
        """Serve on a real socket and give the address."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def reply(status: int, members: dict[str, object]) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(members).encode()


def problem(number: int, /, *, headers: dict[str, str] | None = None, **members: object) -> Answer:
    detail = f"It was {members.get('code')}."
    content = json.dumps({"title": "No", "detail": detail, "error": detail, **members}).encode()
    return number, {"content-type": "application/problem+json", **(headers or {})}, content


def waiting() -> Answer:
    return problem(
        409,
        code="payment_due",
        status="waiting_payment",
        payment_url="https://pay.example/cs_1",
        fix="Open payment_url.",
    )


def busy(retry_after: int) -> Answer:
    return problem(503, headers={"Retry-After": str(retry_after)}, code="busy")


def _handler(office: PostOffice) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def _answer(self, content: bytes) -> None:
            status, headers, body = office.answer(
                self.path, self.headers.get("authorization", ""), content
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
