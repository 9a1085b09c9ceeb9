"""A whole service in memory: real use cases and the real HTTP application over the fakes."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import httpx
from litestar.types import ASGIApp
from nacl.signing import SigningKey

from fakes.checkout import MemoryCheckout
from fakes.clock import CountingRandom, FakeClock
from fakes.inbox import MemoryInbox
from fakes.store import MemoryStore
from keypost.billing import CheckoutState, Offer
from keypost.credentials import CredentialDeriver, Credentials
from keypost.edproof.challenge import Challenges
from keypost.edproof.public_key import PublicKey
from keypost.errors import CheckoutEnded
from keypost.receiving import ReceiveTerms
from keypost.use_cases.claim_mailbox import ClaimMailbox, MakeMailbox, RenewMailbox
from keypost.use_cases.mail_payment_link import MailPaymentLink
from keypost.use_cases.prove_key import IssueChallenge, ProveByChallenge
from keypost.use_cases.read_inbox import ListMessages, ReadMessage, ReadRawMessage
from keypost.use_cases.request_payment import RefreshCheckout, RequestPayment
from keypost.use_cases.resolve_access import OpenMailbox, ResolveAccess, ResolveToken
from keypost.use_cases.settle_checkout import Provision, SettleCheckout
from keypost_adapters.http.app import UseCases, create_app
from keypost_adapters.http.face import PublicFace
from keypost_adapters.keys.nacl import verify_ed25519

URL = "http://keypost.test"

FACE = PublicFace(
    public_base_url=URL,
    mail_domain="mail.local",
    imap_host="imap.mail.local",
    imap_port=993,
    price_cents=100,
    currency="eur",
    quota_mb=100,
    build_number="build-7",
    cache_buster="build-7",
)

Json = dict[str, Any]


@dataclass
class MemoryService:
    """A service; ``checks`` is what its readiness probe says."""

    face: PublicFace = FACE
    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    credentials: CredentialDeriver = field(default_factory=lambda: CredentialDeriver(bytes(32)))
    checks: dict[str, str] = field(default_factory=lambda: {"database": "ok"})

    def __post_init__(self) -> None:
        self.random = CountingRandom()
        self.gateway = MemoryCheckout(self.clock, provider="mock")

    def cases(self) -> UseCases:
        """Wire the use cases over the fakes."""
        challenges = Challenges(bytes(range(32)), self.face.public_base_url)
        prove = ProveByChallenge(challenges, verify_ed25519, self.clock)
        terms = ReceiveTerms(self.face.mail_domain, timedelta(days=7), 100_000_000)
        settle = SettleCheckout(
            self.store.uow, self.gateway, Provision(self.credentials, terms, self.clock)
        )
        refresh = RefreshCheckout(self.store.index, settle, self.clock)
        payment = RequestPayment(
            uow=self.store.uow,
            gateway=self.gateway,
            mail_link=MailPaymentLink(self.clock, self.random, self.face.mail_domain),
            offer=Offer(self.face.price_cents, self.face.currency),
            clock=self.clock,
            random=self.random,
        )
        make = MakeMailbox(self.clock, self.random, self.credentials)
        opened = OpenMailbox(self.store.index, self.credentials, self.clock)
        resolve = ResolveToken(self.store.index, opened)
        return UseCases(
            issue_challenge=IssueChallenge(challenges, self.clock, self.random),
            claim=ClaimMailbox(prove, refresh, self.store.uow, make, payment),
            renew=RenewMailbox(prove, refresh, self.store.uow, payment),
            resolve_access=ResolveAccess(prove, self.store.nonces, self.store.index, opened),
            resolve_token=resolve,
            list_messages=ListMessages(resolve, self.inbox),
            read_message=ReadMessage(resolve, self.inbox),
            read_raw_message=ReadRawMessage(resolve, self.inbox),
            settle_checkout=settle,
        )

    def app(self, *, with_mock_pay: bool = True, places: int = 0) -> ASGIApp:
        """Build the application."""
        return create_app(
            self.cases(),
            self.face,
            credentials=self.credentials,
            clock=self.clock,
            ready=self.ready,
            mock_pay=self.pay if with_mock_pay else None,
            max_concurrent_requests=places,
        )

    async def ready(self) -> Mapping[str, str]:
        """Answer as the readiness probe."""
        return self.checks

    async def pay(self, session_id: str) -> None:
        """Pay at the till of the mock provider."""
        session = await self.gateway.look_up(session_id)
        if session.state is CheckoutState.ENDED:
            raise CheckoutEnded
        self.gateway.pay(session_id)

    def logins(self) -> list[Credentials]:
        """Return what opens the committed mailboxes, the oldest first."""
        return [self.credentials.derive(mailbox) for mailbox in self.store.mailboxes]


@dataclass(frozen=True)
class Agent:
    """Somebody with a key who talks to a service."""

    client: httpx.AsyncClient
    key: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def line(self) -> str:
        """The public key line."""
        return PublicKey(bytes(self.key.verify_key)).line

    async def proof(self) -> Json:
        """Prove the key, with a raw signature."""
        reply = await self.client.post("/v1/auth/challenge", json={"public_key": self.line})
        challenge = reply.json()["challenge"]
        signature = b64encode(self.key.sign(challenge.encode()).signature).decode()
        return {"edproof": self.line, "challenge": challenge, "signature": signature}

    async def prove_and_post(self, path: str, **members: object) -> httpx.Response:
        """Send a request with a fresh proof."""
        return await self.client.post(path, json={**await self.proof(), **members})

    async def claim(self, billing_email: str = "pay@example.org") -> httpx.Response:
        """Claim the key's mailbox."""
        return await self.prove_and_post("/v1/mailboxes/claim", billing_email=billing_email)

    async def resolve(self) -> httpx.Response:
        """Ask for access."""
        return await self.prove_and_post("/v1/access/resolve", protocol="imap")

    async def pay(self) -> None:
        """Pay for what was claimed, as curl does."""
        link = (await self.claim()).json()["payment_url"]
        paid = await self.client.get("/mock/pay/" + link.rpartition("/")[2])
        paid.raise_for_status()

    async def token(self) -> str:
        """Have a paid mailbox, and return its access token."""
        await self.pay()
        token: str = (await self.resolve()).json()["access_token"]
        return token


@asynccontextmanager
async def talking_to(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of an application; what fails inside is answered, not raised."""
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield client


_MEMBERS = {"type", "title", "detail", "code", "error", "fix"}


def refusal(reply: httpx.Response) -> Json:
    """Return the problem details of a refusal, whose shape has to be the promised one."""
    assert 400 <= reply.status_code <= 599, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    problem: Json = reply.json()
    assert problem.keys() >= _MEMBERS
    assert all(isinstance(problem[name], str) and problem[name] for name in _MEMBERS)
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["error"] == problem["detail"]
    # RFC 9457's number is left out, because "waiting_payment" is in use.
    assert problem.get("status", "waiting_payment") == "waiting_payment"
    if "retry_after_seconds" in problem:
        assert reply.headers["Retry-After"] == str(problem["retry_after_seconds"])
    return problem
