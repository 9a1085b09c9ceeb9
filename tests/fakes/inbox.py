"""InboxReader in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from keypost.credentials import Credentials
from keypost.errors import InboxUnavailable, MessageNotFound
from keypost.message import Message


@dataclass(slots=True)
class Stored:
    """A message as the store has it; ``message`` is what its reader sees, with its body."""

    message: Message
    raw: bytes
    seen: bool = False


@dataclass(slots=True)
class MemoryInbox:
    """Keeps messages by username and password; ``down`` makes every call fail."""

    down: bool = False
    _mail: dict[tuple[str, str], list[Stored]] = field(default_factory=dict)

    def open_for(self, login: Credentials) -> None:
        """Let the login in."""
        self._mail.setdefault((login.username, login.password), [])

    def deliver(
        self, login: Credentials, raw: bytes, *, message: Message | None = None, seen: bool = False
    ) -> int:
        """Add a message and return its UID.

        A plain ASCII message is read here; give ``message`` for any other.
        """
        self.open_for(login)
        stored = self._mail[login.username, login.password]
        uid = len(stored) + 1
        shown = replace(message or _plain(raw), uid=uid)
        stored.append(Stored(shown, raw, seen=seen))
        return uid

    def seen(self, login: Credentials, uid: int) -> bool:
        """Say whether the message is marked as read."""
        return self._stored(login, uid).seen

    async def messages(
        self, login: Credentials, *, unread_only: bool, limit: int, include_body: bool
    ) -> Sequence[Message]:
        wanted = [
            stored.message for stored in self._box(login) if not (unread_only and stored.seen)
        ]
        return [_shown(message, include_body=include_body) for message in wanted[::-1][:limit]]

    async def message(self, login: Credentials, uid: int, *, include_body: bool) -> Message:
        return _shown(self._stored(login, uid).message, include_body=include_body)

    async def raw(self, login: Credentials, uid: int) -> bytes:
        return self._stored(login, uid).raw

    def _stored(self, login: Credentials, uid: int) -> Stored:
        for stored in self._box(login):
            if stored.message.uid == uid:
                return stored
        raise MessageNotFound

    def _box(self, login: Credentials) -> list[Stored]:
        box = self._mail.get((login.username, login.password))
        if self.down or box is None:
            raise InboxUnavailable
        return box


def _shown(message: Message, *, include_body: bool) -> Message:
    return message if include_body else replace(message, body=None)


def _plain(raw: bytes) -> Message:
    head, _, body = raw.decode("ascii").replace("\r\n", "\n").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return Message(
        uid=0,
        sender=fields.get("From", ""),
        to=fields.get("To", ""),
        subject=fields.get("Subject", ""),
        date=fields.get("Date", ""),
        body=body.strip("\n"),
    )
