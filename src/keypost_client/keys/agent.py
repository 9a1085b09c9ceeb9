"""ssh-agent: keys that sign without showing themselves (draft-ietf-sshm-ssh-agent)."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from keypost_client.errors import KeyUnusable
from keypost_client.keys.public_key import KEY_TYPE, PublicKey
from keypost_client.keys.sshsig import envelope, signed_data
from keypost_client.keys.strings import Reader, string

_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14
_NO_FLAGS = (0).to_bytes(4, "big")
_LARGEST = 256 * 1024
_SIGNATURE_BYTES = 64
# Seconds. An agent may ask its owner before it signs (`ssh-add -c`).
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent behind one socket."""

    path: str

    def keys(self) -> "list[AgentKey]":
        """List its plain Ed25519 keys; others are passed over. Raise KeyUnusable if it is dead."""
        reader = self._ask(_REQUEST_IDENTITIES, b"", expect=_IDENTITIES_ANSWER)
        try:
            blobs = [(reader.string(), reader.string())[0] for _ in range(reader.uint32())]
        except ValueError as error:
            raise self._confused() from error
        return [AgentKey(self, key) for key in _ed25519(blobs)]

    def sign(self, public_key: PublicKey, content: bytes) -> bytes:
        """Have these bytes signed: 64 bytes; raise KeyUnusable where the agent does not."""
        body = string(public_key.blob) + string(content) + _NO_FLAGS
        reader = self._ask(_SIGN_REQUEST, body, expect=_SIGN_RESPONSE)
        try:
            signature = Reader(reader.string())
            kind, value = signature.string(), signature.string()
        except ValueError as error:
            raise self._confused() from error
        if kind != KEY_TYPE or len(value) != _SIGNATURE_BYTES:
            raise self._confused()
        return value

    def _ask(self, kind: int, body: bytes, *, expect: int) -> Reader:
        try:
            answer = self._exchange(bytes([kind]) + body)
        except (OSError, ValueError) as error:
            raise KeyUnusable(
                f"The ssh-agent at {self.path} does not answer.",
                fix="Start it, or name a key file with --key.",
            ) from error
        if answer[:1] != bytes([expect]):
            raise KeyUnusable(
                "ssh-agent declined.", fix="It may be locked, or wait for its owner's consent."
            )
        return Reader(answer[1:])

    def _exchange(self, message: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(self.path)
            connection.sendall(string(message))
            length = int.from_bytes(_receive(connection, 4), "big")
            if length > _LARGEST:
                raise ValueError("the answer is too long")
            return _receive(connection, length)

    def _confused(self) -> KeyUnusable:
        return KeyUnusable(f"The answer of the ssh-agent at {self.path} cannot be read.")


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key that lies in an agent."""

    agent: Agent
    public_key: PublicKey

    @property
    def where(self) -> str:
        """Which agent."""
        return f"ssh-agent at {self.agent.path}"

    @property
    def public_key_line(self) -> str:
        """The public half, without a comment."""
        return self.public_key.line

    def sign(self, message: bytes) -> str:
        """Have the agent sign."""
        return envelope(self.public_key, self.agent.sign(self.public_key, signed_data(message)))


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise ValueError("the agent hung up")
        received += piece
    return received


def _ed25519(blobs: list[bytes]) -> Iterator[PublicKey]:
    for blob in blobs:
        try:
            yield PublicKey.from_blob(blob)
        except (KeyUnusable, ValueError):
            continue
