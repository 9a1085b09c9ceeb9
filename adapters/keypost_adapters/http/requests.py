"""What requests carry, and what the core calls it."""

from typing import Annotated

from msgspec import Meta, Struct

from keypost.address import EmailAddress
from keypost.errors import CouponUnknown
from keypost.use_cases.prove_key import ShownProof

# RFC 9051 section 2.3.1.1: a UID is a non-zero 32-bit number.
_LAST_UID = 2**32 - 1

Uid = Annotated[int, Meta(description="The message's uid.", ge=1, le=_LAST_UID, examples=[7])]
Limit = Annotated[int, Meta(description="At most so many messages.", ge=1, le=100)]
UnreadOnly = Annotated[bool, Meta(description="Leave out what a mail client has read.")]
IncludeBody = Annotated[bool, Meta(description="Give the text of each message.")]
AccessToken = Annotated[
    str, Meta(description="From POST /v1/access/resolve.", examples=["kpa_1f8b..."])
]


class ChallengeRequest(Struct, forbid_unknown_fields=True):
    """Whose key is to be proven."""

    public_key: Annotated[
        str,
        Meta(
            description="The line of the .pub file.",
            examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... agent"],
        ),
    ]


class Proof(Struct, forbid_unknown_fields=True, kw_only=True):
    """A proven key: the three fields that go with every request of its holder."""

    edproof: (
        Annotated[
            str,
            Meta(
                description="The public key line, or the armored SSHSIG itself.",
                examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI..."],
            ),
        ]
        | None
    ) = None
    challenge: (
        Annotated[
            str,
            Meta(description="The challenge, exactly as issued.", examples=["edproof1,http..."]),
        ]
        | None
    ) = None
    signature: (
        Annotated[
            str,
            Meta(
                description=(
                    "An SSHSIG with the namespace edproof, with its armor or without it on one"
                    " line, or the 64 raw bytes in base64. May be left out where edproof is an"
                    " armored SSHSIG."
                ),
                examples=["U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkA..."],
            ),
        ]
        | None
    ) = None


class ClaimRequest(Proof, kw_only=True):
    """A proven key, and who gets the payment link."""

    billing_email: Annotated[
        str, Meta(description="Where the payment link goes.", examples=["billing@example.org"])
    ]
    coupon_code: Annotated[str, Meta(description="A coupon, where you have one.")] | None = None


class AccessRequest(Proof, kw_only=True):
    """A proven key, and how its mailbox is to be read."""

    protocol: Annotated[str, Meta(description="imap.", examples=["imap"])]


class TokenRequest(Struct, forbid_unknown_fields=True):
    """An access token."""

    access_token: AccessToken


class ListRequest(Struct, forbid_unknown_fields=True):
    """Which messages to list."""

    access_token: AccessToken
    unread_only: UnreadOnly = True
    limit: Limit = 20
    include_body: IncludeBody = False


class ReadRequest(Struct, forbid_unknown_fields=True):
    """Which message to read."""

    access_token: AccessToken
    uid: Uid
    include_body: IncludeBody = True


class ListQuery(Struct, forbid_unknown_fields=True):
    """Which messages to list."""

    unread_only: UnreadOnly = True
    limit: Limit = 20
    include_body: IncludeBody = False


class ReadQuery(Struct, forbid_unknown_fields=True):
    """How to show a message."""

    include_body: IncludeBody = True


class NoQuery(Struct, forbid_unknown_fields=True):
    """Nothing may be asked for."""


def shown_proof(asked: Proof) -> ShownProof:
    """Return the proof that a request carries."""
    return ShownProof(edproof=asked.edproof, challenge=asked.challenge, signature=asked.signature)


def billing_address(asked: ClaimRequest) -> EmailAddress:
    """Return who gets the payment link; raise AddressMalformed, or CouponUnknown for any coupon."""
    if asked.coupon_code:
        raise CouponUnknown
    return EmailAddress.parse(asked.billing_email)
