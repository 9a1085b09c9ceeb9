"""What can go wrong, as facts.

A fact is raised where it becomes known and says nothing about HTTP. Its kind
tells an edge how to answer, its slug is stable for programs, and its message
is one sentence for the person or program that asked::

    Fact
    ├── Malformed      the request cannot be understood
    ├── Unproven       what was shown proves nothing, or not this
    ├── Unpaid         a payment is due first
    ├── Missing        there is no such thing for this caller
    ├── Conflict       the thing is in a state that does not allow this
    ├── Throttled      too often
    └── Unavailable    not now; asking again later can help
"""

from typing import ClassVar


class Fact(Exception):  # noqa: N818 - named for what happened, not for being an error
    """Something that the caller has to know.

    ``str(fact)`` is a sentence that is safe to show: no secret, no internals.
    """

    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or f"{self.title}.")


class Malformed(Fact):
    """The request cannot be understood."""

    slug = "malformed"
    title = "The request cannot be understood"


class Unproven(Fact):
    """What was shown proves nothing, or not this."""

    slug = "unproven"
    title = "The caller has not proven who it is"


class Unpaid(Fact):
    """A payment is due first."""

    slug = "unpaid"
    title = "A payment is due"


class Missing(Fact):
    """There is no such thing for this caller."""

    slug = "missing"
    title = "There is no such thing"


class Conflict(Fact):
    """The thing is in a state that does not allow this."""

    slug = "conflict"
    title = "The state of the thing does not allow this"


class Throttled(Fact):
    """Too often."""

    slug = "throttled"
    title = "Too many requests"


class Unavailable(Fact):
    """Not now; asking again later can help."""

    slug = "unavailable"
    title = "Not available right now"


# --- keys and proofs ---------------------------------------------------------


class KeyMalformed(Malformed):
    slug = "key_malformed"
    title = "The public key line cannot be read"


class KeyTypeUnsupported(Malformed):
    slug = "key_type_unsupported"
    title = "Only plain ssh-ed25519 keys are accepted"


class KeyWeak(Malformed):
    slug = "key_weak"
    title = "The public key is small-order or not canonical"


class ProofMissing(Malformed):
    slug = "proof_missing"
    title = "The request carries no complete proof"


class SignatureMalformed(Malformed):
    slug = "signature_malformed"
    title = "The signature cannot be read"


class SignatureForeign(Unproven):
    slug = "signature_foreign"
    title = "The signature was made with another key"


class SignatureInvalid(Unproven):
    slug = "signature_invalid"
    title = "The signature does not match the challenge"


class ChallengeTampered(Unproven):
    slug = "challenge_tampered"
    title = "The challenge was not issued by this service"


class ChallengeForeign(Unproven):
    slug = "challenge_foreign"
    title = "The challenge was issued to another key or by another service"


class ChallengeExpired(Unproven):
    slug = "challenge_expired"
    title = "The challenge has expired"


class ChallengeUsed(Unproven):
    slug = "challenge_used"
    title = "The challenge was used before"


# --- mailboxes ---------------------------------------------------------------


class AddressMalformed(Malformed):
    slug = "address_malformed"
    title = "That is not one e-mail address"


class ProtocolUnsupported(Malformed):
    slug = "protocol_unsupported"
    title = "Mailboxes are read over imap"


class CouponUnknown(Malformed):
    slug = "coupon_unknown"
    title = "There is no such coupon"


class MailboxNotFound(Missing):
    slug = "mailbox_not_found"
    title = "There is no mailbox for this key"


class MailboxRevoked(Conflict):
    slug = "mailbox_revoked"
    title = "The mailbox was revoked"


class AccessTokenInvalid(Unproven):
    slug = "access_token_invalid"
    title = "The access token is not valid"


class PaymentDue(Unpaid):
    """A payment is due.

    ``payment_url`` is the open checkout's address, or empty where none is open.
    """

    slug = "payment_due"
    title = "The mailbox waits for its payment"

    def __init__(self, *, payment_url: str = "") -> None:
        super().__init__()
        self.payment_url = payment_url


class MessageNotFound(Missing):
    slug = "message_not_found"
    title = "There is no such message in the mailbox"


# --- money -------------------------------------------------------------------


class CheckoutNotFound(Missing):
    slug = "checkout_not_found"
    title = "There is no such checkout"


class CheckoutEnded(Conflict):
    slug = "checkout_ended"
    title = "The checkout has ended"


class PaymentProviderUnavailable(Unavailable):
    slug = "payment_provider_unavailable"
    title = "The payment provider did not answer"


# --- the world ---------------------------------------------------------------


class InboxUnavailable(Unavailable):
    slug = "inbox_unavailable"
    title = "The mail store did not answer"


class NotifierUnavailable(Unavailable):
    slug = "notifier_unavailable"
    title = "The letter could not be handed over"


class StoreBusy(Unavailable):
    slug = "store_busy"
    title = "The database is busy"


class StoreFailing(Unavailable):
    slug = "store_failing"
    title = "The database cannot be written"
