"""The core wired over the fakes, and the people around it."""

import base64
from dataclasses import dataclass, field, replace
from datetime import timedelta

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from fakes.checkout import MemoryCheckout
from fakes.clock import CountingRandom, FakeClock
from fakes.notifier import MemoryNotifier, PlainLetterWriter
from fakes.store import MemoryStore
from fakes.things import OFFER
from keypost.address import EmailAddress
from keypost.credentials import CredentialDeriver
from keypost.edproof.challenge import Challenges
from keypost.edproof.public_key import PublicKey
from keypost.errors import SignatureInvalid
from keypost.receiving import ReceiveTerms
from keypost.use_cases.claim_mailbox import Claimed, ClaimMailbox, MakeMailbox, RenewMailbox
from keypost.use_cases.mail_payment_link import MailPaymentLink
from keypost.use_cases.prove_key import IssueChallenge, ProveByChallenge, ShownProof
from keypost.use_cases.request_payment import RefreshCheckout, RequestPayment
from keypost.use_cases.resolve_access import Access, OpenMailbox, ResolveAccess, ResolveToken
from keypost.use_cases.rewrite_derived import RewriteDerived
from keypost.use_cases.send_letters import SendLetters
from keypost.use_cases.settle_checkout import Provision, ReconcileCheckouts, SettleCheckout

DOMAIN = "keypost.example"
TERMS = ReceiveTerms(mail_domain=DOMAIN, grace=timedelta(days=7), quota_bytes=100_000_000)
PAYER = EmailAddress.parse("payer@example.org")
OTHER_PAYER = EmailAddress.parse("other@example.org")


@dataclass(frozen=True)
class Agent:
    """Somebody with an Ed25519 key of their own."""

    number: int = 1

    @property
    def signer(self) -> SigningKey:
        return SigningKey(self.number.to_bytes(32, "big"))

    @property
    def key(self) -> PublicKey:
        return PublicKey(bytes(self.signer.verify_key))

    def sign(self, challenge: str) -> ShownProof:
        signature = self.signer.sign(challenge.encode()).signature
        return ShownProof(self.key.line, challenge, base64.b64encode(signature).decode())


@dataclass
class Office:
    """Every use case, over one store and one provider."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    random: CountingRandom = field(default_factory=CountingRandom)
    credentials: CredentialDeriver = field(
        default_factory=lambda: CredentialDeriver(bytes(range(32)))
    )

    def __post_init__(self) -> None:
        challenges = Challenges(bytes(32), service="https://keypost.example")
        self.provider = MemoryCheckout(self.clock)
        self.challenge = IssueChallenge(challenges, self.clock, self.random)
        prove = ProveByChallenge(challenges, _verify, self.clock)
        provision = Provision(self.credentials, TERMS, self.clock)
        self.settle = SettleCheckout(self.store.uow, self.provider, provision)
        self.payment = RequestPayment(
            self.store.uow,
            self.provider,
            MailPaymentLink(self.clock, self.random, DOMAIN),
            OFFER,
            self.clock,
            self.random,
        )
        refresh = RefreshCheckout(self.store.index, self.settle, self.clock)
        make = MakeMailbox(self.clock, self.random, self.credentials)
        self.claim_mailbox = ClaimMailbox(prove, refresh, self.store.uow, make, self.payment)
        self.renew_mailbox = RenewMailbox(prove, refresh, self.store.uow, self.payment)
        opening = OpenMailbox(self.store.index, self.credentials, self.clock)
        self.resolve_access = ResolveAccess(prove, self.store.nonces, self.store.index, opening)
        self.resolve_token = ResolveToken(self.store.index, opening)
        self.reconcile = ReconcileCheckouts(self.store.index, self.settle)
        self.rewrite = RewriteDerived(self.store.uow, provision)
        self.send_letters = SendLetters(
            self.store.uow, PlainLetterWriter(), self.notifier, self.clock
        )

    def shown_by(self, agent: Agent) -> ShownProof:
        """Let an agent sign a fresh challenge."""
        return agent.sign(self.challenge(agent.key.line).text)

    async def claim(self, agent: Agent, *, billing: EmailAddress = PAYER) -> Claimed:
        return await self.claim_mailbox(self.shown_by(agent), billing)

    async def renew(self, agent: Agent, *, billing: EmailAddress = PAYER) -> Claimed:
        return await self.renew_mailbox(self.shown_by(agent), billing)

    async def resolve(self, agent: Agent) -> Access:
        return await self.resolve_access(self.shown_by(agent), protocol="imap")

    def session(self, number: int = -1) -> str:
        """Return the session of a checkout, the last one unless told otherwise."""
        session = self.store.checkouts[number].session
        assert session is not None
        return session.session_id

    async def pay(self, session_id: str) -> None:
        """Pay a session, and let the service hear of it."""
        self.provider.pay(session_id)
        await self.settle(session_id)

    async def activate(self, agent: Agent) -> None:
        """Claim and pay."""
        await self.claim(agent)
        await self.pay(self.session())

    def with_secret(self, secret: bytes) -> "Office":
        """Start again over the same store, with another credential secret."""
        return replace(self, credentials=CredentialDeriver(secret))


def _verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    try:
        VerifyKey(key.raw).verify(message, signature)
    except CryptoError:
        raise SignatureInvalid from None
