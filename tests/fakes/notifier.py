"""A notifier in memory."""

from dataclasses import dataclass, field

from keypost.errors import NotifierUnavailable
from keypost.letters import Letter, OutboxEntry


@dataclass
class MemoryNotifier:
    """Notifier in memory: ``sent`` holds one letter per idempotency key.

    ``down`` makes it fail; ``calls`` counts what was asked of it all the same.
    """

    down: bool = False
    calls: int = 0
    sent: dict[str, Letter] = field(default_factory=dict)

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        self.calls += 1
        if self.down:
            raise NotifierUnavailable
        self.sent.setdefault(idempotency_key, letter)


class PlainLetterWriter:
    """LetterWriter that lists the facts."""

    def write(self, entry: OutboxEntry) -> Letter:
        text = "\n".join(f"{name}: {value}" for name, value in sorted(entry.facts.items()))
        return Letter(to=entry.to, subject=entry.kind.value, text=text, html=f"<pre>{text}</pre>")
