"""A Date header → RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from keypost_adapters.inbox.readable.defects import Defects

# The longest honest date is about 60 characters; the standard library's parser
# is not meant for longer text, and raises what it likes on hostile text.
_CHARACTERS = 100
_UNREADABLE = (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError)
_SECONDS = 59  # a leap second is the one before it


def read_date(text: str, defects: Defects) -> str:
    """Return ``2026-11-21T10:40:00Z``, or an empty string where there is no date.

    A date without a zone is taken as UTC (RFC 5322 section 3.3, ``-0000``).
    """
    if not text:
        return ""
    try:
        return _rfc3339(text[:_CHARACTERS])
    except _UNREADABLE:
        defects.note("date_unreadable")
        return ""


def _rfc3339(text: str) -> str:
    parsed = parsedate_tz(text)
    if parsed is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, *_, offset = parsed
    local = datetime(year, month, day, hour, minute, min(second, _SECONDS), tzinfo=UTC)
    moment = local - timedelta(seconds=offset or 0)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
