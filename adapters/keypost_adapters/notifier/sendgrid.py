"""Letters by SendGrid (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)."""

from dataclasses import dataclass, field

import httpx

from keypost.letters import Letter
from keypost_adapters.notifier.deadline import DEADLINE
from keypost_adapters.notifier.posting import Counter, Post
from keypost_adapters.notifier.sendable import require_sendable
from keypost_adapters.notifier.sender import Sender

# SendGrid would otherwise rewrite a payment link to one of its own and count who opens it.
_NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendGridNotifier:
    """Notifier over SendGrid.

    SendGrid has no idempotency keys: a letter whose acceptance got lost is
    sent again. The key goes along as ``X-Entity-Ref-ID``, by which mail
    programs and people recognise the duplicate, and as the custom argument
    ``idempotency_key``, which SendGrid's events repeat.
    """

    client: httpx.AsyncClient
    api_key: str = field(repr=False)
    sender: Sender
    base_url: str = "https://api.sendgrid.com"
    deadline: float = DEADLINE

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:
        """Hand the letter over.

        Only 202 is acceptance: 200 is SendGrid's sandbox, which sends nothing.
        """
        require_sendable(letter, idempotency_key=idempotency_key)
        counter = Counter("SendGrid", self.client, self.deadline)
        await counter.hand_in(self._post(letter, idempotency_key), accepted=202, receipt=None)

    def _post(self, letter: Letter, idempotency_key: str) -> Post:
        return Post(
            url=f"{self.base_url.rstrip('/')}/v3/mail/send",
            headers={"Authorization": f"Bearer {self.api_key}"},
            json={
                "personalizations": [
                    {
                        "to": [{"email": str(letter.to)}],
                        "headers": {"X-Entity-Ref-ID": idempotency_key},
                        "custom_args": {"idempotency_key": idempotency_key},
                    }
                ],
                "from": {"email": str(self.sender.address), "name": self.sender.name},
                "subject": letter.subject,
                "content": [
                    {"type": "text/plain", "value": letter.text},
                    {"type": "text/html", "value": letter.html},
                ],
                "tracking_settings": _NO_TRACKING,
            },
        )
