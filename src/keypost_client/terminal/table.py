"""What is worth showing of each thing, as names and values, and in words."""

from keypost_client.keys.choice import LocalKey
from keypost_client.replies import Access, Mailbox, Message
from keypost_client.terminal.printable import one_line

Rows = list[tuple[str, str]]


def mailbox_rows(mailbox: Mailbox) -> Rows:
    """Leave out what is empty, and the access token: `keypost` asks for a new one each time."""
    paid_until = mailbox.expires_at.isoformat(sep=" ") if mailbox.expires_at else ""
    rows = [
        ("address", mailbox.email),
        ("status", mailbox.status),
        ("paid until", paid_until),
        ("payment link", mailbox.payment_url),
    ]
    return [(name, value) for name, value in rows if value]


def mailbox_words(mailbox: Mailbox, billing_email: str) -> str:
    """Say in a sentence or two where things stand and what comes next."""
    link_sent = f"The link also goes to {one_line(billing_email)} by e-mail."
    if mailbox.usable and mailbox.payment_url:
        return f"Your mailbox is open. Paying adds to the time that is left. {link_sent}"
    if mailbox.usable:
        return "Your mailbox is open. `keypost messages` reads it, `keypost access` is for IMAP."
    if mailbox.payment_url:
        return (
            "Your mailbox is kept for you and opens as soon as the payment has arrived. "
            f"Anyone may pay. {link_sent} Then run `keypost messages`."
        )
    if mailbox.status == "revoked":
        return "Your mailbox was closed by the service, and no payment opens it."
    return "Your mailbox waits for a payment, but there is no link yet. Claim again in a while."


def access_rows(access: Access) -> Rows:
    """Hide nothing."""
    return [
        ("address", access.email),
        ("protocol", access.protocol),
        ("host", access.host),
        ("port", str(access.port)),
        ("tls", "yes" if access.tls else "no"),
        ("username", access.username),
        ("password", access.password),
        ("access token", access.access_token),
    ]


def message_rows(message: Message) -> Rows:
    """Give what stands above the text."""
    return [
        ("uid", str(message.uid)),
        ("from", message.sender),
        ("to", message.to),
        ("subject", message.subject),
        ("date", message.date),
    ]


def key_rows(key: LocalKey) -> Rows:
    """Give the public half and where the private one lies."""
    return [
        ("fingerprint", key.public_key.fingerprint),
        ("public key", key.public_key_line),
        ("where", key.where),
    ]
