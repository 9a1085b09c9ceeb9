"""The caller's next step for each fact, in one sentence."""

from typing import Final

from keypost.errors import Fact

_PROVE_ANEW: Final = (
    "POST /v1/auth/challenge with your public key, sign exactly the challenge text,"
    " and send edproof, challenge and signature."
)
_SEND_A_KEY: Final = (
    "Send the line of an Ed25519 .pub file, as `ssh-keygen -t ed25519` writes it:"
    " ssh-ed25519 AAAA... comment."
)
_SIGN_AGAIN: Final = (
    "Sign exactly the challenge text with `ssh-keygen -Y sign -n edproof` and the private key"
    " that belongs to edproof."
)
_READ_THE_SCHEMA: Final = "Compare the request with /schema and send it again."
_GET_A_TOKEN: Final = "POST /v1/access/resolve with a proof of your key for a current access_token."  # noqa: S105 - a sentence
_COME_BACK: Final = "Send the same request again after the seconds in Retry-After."
_PROVE_AND_COME_BACK: Final = (
    "Repeat the request after the seconds in Retry-After; if it carries a proof, make a new one."
)

FIXES: Final = {
    "malformed": _READ_THE_SCHEMA,
    "unproven": _PROVE_ANEW,
    "unpaid": "Have the payment_url opened and paid, then send the request again.",
    "missing": "Check the address, and the list of all there are at /schema.",
    "conflict": "Look at the state of the mailbox with POST /v1/mailboxes/claim.",
    "throttled": _COME_BACK,
    "unavailable": _PROVE_AND_COME_BACK,
    "key_malformed": _SEND_A_KEY,
    "key_type_unsupported": _SEND_A_KEY,
    "key_weak": "Make another key with `ssh-keygen -t ed25519`.",
    "proof_missing": _PROVE_ANEW,
    "signature_malformed": _SIGN_AGAIN,
    "signature_foreign": _SIGN_AGAIN,
    "signature_invalid": _SIGN_AGAIN,
    "challenge_tampered": _PROVE_ANEW,
    "challenge_foreign": _PROVE_ANEW,
    "challenge_expired": _PROVE_ANEW,
    "challenge_used": _PROVE_ANEW,
    "address_malformed": "Send one plain address in billing_email, like name@example.org.",
    "protocol_unsupported": 'Send "protocol": "imap".',
    "coupon_unknown": "Leave coupon_code out, or ask whoever gave it to you.",
    "mailbox_not_found": "POST /v1/mailboxes/claim with this key to have one made.",
    "mailbox_revoked": "Claim a mailbox with another key, or ask whoever runs this service.",
    "access_token_invalid": _GET_A_TOKEN,
    "payment_due": (
        "Have the payment_url opened and paid, or POST /v1/mailboxes/claim for a new one where it"
        " is empty; then prove the key again and repeat the request."
    ),
    "message_not_found": "POST /v1/imap/messages to see which uids there are.",
    "checkout_not_found": "POST /v1/mailboxes/claim to get the current payment_url.",
    "checkout_ended": "POST /v1/mailboxes/claim to get a new payment_url.",
    "payment_provider_unavailable": _PROVE_AND_COME_BACK,
    "inbox_unavailable": _COME_BACK,
    "notifier_unavailable": _COME_BACK,
    "store_busy": _PROVE_AND_COME_BACK,
    "store_failing": _PROVE_AND_COME_BACK,
    "body_malformed": "Send one JSON object in UTF-8 and nothing after it.",
    "field_invalid": "Correct the named field as /schema describes it and send the request again.",
    "body_too_large": "Send less than 1 MB.",
    "request_too_slow": "Send the whole request at once.",
    "media_type_unsupported": "Send the same fields as one JSON object.",
    "method_not_allowed": "Use one of the methods in the Allow header.",
    "path_unknown": "Look for the path in /schema.",
    "access_token_missing": (
        "Send the header `Authorization: Bearer <access_token>`;"
        " POST /v1/access/resolve gives you the token."
    ),
    "overloaded": _PROVE_AND_COME_BACK,
    "not_ready": "Look at checks, which name what is wrong.",
    "internal_error": "Send the request again later; if it keeps failing, tell whoever runs this.",
}


def fix_for(fact: Fact | type[Fact]) -> str:
    """Return the next step for a fact."""
    return FIXES[fact.slug]
