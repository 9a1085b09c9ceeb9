"""Keys and signatures by the real ``ssh-keygen``, and SSHSIG blobs by hand."""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@dataclass(frozen=True)
class OpenSsh:
    """``ssh-keygen``, working in a folder of its own."""

    program: str
    home: Path

    def make_key(self, name: str, *options: str) -> Path:
        path = self.home / name
        self._run("-q", "-N", "", "-C", f"{name}@test", "-f", str(path), "-t", *options)
        return path

    def certify(self, key: Path, *, ca: Path) -> str:
        public = key.with_name(f"{key.name}.pub")
        self._run("-q", "-s", str(ca), "-I", "test", str(public))
        return key.with_name(f"{key.name}-cert.pub").read_text()

    def fingerprint(self, key: Path) -> str:
        return self._run("-l", "-f", str(key)).decode().split()[1]

    def sign(
        self, key: Path, message: bytes, *, namespace: str = "edproof", hashed: str = "sha512"
    ) -> str:
        options = ("-n", namespace, "-O", f"hashalg={hashed}", "-f", str(key))
        return self._run("-Y", "sign", *options, given=message).decode()

    def verify(self, line: str, message: bytes, armored: str) -> bool:
        allowed, signature = self.home / "allowed_signers", self.home / "signature"
        allowed.write_text(f"agent {line}\n")
        signature.write_text(armored)
        options = ("-n", "edproof", "-I", "agent", "-f", str(allowed), "-s", str(signature))
        try:
            self._run("-Y", "verify", *options, given=message)
        except subprocess.CalledProcessError:
            return False
        return True

    def _run(self, *options: str, given: bytes = b"") -> bytes:
        command = [self.program, *options]
        done = subprocess.run(command, input=given, capture_output=True, check=True, timeout=60)
        return done.stdout


def public_line(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text()


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def key_blob(raw: bytes, kind: bytes = b"ssh-ed25519") -> bytes:
    return string(kind) + string(raw)


def sshsig(  # noqa: PLR0913 - one for each field of the format
    key: bytes,
    signature: bytes,
    *,
    version: int = 1,
    namespace: bytes = b"edproof",
    reserved: bytes = b"",
    hashed: bytes = b"sha512",
    kind: bytes = b"ssh-ed25519",
) -> bytes:
    """One SSHSIG of a key blob and 64 bytes, right unless told otherwise."""
    inner = string(kind) + string(signature)
    words = map(string, (key, namespace, reserved, hashed, inner))
    return b"SSHSIG" + version.to_bytes(4, "big") + b"".join(words)


def joined(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def armor(blob: bytes) -> str:
    """Armor as ssh-keygen prints it, 70 characters a line."""
    text = joined(blob)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join([BEGIN, *lines, END, ""])


def flips(data: bytes) -> list[bytes]:
    """Every value that differs from ``data`` in one bit."""
    whole = int.from_bytes(data, "big")
    return [(whole ^ (1 << bit)).to_bytes(len(data), "big") for bit in range(8 * len(data))]
