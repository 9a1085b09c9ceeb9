"""Letters by Unsend, now useSend (https://docs.usesend.com/api-reference/emails/send-email)."""

from dataclasses import dataclass, field

import httpx

from keypost.letters import Letter
from keypost_adapters.notifier.deadline import DEADLINE
from keypost_adapters.notifier.posting import Counter, Post
from keypost_adapters.notifier.sendable import require_sendable
from keypost_adapters.notifier.sender import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsendNotifier:
    """Notifier over Unsend.

    Unsend knows an idempotency key for 24 hours, longer than the outbox tries.
    A key that is still being worked on is a 409: the outbox asks again later.
    """

    client: httpx.AsyncClient
    api_key: str = field(repr=False)
    sender: Sender
    base_url: str = "https://unsend.admin.lt/api"
    deadline: float = DEADLINE

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        """Hand the letter over; Unsend answers 200 and names it."""
        require_sendable(letter, idempotency_key=idempotency_key)
        counter = Counter("Unsend", self.client, self.deadline)
        await counter.hand_in(self._post(letter, idempotency_key), accepted=200, receipt="emailId")

    def _post(self, letter: Letter, idempotency_key: str) -> Post:
        return Post(
            url=f"{self.base_url.rstrip('/')}/v1/emails",
            headers={
                "Authorization": f"Bearer {self.api_key}",
                "Idempotency-Key": idempotency_key,
            },
            json={
                "from": str(self.sender),
                "to": str(letter.to),
                "subject": letter.subject,
                "text": letter.text,
                "html": letter.html,
            },
        )
