"""The client for programs that wait for their answers."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import httpx

from keypost_client.connection import from_httpx, named_failures, settings, to_httpx
from keypost_client.conversation import Conversation
from keypost_client.keys.choice import find_key
from keypost_client.keys.signing import SigningKey
from keypost_client.replies import Access, Challenge, Mailbox, Message
from keypost_client.reply import Reply
from keypost_client.steps import NO_REPLY, Done, Flow, Pause, Step, advance

T = TypeVar("T")


class Keypost:
    """A mailbox's owner, talking to a Keypost server.

    Without a ``key`` it takes the one that ``keypost key`` shows. ``url`` is
    KEYPOST_URL or this machine's port 8080 unless given. Where the server is
    busy and names a time, a call is tried up to three times, waiting
    ``patience`` seconds at most in all. ``transport`` and ``sleep`` are the
    network and the clock, for tests.
    """

    def __init__(
        self,
        key: SigningKey | None = None,
        *,
        url: str | None = None,
        patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._talk = Conversation(key or find_key(), patience=patience)
        self._http = httpx.Client(transport=transport, **settings(url))
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def challenge(self) -> Challenge:
        """Ask for a text to sign. Every other method does this by itself."""
        return self._run(self._talk.challenge())

    def claim(self, billing_email: str, coupon_code: str | None = None) -> Mailbox:
        """Find this key's mailbox, or have one made.

        ``billing_email`` is only where the payment link goes. Claiming again
        is safe: the same key is the same mailbox. Look at ``usable``, and at
        ``payment_url`` where it is not.
        """
        return self._run(self._talk.claim(billing_email, coupon_code))

    def renew(self, billing_email: str, coupon_code: str | None = None) -> Mailbox:
        """Ask for a payment link for more time, which adds to what is left.

        Raise NotFound where the key has no mailbox.
        """
        return self._run(self._talk.renew(billing_email, coupon_code))

    def access(self) -> Access:
        """Ask for the IMAP details of the mailbox.

        Raise WaitingForPayment where a payment is due, and NotFound where the
        key has no mailbox.
        """
        return self._run(self._talk.access())

    def wait_until_paid(self, *, within: float = 900.0, every: float = 10.0) -> Access:
        """Ask for access every so many seconds until someone has paid.

        Raise WaitingForPayment when the time is up.
        """
        return self._run(self._talk.wait_until_paid(within=within, every=every))

    def messages(
        self, *, unread_only: bool = True, limit: int = 20, include_body: bool = False
    ) -> list[Message]:
        """List up to ``limit`` (1 to 100) messages, newest first. Reading marks nothing."""
        return self._run(
            self._talk.messages(unread_only=unread_only, limit=limit, include_body=include_body)
        )

    def read(self, uid: int) -> Message:
        """Read one message with its text; raise NotFound where there is none."""
        return self._run(self._talk.read(uid))

    def raw(self, uid: int) -> bytes:
        """Read one message as it came in (RFC 5322), byte for byte."""
        return self._run(self._talk.raw(uid))

    def _run(self, flow: Flow[T]) -> T:
        step = advance(flow, None)
        while not isinstance(step, Done):
            step = advance(flow, self._perform(step))
        return step.value

    def _perform(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return NO_REPLY
        with named_failures(self._http.base_url):
            return from_httpx(self._http.send(to_httpx(self._http, step)))
