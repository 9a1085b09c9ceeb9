"""SSH's binary values and base64, read so that a value has one spelling.

Binary values follow RFC 4251 section 5, base64 is RFC 4648 section 4.
"""

import base64


class Unreadable(ValueError):  # noqa: N818 - named for what happened
    """The bytes or the text are not what they should be.

    Stays inside this package: its readers turn it into a fact with a sentence.
    """


class Reader:
    """Takes SSH values off the front of a byte string.

    Every method raises Unreadable where there is less than it needs, and
    ``end`` where there is more.
    """

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def take(self, count: int) -> bytes:
        """Take exactly so many bytes."""
        if len(self._rest) < count:
            raise Unreadable
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def uint32(self) -> int:
        """Take a ``uint32``: four bytes, most significant first."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Take a ``string``: a ``uint32`` length and so many bytes."""
        return self.take(self.uint32())

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self._rest:
            raise Unreadable


def string(value: bytes) -> bytes:
    """Write a ``string``."""
    return len(value).to_bytes(4, "big") + value


def to_base64(data: bytes) -> str:
    """Write standard base64, padded, on one line."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Read standard base64 as ``to_base64`` writes it; raise Unreadable for any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable from None
    # Python ignores the spare bits of the last character and text after the
    # padding; without this comparison one value would have many spellings.
    if to_base64(data) != text:
        raise Unreadable
    return data


def to_base64url(data: bytes) -> str:
    """Write base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
