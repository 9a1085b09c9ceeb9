"""What can go wrong, as the agent's program meets it.

::

    KeypostError
    ├── Problem                 the server understood and said no
    │   ├── WaitingForPayment   a payment is due; payment_url says where
    │   ├── NotFound            no mailbox for this key, or no such message
    │   ├── Refused             the proof or the access token was not accepted
    │   └── Unavailable         not now; retry_after says when, if it is known
    ├── Unreachable             there was no answer at all
    ├── NotUnderstood           there was an answer, but not one of Keypost's
    ├── UrlUnusable             the server's address is no http or https URL
    └── KeyUnusable             the private key cannot be read or will not sign
        ├── KeyNotFound         there is no key here yet
        └── KeyLost             the key that was used here so far is gone

``str(error)`` is one sentence without secrets, ``error.fix`` the next step
where one is known, and ``error.as_members()`` both as a problem object.
What comes from the server in them is its text: treat it as such.
"""

# ruff: noqa: N818 - named for what happened, not for being an error

from collections.abc import Mapping


class KeypostError(Exception):
    """Anything that this package raises on purpose."""

    code: str = "keypost_error"
    fix: str = ""

    def __init__(self, detail: str, *, fix: str = "") -> None:
        super().__init__(detail)
        self.fix = fix or self.fix

    @property
    def detail(self) -> str:
        """What happened, in one sentence."""
        return str(self)

    def as_members(self) -> dict[str, object]:
        """Say the same as a problem object (RFC 9457), as the server's own errors do."""
        return {"code": self.code, "detail": self.detail, "error": self.detail, "fix": self.fix}


class Problem(KeypostError):
    """The server understood and said no.

    ``code`` is stable and made for programs, ``status`` is the HTTP number,
    ``retry_after`` are seconds, and ``members`` is the problem object as it
    came (empty where the body was none).
    """

    def __init__(
        self, *, status: int, members: Mapping[str, object], retry_after: float | None = None
    ) -> None:
        detail = _text(members, "detail") or _text(members, "error") or _text(members, "title")
        super().__init__(
            detail or f"The server answered {status} and no reason.", fix=_text(members, "fix")
        )
        self.status = status
        self.code = _text(members, "code") or f"http_{status}"
        self.members = members
        self.retry_after = retry_after

    def as_members(self) -> dict[str, object]:
        """Give the server's problem object, completed where it had gaps."""
        return {**super().as_members(), **self.members}


class WaitingForPayment(Problem):
    """A payment is due first. Not a failure: the mailbox is kept meanwhile."""

    @property
    def payment_url(self) -> str:
        """Where anyone can pay, or empty where no checkout is open: claim again then."""
        return _text(self.members, "payment_url")


class NotFound(Problem):
    """There is no mailbox for this key, or no such message in it."""


class Refused(Problem):
    """The proof or the access token was not accepted."""


class Unavailable(Problem):
    """Not now: too busy or too often. Asking again later can help."""


class Unreachable(KeypostError):
    """There was no answer at all: no connection, or none in time."""

    code = "unreachable"
    fix = "Check the URL and the network, then try again."


class NotUnderstood(KeypostError):
    """There was an answer, but not one of Keypost's."""

    code = "not_understood"
    fix = "Check that the URL is Keypost's, and that this client is recent enough."


class UrlUnusable(KeypostError):
    """The server's address is no http or https URL."""

    code = "url_unusable"
    fix = "Give it like https://keypost.example, with --url or KEYPOST_URL."


class KeyUnusable(KeypostError):
    """The private key cannot be read, or will not sign."""

    code = "key_unusable"


class KeyNotFound(KeyUnusable):
    """There is no key here yet, and so no mailbox."""

    code = "key_not_found"
    fix = "Run `keypost claim`, which makes a key, or name one with --key or KEYPOST_KEY."


class KeyLost(KeyUnusable):
    """The key that was used here so far is gone; another one is another mailbox."""

    code = "key_lost"


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""
