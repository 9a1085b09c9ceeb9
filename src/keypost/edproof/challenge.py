"""Challenges that this service can recognise again without having kept them.

A challenge is one line of text that its reader can understand::

    edproof1,<service>,<fingerprint>,<issued>,<nonce>,<mac>

It names the service, so that a signature over it opens nothing elsewhere, and
begins with a word that no SSH protocol message can begin with (those start with
a length or with ``SSHSIG``), so that signing it signs nothing else.
"""

import hmac
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from keypost.edproof.public_key import PublicKey
from keypost.edproof.wire import to_base64url
from keypost.errors import ChallengeExpired, ChallengeForeign, ChallengeTampered

LIFETIME: Final = timedelta(seconds=30)
SKEW: Final = timedelta(seconds=5)
NONCE_BYTES: Final = 16
SECRET_BYTES: Final = 32

# Printable ASCII without the space and the comma.
_SERVICE: Final = re.compile(r"[!-+\--~]{1,512}")
_CHALLENGE: Final = re.compile(
    r"(?P<body>edproof1,"
    rf"(?P<service>{_SERVICE.pattern}),"
    r"(?P<fingerprint>SHA256:[A-Za-z0-9+/]{43}),"
    r"(?P<issued>[1-9][0-9]{0,10}),"
    r"(?P<nonce>[A-Za-z0-9_-]{22})),"
    r"(?P<mac>[A-Za-z0-9_-]{43})"
)
# The master secret is never a MAC key itself: what else is ever derived from it
# cannot be mistaken for a challenge.
_PURPOSE: Final = b"keypost edproof1 challenge"


@dataclass(frozen=True, slots=True)
class Nonce:
    """What makes a challenge good once.

    After ``expires_at`` no clock that is at most SKEW behind accepts the
    challenge, and the nonce may be forgotten.
    """

    value: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Challenges:
    """Issues challenges in the name of one service, and checks them.

    ``secret`` has at least 32 bytes and is shared by the processes of one
    service. ``service`` is its public address, printable ASCII without commas.
    Anything else is a ValueError.
    """

    secret: bytes = field(repr=False)
    service: str

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES:
            raise ValueError("the secret of the challenges has to have at least 32 bytes")
        if not _SERVICE.fullmatch(self.service):
            raise ValueError("the service has to be printable ASCII without commas or spaces")

    def issue(self, key: PublicKey, *, now: datetime, nonce: bytes) -> str:
        """Return a challenge for one key; ``nonce`` is 16 random bytes."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError("a nonce has 16 bytes")
        # Rounded up, so that the caller has the whole 30 seconds it was told;
        # SKEW covers the fraction by which this lies in the future.
        issued = math.ceil(now.timestamp())
        body = f"edproof1,{self.service},{key.fingerprint},{issued},{to_base64url(nonce)}"
        return f"{body},{self._mac(body)}"

    def check(self, text: str, key: PublicKey, *, now: datetime) -> Nonce:
        """Make sure that ``text`` was issued here, to ``key`` and at most 30 seconds ago.

        Raise ChallengeTampered, ChallengeForeign or ChallengeExpired. Whether it
        was used before is not known here: consume the nonce.
        """
        challenge = self._recognise(text)
        if challenge["service"] != self.service:
            raise ChallengeForeign("The challenge was issued by another service.")
        if challenge["fingerprint"] != key.fingerprint:
            raise ChallengeForeign("The challenge was issued to another key.")
        issued = datetime.fromtimestamp(int(challenge["issued"]), UTC)
        _refuse_stale(issued, now=now)
        return Nonce(value=challenge["nonce"], expires_at=issued + LIFETIME + SKEW)

    def _recognise(self, text: str) -> re.Match[str]:
        """Return the fields of a challenge that carries this secret's MAC."""
        challenge = _CHALLENGE.fullmatch(text)
        # The MAC covers the text, not the values, and is compared as text: no
        # field can be spelled in a second way, and thus be used a second time.
        if challenge is None or not hmac.compare_digest(
            challenge["mac"], self._mac(challenge["body"])
        ):
            raise ChallengeTampered
        return challenge

    def _mac(self, body: str) -> str:
        key = hmac.digest(self.secret, _PURPOSE, "sha256")
        return to_base64url(hmac.digest(key, body.encode("ascii"), "sha256"))


def _refuse_stale(issued: datetime, *, now: datetime) -> None:
    if now > issued + LIFETIME:
        raise ChallengeExpired
    if issued > now + SKEW:
        raise ChallengeTampered("The challenge is dated in the future.")
