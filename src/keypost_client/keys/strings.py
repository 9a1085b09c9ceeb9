"""SSH's way to write bytes down: a length, then so many of them (RFC 4251 section 5)."""


def string(value: bytes) -> bytes:
    """Write one string."""
    return len(value).to_bytes(4, "big") + value


class Reader:
    """Read one value after the other; ValueError where the bytes end too early."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        if len(self._rest) < count:
            raise ValueError("the bytes end too early")
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def uint32(self) -> int:
        """Read a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Read one string."""
        return self.take(self.uint32())

    def end(self) -> None:
        """Insist that nothing follows."""
        if self._rest:
            raise ValueError("something follows the end")
