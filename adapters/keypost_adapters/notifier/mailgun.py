"""Letters by Mailgun (https://documentation.mailgun.com/docs/mailgun/api-reference)."""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from keypost.letters import Letter
from keypost_adapters.notifier.deadline import DEADLINE
from keypost_adapters.notifier.posting import Counter, Post
from keypost_adapters.notifier.sendable import require_sendable
from keypost_adapters.notifier.sender import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class MailgunNotifier:
    """Notifier over Mailgun.

    Mailgun has no idempotency keys: a letter whose acceptance got lost is sent
    again. The key goes along as ``X-Entity-Ref-ID``, by which mail programs
    and people recognise the duplicate. Accounts in Europe have a ``base_url``
    of their own, https://api.eu.mailgun.net.
    """

    client: httpx.AsyncClient
    api_key: str = field(repr=False)
    domain: str
    sender: Sender
    base_url: str = "https://api.mailgun.net"
    deadline: float = DEADLINE

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        """Hand the letter over; Mailgun answers 200 and names it."""
        require_sendable(letter, idempotency_key=idempotency_key)
        counter = Counter("Mailgun", self.client, self.deadline)
        await counter.hand_in(self._post(letter, idempotency_key), accepted=200, receipt="id")

    def _post(self, letter: Letter, idempotency_key: str) -> Post:
        # Mailgun's own pages write the base with and without the version.
        base = self.base_url.rstrip("/").removesuffix("/v3")
        return Post(
            url=f"{base}/v3/{quote(self.domain, safe='')}/messages",
            headers={"Authorization": f"Basic {self._credentials}"},
            form={
                "from": str(self.sender),
                # A comma-separated list to Mailgun; an EmailAddress has no comma.
                "to": str(letter.to),
                "subject": letter.subject,
                "text": letter.text,
                "html": letter.html,
                "h:X-Entity-Ref-ID": idempotency_key,
                # Mailgun would otherwise rewrite a payment link to one of its own.
                "o:tracking": "no",
            },
        )

    @property
    def _credentials(self) -> str:
        return b64encode(f"api:{self.api_key}".encode()).decode()
