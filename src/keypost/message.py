"""A received message, as its reader sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an inbox.

    ``uid`` is the IMAP UID and never changes. ``sender``, ``to`` and
    ``subject`` are decoded header text without line ends, ``date`` is RFC 3339
    UTC or empty where the header holds no date, ``body`` is readable text (the
    plain part, or else the HTML part as text), or None where it was not asked
    for. ``defects`` names what could not be read as it was meant.
    """

    uid: int
    sender: str
    to: str
    subject: str
    date: str
    body: str | None = None
    defects: tuple[str, ...] = ()
