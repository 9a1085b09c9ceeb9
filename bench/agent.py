"""Agents that cost little: one kept connection each, and a key that signs in memory."""

import asyncio
import base64
import json
from hashlib import sha512
from typing import Any

from nacl.signing import SigningKey


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


class Agent:
    """An Ed25519 key on one HTTP/1.1 connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._key = SigningKey.generate()

    def become(self, other: "Agent") -> None:
        """Use another agent's key from now on."""
        self._key = other._key  # noqa: SLF001 - of the same class

    @property
    def _blob(self) -> bytes:
        return _string(b"ssh-ed25519") + _string(bytes(self._key.verify_key))

    @property
    def line(self) -> str:
        """The public key as OpenSSH writes it."""
        return "ssh-ed25519 " + base64.b64encode(self._blob).decode()

    async def connect(self) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON and return JSON; anything but 2xx ends the benchmark."""
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return await self._answer(head.encode() + content)

    async def get(self, target: str) -> dict[str, Any]:
        """Get JSON without credentials."""
        return await self._answer(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())

    async def _answer(self, request: bytes) -> dict[str, Any]:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        content = await self._reader.readexactly(length)
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(content.decode())
        answer: dict[str, Any] = json.loads(content)
        return answer

    async def challenge(self) -> str:
        """Ask for a challenge."""
        return str((await self.post("/v1/auth/challenge", {"public_key": self.line}))["challenge"])

    def proof(self, challenge: str) -> dict[str, Any]:
        """Sign a challenge as ``ssh-keygen -Y sign -n edproof`` does, without its armor."""
        about = _string(b"edproof") + _string(b"") + _string(b"sha512")
        signed = self._key.sign(
            b"SSHSIG" + about + _string(sha512(challenge.encode()).digest())
        ).signature
        signature = _string(_string(b"ssh-ed25519") + _string(signed))
        envelope = b"SSHSIG" + (1).to_bytes(4, "big") + _string(self._blob) + about + signature
        return {
            "edproof": self.line,
            "challenge": challenge,
            "signature": base64.b64encode(envelope).decode(),
        }

    async def claim(self) -> dict[str, Any]:
        """Claim the key's mailbox."""
        proof = self.proof(await self.challenge())
        return await self.post(
            "/v1/mailboxes/claim", {**proof, "billing_email": "owner@example.org"}
        )

    async def resolve(self, challenge: str) -> dict[str, Any]:
        """Resolve the key's mailbox with a challenge that was fetched before."""
        return await self.post("/v1/access/resolve", {**self.proof(challenge), "protocol": "imap"})
