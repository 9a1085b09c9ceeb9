"""A letter as the message that mail programs read."""

from email.message import EmailMessage
from email.policy import EmailPolicy

from keypost.letters import Letter


def as_message(letter: Letter, policy: "EmailPolicy[EmailMessage]") -> EmailMessage:
    """Write recipient, subject and both parts: plain text first, HTML as the better choice."""
    message = EmailMessage(policy=policy)
    message["To"] = str(letter.to)
    message["Subject"] = letter.subject
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message
