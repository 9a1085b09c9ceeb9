"""Private key files: what is read, and what is refused with a reason."""

import subprocess
from pathlib import Path

import pytest

from client.conftest import KeyMaker, no_passphrase
from keypost_client.errors import KeyUnusable
from keypost_client.keys.key_file import FileKey
from keypost_client.keys.public_key import PublicKey
from programs import require


def secret(_: Path) -> bytes:
    return b"secret"


def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(file_key: FileKey) -> None:
    shown = subprocess.run(
        [require("ssh-keygen"), "-l", "-f", file_key.path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert file_key.public_key.fingerprint == shown.stdout.split()[1]


def test_the_public_line_says_nothing_about_its_owner(file_key: FileKey) -> None:
    line = Path(f"{file_key.path}.pub").read_text()
    assert line == f"{file_key.public_key_line} me@laptop\n"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_another_type_of_key_is_refused_by_its_name(keygen: KeyMaker, kind: str) -> None:
    with pytest.raises(KeyUnusable, match=kind):
        FileKey.load(keygen(kind=kind), no_passphrase)


def test_a_private_key_that_others_may_read_is_refused(file_key: FileKey) -> None:
    file_key.path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="open to other users") as refused:
        file_key.sign(b"challenge")
    assert refused.value.fix == f"Run: chmod 600 {file_key.path}"


def test_the_public_half_of_a_protected_key_needs_no_passphrase(keygen: KeyMaker) -> None:
    path = keygen(passphrase="secret")
    key = FileKey.load(path, no_passphrase)
    assert key.encrypted
    assert key.public_key == PublicKey.parse(Path(f"{path}.pub").read_text())


def test_a_protected_key_signs_with_its_passphrase(keygen: KeyMaker) -> None:
    pytest.importorskip("bcrypt")
    assert FileKey.load(keygen(passphrase="secret"), secret).sign(b"challenge")


def test_the_wrong_passphrase_is_called_that(keygen: KeyMaker) -> None:
    pytest.importorskip("bcrypt")
    with pytest.raises(KeyUnusable, match="passphrase does not open"):
        FileKey.load(keygen(passphrase="another"), secret).sign(b"challenge")


def test_what_cannot_be_opened_here_names_a_way_out(keygen: KeyMaker) -> None:
    try:
        FileKey.load(keygen(passphrase="secret"), secret).sign(b"challenge")
    except KeyUnusable as error:
        assert "ssh-add" in error.fix  # noqa: PT017 - with bcrypt there is no error


@pytest.mark.parametrize("content", [b"", b"ssh-ed25519 AAAA", b"\xff\xfe", b"-----BEGIN X-----\n"])
def test_what_is_no_private_key_is_called_that(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match="not an OpenSSH private key"):
        FileKey.load(path, no_passphrase)


def test_a_damaged_key_is_called_damaged(file_key: FileKey) -> None:
    lines = file_key.path.read_bytes().splitlines()
    file_key.path.write_bytes(b"\n".join([lines[0], lines[1][:40], lines[-1]]) + b"\n")
    with pytest.raises(KeyUnusable, match="damaged"):
        FileKey.load(file_key.path, no_passphrase)


def test_a_public_half_that_is_not_the_private_ones_does_not_sign(file_key: FileKey) -> None:
    other = FileKey(file_key.path, PublicKey(bytes(32)), False, file_key.content, no_passphrase)  # noqa: FBT003
    with pytest.raises(KeyUnusable, match="do not belong together"):
        other.sign(b"challenge")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="nowhere cannot be read: No such file"):
        FileKey.load(tmp_path / "nowhere", no_passphrase)


def test_the_repr_keeps_the_secret(file_key: FileKey) -> None:
    file_key.sign(b"challenge")
    assert "PRIVATE" not in repr(file_key)
    assert "content" not in repr(file_key)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!!",
        "a b\nc d",
        "ssh-ed25519 " + "A" * 68,
    ],
)
def test_a_line_that_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(KeyUnusable):
        PublicKey.parse(line)
