"""The way of a response to a client, in packets that are neither too small nor too big."""

import asyncio
from collections.abc import Iterable, Iterator

_PACKET = 256 * 1024


class PatientWriter:
    """A stream writer that joins what is small, cuts what is big, and waits for its reader.

    pymap writes a response in many pieces; clients exist that take each
    packet for a line. Law: no more than a packet is handed to the transport
    before the client has taken the one before. A client that leaves a packet
    unread for ``patience`` seconds is disconnected, and ConnectionError is
    raised.
    """

    def __init__(self, writer: asyncio.StreamWriter, *, patience: float) -> None:
        self._writer = writer
        self._patience = patience
        self._pieces: list[bytes] = []
        self._size = 0
        # Updates and a goodbye may be under way at once; their packets must not mix.
        self._sending = asyncio.Lock()

    def write(self, data: bytes) -> None:
        """Keep data until ``drain``."""
        self._pieces.append(data)
        self._size += len(data)

    async def relieve(self) -> None:
        """Send what was kept, if it is a packet or more."""
        if self._size >= _PACKET:
            await self.drain()

    async def drain(self) -> None:
        """Send what was kept."""
        async with self._sending:
            pieces, self._pieces, self._size = self._pieces, [], 0
            for packet in packets(pieces):
                self._writer.write(packet)
                await self._taken()

    def is_closing(self) -> bool:
        """Say whether nothing more can be sent."""
        return self._writer.is_closing()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _taken(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise ConnectionAbortedError("the client does not read") from None


def packets(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return the same bytes in packets of 256 KB, the last one smaller."""
    packet = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        while len(packet) + len(rest) >= _PACKET:
            cut = _PACKET - len(packet)
            packet += rest[:cut]
            rest = rest[cut:]
            yield bytes(packet)
            packet.clear()
        packet += rest
    if packet:
        yield bytes(packet)
