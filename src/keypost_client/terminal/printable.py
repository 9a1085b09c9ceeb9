"""Strangers' text, made harmless for a terminal.

Whoever sends mail chooses its text. Written to a terminal as it is, it could
move the cursor, set the title, hide its own lines, or show an address in
another order than it is in.
"""

import unicodedata

# Joiners are part of how some scripts and emoji are written; every other
# format character hides or reorders text (bidi controls, tags, zero widths).
_JOINERS = {"\u200c", "\u200d"}
# Control, format, surrogate, line separator, paragraph separator.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def one_line(text: str) -> str:
    """Keep what can be seen, on one line."""
    return " ".join(_visible(line) for line in text.split()).strip()


def lines(text: str) -> str:
    """Keep what can be seen, and the line ends."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "\n".join(_visible(line).rstrip() for line in normal.split("\n"))


def _visible(text: str) -> str:
    return "".join(character for character in text if _is_visible(character))


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _UNSAFE
