"""Which key it is.

A mailbox belongs to a key, so the same command must find the same key
tomorrow. The order:

1. the file that was named: ``--key``, else KEYPOST_KEY. Either a private key,
   or a ``.pub`` whose private half lies beside it, in ``~/.ssh/id_ed25519`` or
   in ssh-agent;
2. the key that was used here before. ``~/.config/keypost/id_ed25519.pub``
   remembers it; its private half may lie beside it, in ``~/.ssh/id_ed25519``
   or in ssh-agent. Where it is in none of them the search ends with KeyLost:
   any other key would be another mailbox;
3. the first time only: ``~/.config/keypost/id_ed25519``, else
   ``~/.ssh/id_ed25519``, else ssh-agent's only Ed25519 key (of several, one has
   to be named), and that choice is remembered;
4. for ``keypost claim``: a new one in ``~/.config/keypost/id_ed25519``. Nothing
   else makes a key, as a new key has no mailbox to read.

A key that was named is not remembered. Where a file is protected by a
passphrase and ssh-agent holds the same key, the agent signs.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from keypost_client.errors import KeyLost, KeyNotFound, KeyUnusable
from keypost_client.keys.agent import Agent, AgentKey
from keypost_client.keys.key_file import FileKey, read_key_file
from keypost_client.keys.new_key import make_key
from keypost_client.keys.passphrase import passphrase
from keypost_client.keys.public_key import PublicKey
from keypost_client.keys.publish import publish

LocalKey: TypeAlias = FileKey | AgentKey


def find_key(named: str | None = None) -> LocalKey:
    """Find the key; raise KeyNotFound where there is none yet, KeyUnusable where it is no good."""
    return KeyPlaces.of_this_user().find(named or os.environ.get("KEYPOST_KEY"))


def find_or_make_key(
    named: str | None = None, *, announce: Callable[[FileKey], object]
) -> LocalKey:
    """Find the key, or make one and announce it."""
    try:
        return find_key(named)
    except KeyNotFound:
        made = KeyPlaces.of_this_user().make()
        announce(made)
        return made


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """The places of one user where a key may lie."""

    home: Path
    agent: Agent | None = None
    passphrase: Callable[[Path], bytes] = passphrase

    @classmethod
    def of_this_user(cls) -> "KeyPlaces":
        """Look at HOME and SSH_AUTH_SOCK."""
        socket = os.environ.get("SSH_AUTH_SOCK")
        return cls(home=Path.home(), agent=Agent(socket) if socket else None)

    @property
    def own(self) -> Path:
        """Where a key made by keypost lies."""
        return self.home / ".config" / "keypost" / "id_ed25519"

    @property
    def usual(self) -> Path:
        """Where ssh-keygen puts a key."""
        return self.home / ".ssh" / "id_ed25519"

    @property
    def memory(self) -> Path:
        """Where the public half of the key in use is remembered."""
        return self.own.with_name("id_ed25519.pub")

    def find(self, named: str | None) -> LocalKey:
        """Find the key in the order that this module tells."""
        if named:
            return self._named(Path(named).expanduser())
        if not self.memory.exists():
            self._remember(self._first_choice())
        return self._remembered()

    def make(self) -> FileKey:
        """Make a key and remember it; of two that do so at once both get the same."""
        with _writing(self.own), suppress(FileExistsError):
            make_key(self.own)
        made = self._load(self.own)
        self._remember(made)
        return made

    def _named(self, path: Path) -> LocalKey:
        content = read_key_file(path)
        if not content.startswith(b"-----"):
            return self._private_half(_public_key(path, content), beside=path.with_suffix(""))
        return self._ready(self._load(path))

    def _remembered(self) -> LocalKey:
        public_key = _public_key(self.memory, read_key_file(self.memory))
        return self._private_half(public_key, beside=self.own)

    def _first_choice(self) -> LocalKey:
        for path in (self.own, self.usual):
            if path.exists():
                return self._load(path)
        keys = self._agent_keys()
        if len(keys) > 1:
            raise KeyUnusable(
                f"ssh-agent holds {len(keys)} Ed25519 keys, and each is another mailbox.",
                fix="Name one with --key FILE.pub (`ssh-add -L` shows them).",
            )
        if not keys:
            raise KeyNotFound("There is no Ed25519 key here yet.")
        return keys[0]

    def _remember(self, key: LocalKey) -> None:
        with _writing(self.memory), suppress(FileExistsError):
            publish(self.memory, f"{key.public_key_line} keypost\n".encode(), mode=0o644)

    def _private_half(self, public_key: PublicKey, *, beside: Path) -> LocalKey:
        for key in self._candidates(beside):
            if key.public_key == public_key:
                return self._ready(key)
        raise KeyLost(
            f"The private half of {public_key.fingerprint} is neither in {beside} nor in "
            f"{self.usual} nor in ssh-agent.",
            fix="Bring it back, or start ssh-agent with it. To use another key, and so another "
            f"mailbox, name it with --key, or delete {self.memory}.",
        )

    def _candidates(self, beside: Path) -> Iterator[LocalKey]:
        for path in dict.fromkeys((beside, self.usual)):
            if path.exists():
                with suppress(KeyUnusable):
                    yield self._load(path)
        yield from self._agent_keys()

    def _ready(self, key: LocalKey) -> LocalKey:
        """Prefer the agent where it spares the passphrase, as ssh does."""
        if isinstance(key, AgentKey):
            return key
        same = (held for held in self._agent_keys() if held.public_key == key.public_key)
        if key.encrypted and (held := next(same, None)):
            return held
        key.insist_on_privacy()
        return key

    def _agent_keys(self) -> list[AgentKey]:
        """List the agent's keys; a socket that nobody answers on holds none."""
        with suppress(KeyUnusable):
            return self.agent.keys() if self.agent else []
        return []

    def _load(self, path: Path) -> FileKey:
        return FileKey.load(path, self.passphrase)


def _public_key(path: Path, content: bytes) -> PublicKey:
    try:
        return PublicKey.parse(content.decode())
    except (KeyUnusable, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path} is neither a private key nor a public key line.") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say which file it was that could not be written."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise KeyUnusable(
            f"{path} cannot be written: {error.strerror}.",
            fix="Make it writable, or name a key with --key or KEYPOST_KEY.",
        ) from error
