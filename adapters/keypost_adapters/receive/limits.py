"""What clients may take of the process, so that none takes all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for SMTP and IMAP; times are in seconds.

    ``connections`` counts for each of the two. ``login`` is the whole time from
    connecting to being logged in. ``smtp_idle`` and ``imap_idle`` are what the
    standards ask for at least (RFC 5321 4.5.3.2.7, RFC 3501 5.4). ``unread`` is
    how long a client may leave a packet of an IMAP response unread, ``goodbye``
    how long it may take to read its last words.
    """

    connections: int = 100
    login: float = 30
    smtp_idle: float = 5 * 60
    imap_idle: float = 30 * 60
    unread: float = 60
    goodbye: float = 2
