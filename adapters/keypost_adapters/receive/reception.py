"""What a sender is told, and what is stored when the answer is yes.

The answers are those of the Postfix and Dovecot that replace this stack, so a
sender cannot tell the two apart.
"""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from keypost.ports import Clock, ReceiveDirectory
from keypost.receiving import Delivery, MailUser
from keypost_adapters.receive.addresses import Recipient
from keypost_adapters.receive.mailroom import Mailroom

ACCEPTED = "250 2.1.5 OK"
STORED = "250 2.0.0 OK: stored"
UNKNOWN = "550 5.1.1 User unknown in virtual mailbox table"
RELAY = "554 5.7.1 Relay access denied"
GRACE = "450 4.2.1 Mailbox is waiting for its payment, try again later"
CLOSED = "550 5.2.1 Mailbox is closed"
FULL = "452 4.2.2 Mailbox is full"
OVER_QUOTA = "552 5.2.2 Quota exceeded (mailbox for user is full)"
BARE_LINE_ENDS = "550 5.6.0 A line ends in a bare CR or LF"
LOCAL_ERROR = "451 4.3.0 Temporary failure, try again later"
NO_SPACE = "452 4.3.1 Insufficient system storage"

_HELO = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")


class Refused(Exception):  # noqa: N818 - a fact about the mail
    """``str(refused)`` is the whole SMTP reply."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message and its envelope; ``content`` is what was sent, dots removed."""

    helo: str
    is_extended: bool
    peer: str
    sender: str
    recipients: Sequence[Recipient]
    content: bytes


@dataclass(frozen=True, slots=True)
class Reception:
    """Decides about recipients and stores mail for them."""

    directory: ReceiveDirectory
    mailroom: Mailroom
    clock: Clock
    hostname: str

    async def admit(self, recipient: Recipient, *, declared_size: int | None) -> MailUser:
        """Return who takes mail for the recipient, or raise Refused.

        ``declared_size`` is SIZE of MAIL FROM (RFC 1870), None where not given.
        """
        user = await self._open(recipient)
        left = self.mailroom.left(user)
        if declared_size is not None and declared_size > left:
            raise Refused(OVER_QUOTA)
        if left <= 0:
            raise Refused(FULL)
        return user

    async def take(self, mail: Mail) -> None:
        """Store the mail for every recipient, or for none; it is on disk when this returns.

        Raise Refused, or what went wrong here (see ``answer_to``).
        Everything is asked again, for a mailbox may have closed or filled up
        while the data came in.
        """
        # A bare LF before a dot ends the data for some servers and not for
        # others, which lets a sender smuggle a second message (CVE-2023-51764).
        if _has_bare_line_ends(mail.content):
            raise Refused(BARE_LINE_ENDS)
        users = {await self._open(recipient) for recipient in mail.recipients}
        content = self._trace(mail) + mail.content
        if any(len(content) > self.mailroom.left(user) for user in users):
            raise Refused(FULL)
        await self.mailroom.store(dict.fromkeys(users, content))

    async def _open(self, recipient: Recipient) -> MailUser:
        if recipient.is_routed or not await self._serves(recipient.domain):
            raise Refused(RELAY)
        user = await self._find(recipient)
        if user is None:
            raise Refused(UNKNOWN)
        match user.delivery(self.clock()):
            case Delivery.OPEN:
                return user
            case Delivery.GRACE:
                raise Refused(GRACE)
            case Delivery.CLOSED:
                raise Refused(CLOSED)

    async def _serves(self, domain: str) -> bool:
        # The bare <postmaster> has no domain and is always ours (RFC 5321 4.5.1).
        return not domain or await self.directory.serves(domain)

    async def _find(self, recipient: Recipient) -> MailUser | None:
        if not recipient.is_plain:
            return None
        look_up = self.directory.by_email if recipient.domain else self.directory.by_login
        for spelling in recipient.spellings:
            user = await look_up(spelling)
            if user is not None:
                return user
        return None

    def _trace(self, mail: Mail) -> bytes:
        """Return the trace fields (RFC 5321 4.4)."""
        helo = mail.helo if _HELO.fullmatch(mail.helo) else "unknown"
        protocol = "ESMTP" if mail.is_extended else "SMTP"
        return (
            f"Return-Path: <{mail.sender}>\r\n"
            f"Received: from {helo} ([{mail.peer}])\r\n"
            f"\tby {self.hostname} with {protocol}{_for(mail.recipients)};\r\n"
            f"\t{_date(self.clock())}\r\n"
        ).encode("ascii", "replace")


def answer_to(error: Exception) -> str:
    """Return the reply to a failure of ours: whatever it is, the sender comes again."""
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return NO_SPACE if is_full else LOCAL_ERROR


def _has_bare_line_ends(content: bytes) -> bool:
    # Counting takes a tenth of the time of a regular expression.
    whole = content.count(b"\r\n")
    return content.count(b"\r") != whole or content.count(b"\n") != whole


def _for(recipients: Sequence[Recipient]) -> str:
    # Naming one of several recipients would tell each about the others.
    if len(recipients) != 1 or not recipients[0].domain:
        return ""
    return f"\r\n\tfor <{recipients[0].local}@{recipients[0].domain}>"


def _date(now: datetime) -> str:
    return format_datetime(now)
