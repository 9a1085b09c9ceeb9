"""What the keys sign is what OpenSSH's own tool accepts."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

from client.conftest import KeyMaker
from keypost_client.keys.agent import Agent
from keypost_client.keys.key_file import FileKey
from keypost_client.keys.signing import SigningKey
from programs import require

MESSAGE = b"v1.a-challenge\nwith two lines"


def armored(signature: str) -> str:
    rows = [signature[at : at + 70] for at in range(0, len(signature), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *rows, "-----END SSH SIGNATURE-----", ""])


def ssh_keygen_accepts(
    folder: Path, key: SigningKey, signature: str, *, namespace: str = "edproof"
) -> bool:
    (folder / "signature").write_text(armored(signature))
    (folder / "allowed").write_text(f"agent {key.public_key_line}\n")
    checked = subprocess.run(
        [
            *(require("ssh-keygen"), "-Y", "verify", "-n", namespace, "-I", "agent"),
            *("-f", folder / "allowed", "-s", folder / "signature"),
        ],
        input=MESSAGE,
        check=False,
        capture_output=True,
    )
    return checked.returncode == 0


def test_ssh_keygen_verifies_what_a_file_key_signs(file_key: FileKey, tmp_path: Path) -> None:
    assert ssh_keygen_accepts(tmp_path, file_key, file_key.sign(MESSAGE))


def test_ssh_keygen_verifies_what_an_agent_signs(
    agent: Agent, ssh_add: Callable[[Path], None], keygen: KeyMaker, tmp_path: Path
) -> None:
    ssh_add(keygen())
    (key,) = agent.keys()
    assert ssh_keygen_accepts(tmp_path, key, key.sign(MESSAGE))


def test_a_proof_is_no_signature_under_anything_else(file_key: FileKey, tmp_path: Path) -> None:
    signature = file_key.sign(MESSAGE)
    assert not ssh_keygen_accepts(tmp_path, file_key, signature, namespace="git")


def test_the_signature_is_byte_for_byte_the_one_that_ssh_keygen_makes(file_key: FileKey) -> None:
    # Ed25519 is deterministic, so there is only one right answer.
    made = subprocess.run(
        [require("ssh-keygen"), "-Y", "sign", "-n", "edproof", "-f", file_key.path],
        input=MESSAGE,
        check=True,
        capture_output=True,
    )
    assert made.stdout.decode() == armored(file_key.sign(MESSAGE))


def test_check_novalidate_accepts_it_as_well(file_key: FileKey, tmp_path: Path) -> None:
    (tmp_path / "signature").write_text(armored(file_key.sign(MESSAGE)))
    subprocess.run(
        [
            *(require("ssh-keygen"), "-Y", "check-novalidate", "-n", "edproof"),
            *("-s", tmp_path / "signature"),
        ],
        input=MESSAGE,
        check=True,
        capture_output=True,
    )


def test_the_signature_is_one_line_of_base64(file_key: FileKey) -> None:
    assert base64.b64decode(file_key.sign(MESSAGE), validate=True).startswith(b"SSHSIG")
