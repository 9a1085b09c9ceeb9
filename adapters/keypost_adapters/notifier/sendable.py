"""What no provider may be given."""

import re
import unicodedata

from keypost.errors import NotifierUnavailable
from keypost.letters import Letter

# What fits a header and a Message-ID as it is; an outbox entry's id does.
_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")

# Control characters, the line and paragraph separators, and halves of characters.
_NOT_IN_A_LINE = frozenset({"Cc", "Zl", "Zp", "Cs"})


def is_one_line(text: str) -> bool:
    """Say whether ``text`` can be in a header without starting another one."""
    return not any(unicodedata.category(each) in _NOT_IN_A_LINE for each in text)


def require_sendable(letter: Letter, *, idempotency_key: str) -> None:
    """Raise NotifierUnavailable for a letter whose words could become headers.

    The address needs no look: an EmailAddress is one address and nothing else.
    """
    if not is_one_line(letter.subject):
        raise NotifierUnavailable("The letter's subject is not one line of text.")
    if not _KEY.match(idempotency_key):
        raise NotifierUnavailable("The letter's idempotency key does not fit a header.")
    try:
        (letter.text + letter.html).encode()
    except UnicodeEncodeError:
        # Not chained: the error quotes the letter.
        raise NotifierUnavailable("The letter cannot be written as UTF-8.") from None
