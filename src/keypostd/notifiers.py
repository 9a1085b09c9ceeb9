"""From what the settings say about letters to the notifier that sends them."""

from pathlib import Path
from typing import assert_never

import httpx

from keypost.ports import Clock, Notifier
from keypost_adapters.notifier.log import LogNotifier
from keypost_adapters.notifier.mailgun import MailgunNotifier
from keypost_adapters.notifier.resend import ResendNotifier
from keypost_adapters.notifier.sendgrid import SendGridNotifier
from keypost_adapters.notifier.smtp import SmtpNotifier
from keypost_adapters.notifier.unsend import UnsendNotifier
from keypostd.letter_settings import (
    Letters,
    LogLetters,
    MailgunLetters,
    ResendLetters,
    SendGridLetters,
    SmtpLetters,
    UnsendLetters,
)


def notifier_for(
    letters: Letters, *, client: httpx.AsyncClient, folder: Path, clock: Clock
) -> Notifier:
    """Return the chosen notifier; ``folder`` is where the log's letters go."""
    match letters:
        case LogLetters():
            return LogNotifier(folder)
        case UnsendLetters(key, base_url, sender):
            return UnsendNotifier(client=client, api_key=key, sender=sender, base_url=base_url)
        case ResendLetters(key, sender):
            return ResendNotifier(client=client, api_key=key, sender=sender)
        case SendGridLetters(key, sender):
            return SendGridNotifier(client=client, api_key=key, sender=sender)
        case MailgunLetters(key, domain, base_url, sender):
            return MailgunNotifier(
                client=client, api_key=key, domain=domain, sender=sender, base_url=base_url
            )
        case SmtpLetters(server, sender):
            return SmtpNotifier(server=server, sender=sender, clock=clock)
    assert_never(letters)
