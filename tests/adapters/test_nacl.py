"""libsodium agrees with ssh-keygen in both directions, and refuses what must be refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from keypost.edproof.challenge import Challenges
from keypost.edproof.proof import Proof, prove
from keypost.edproof.public_key import PublicKey
from keypost.edproof.sshsig import SshSignature, unwrap
from keypost.errors import Malformed, SignatureInvalid, Unproven
from keypost_adapters.keys.nacl import verify_ed25519
from programs import require
from vectors.openssh import OpenSsh, armor, flips, joined, public_line, sshsig

SPECCHECK = Path(__file__).parents[2].parent / "shared/specs/ed25519-speccheck.json"
# What libsodium answers, case by case ("Taming the many EdDSAs", table 5).
ANSWERS = "XXXVXXXXXXXX"

SIGNER = SigningKey(bytes(range(32)))
KEY = PublicKey(bytes(SIGNER.verify_key))
MESSAGE = b"sign me"
SIGNATURE = SIGNER.sign(MESSAGE).signature
CHALLENGES = Challenges(bytes(32), service="https://keypost.example")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> OpenSsh:
    return OpenSsh(require("ssh-keygen"), tmp_path_factory.mktemp("nacl"))


@pytest.fixture(scope="module")
def made(openssh: OpenSsh) -> Path:
    return openssh.make_key("agent", "ed25519")


def test_a_good_signature_is_accepted() -> None:
    verify_ed25519(KEY, MESSAGE, SIGNATURE)


def test_rfc_8032_agrees() -> None:
    # Section 7.1, test 2.
    key = PublicKey(
        bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    )
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    verify_ed25519(key, b"\x72", signature)


def test_every_flipped_bit_of_a_signature_is_invalid() -> None:
    for flipped in flips(SIGNATURE):
        with pytest.raises(SignatureInvalid):
            verify_ed25519(KEY, MESSAGE, flipped)


@pytest.mark.parametrize("signature", [b"", SIGNATURE[:-1], SIGNATURE + b"\0", SIGNATURE * 2])
def test_a_signature_of_another_length_is_invalid(signature: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_ed25519(KEY, MESSAGE, signature)


@pytest.mark.parametrize("raw", [b"", KEY.raw[:-1], KEY.raw + b"\0", bytes(32), b"\xff" * 32])
def test_a_key_that_is_no_sound_point_is_invalid(raw: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        verify_ed25519(PublicKey(raw), MESSAGE, SIGNATURE)


@pytest.mark.parametrize(("number", "answer"), list(enumerate(ANSWERS)))
def test_the_speccheck_cases_are_answered_as_libsodium_does(number: int, answer: str) -> None:
    if not SPECCHECK.exists():
        pytest.skip(f"{SPECCHECK} is not here")
    case = json.loads(SPECCHECK.read_text())["cases"][number]
    key, message, signature = (
        bytes.fromhex(case[name]) for name in ("pub_key", "message", "signature")
    )
    assert answered(PublicKey(key), message, signature) == answer


def answered(key: PublicKey, message: bytes, signature: bytes) -> str:
    try:
        verify_ed25519(key, message, signature)
    except SignatureInvalid:
        return "X"
    return "V"


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_ssh_keygen_signs_libsodium_verifies(
    openssh: OpenSsh, made: Path, hashed: str
) -> None:
    read = SshSignature.parse(openssh.sign(made, MESSAGE, hashed=hashed))
    verify_ed25519(read.key, read.signed_data(MESSAGE), read.signature)
    with pytest.raises(SignatureInvalid):
        verify_ed25519(read.key, read.signed_data(MESSAGE + b"\n"), read.signature)


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_libsodium_signs_ssh_keygen_verifies(openssh: OpenSsh, hashed: str) -> None:
    data = SshSignature(key=KEY, hash_algorithm=hashed, signature=b"").signed_data(MESSAGE)
    signature = sshsig(KEY.blob, SIGNER.sign(data).signature, hashed=hashed.encode())
    assert openssh.verify(KEY.line, MESSAGE, armor(signature))


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_an_agent_with_ssh_keygen_proves_its_key(openssh: OpenSsh, made: Path, hashed: str) -> None:
    key = PublicKey.parse(public_line(made))
    challenge = CHALLENGES.issue(key, now=NOW, nonce=bytes(16))
    printed = openssh.sign(made, challenge.encode(), hashed=hashed)
    for signature in (printed, printed.replace("\n", "\r\n"), joined(unwrap(printed))):
        proof = Proof.parse(edproof=public_line(made), challenge=challenge, signature=signature)
        assert prove(proof, challenges=CHALLENGES, verify=verify_ed25519, now=NOW).key == key


def test_an_agent_without_ssh_keygen_proves_its_key() -> None:
    challenge = CHALLENGES.issue(KEY, now=NOW, nonce=bytes(16))
    signature = joined(SIGNER.sign(challenge.encode()).signature)
    proof = Proof.parse(edproof=KEY.line, challenge=challenge, signature=signature)
    assert prove(proof, challenges=CHALLENGES, verify=verify_ed25519, now=NOW).key == KEY


def test_a_line_end_that_slipped_into_the_message_is_noticed(openssh: OpenSsh, made: Path) -> None:
    key = PublicKey.parse(public_line(made))
    challenge = CHALLENGES.issue(key, now=NOW, nonce=bytes(16))
    signature = openssh.sign(made, challenge.encode() + b"\n")
    proof = Proof.parse(edproof=key.line, challenge=challenge, signature=signature)
    with pytest.raises(SignatureInvalid):
        prove(proof, challenges=CHALLENGES, verify=verify_ed25519, now=NOW)


def test_no_flipped_bit_of_a_real_signature_proves_anything(openssh: OpenSsh, made: Path) -> None:
    key = PublicKey.parse(public_line(made))
    challenge = CHALLENGES.issue(key, now=NOW, nonce=bytes(16))
    for blob in flips(unwrap(openssh.sign(made, challenge.encode()))):
        with pytest.raises((Malformed, Unproven)):
            prove(
                Proof.parse(edproof=key.line, challenge=challenge, signature=joined(blob)),
                challenges=CHALLENGES,
                verify=verify_ed25519,
                now=NOW,
            )
