"""What a conversation with the server is made of, without the network.

A ``Flow`` is a generator that yields what it wants done, a request to send or
a pause to make, and is sent the reply. It holds all the logic; ``Keypost`` and
``AsyncKeypost`` only carry out its steps, each in its own way.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from keypost_client.problems import problem_of
from keypost_client.reply import Reply

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; ``body`` goes out as JSON, ``bearer`` as a header."""

    method: str
    path: str
    body: Mapping[str, object] | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds; the empty reply answers it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The flow has ended with this value."""

    value: T = field(repr=False)


Step: TypeAlias = Request | Pause
Flow: TypeAlias = Generator[Step, Reply, T]

NO_REPLY = Reply(status=0)


def ask(request: Request, read: Callable[[bytes], T]) -> Flow[T]:
    """Send one request and read the body of its reply; raise Problem unless it is 2xx."""
    reply = yield request
    if not reply.succeeded:
        raise problem_of(reply)
    return read(reply.content)


def advance(flow: Flow[T], reply: Reply | None) -> "Step | Done[T]":
    """Start the flow, or hand it the reply; give its next step or its end."""
    try:
        return next(flow) if reply is None else flow.send(reply)
    except StopIteration as end:
        return Done(end.value)
