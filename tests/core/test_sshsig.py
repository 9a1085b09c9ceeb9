"""An SSHSIG is what ssh-keygen makes with ``-n edproof`` and a plain Ed25519 key."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keypost.edproof.public_key import PublicKey
from keypost.edproof.sshsig import SshSignature, unwrap
from keypost.errors import KeyTypeUnsupported, KeyWeak, Malformed, SignatureMalformed
from programs import require
from vectors.openssh import (
    BEGIN,
    END,
    OpenSsh,
    armor,
    flips,
    joined,
    key_blob,
    public_line,
    sshsig,
    string,
)

RAW = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = PublicKey(RAW)
SIGNATURE = bytes(range(64))
BLOB = sshsig(KEY.blob, SIGNATURE)
PARSED = SshSignature(key=KEY, hash_algorithm="sha512", signature=SIGNATURE)
MESSAGE = b"sign me"
SOUND = settings(derandomize=True, deadline=None, max_examples=200, database=None)


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> OpenSsh:
    return OpenSsh(require("ssh-keygen"), tmp_path_factory.mktemp("sshsig"))


@pytest.fixture(scope="module")
def made(openssh: OpenSsh) -> Path:
    return openssh.make_key("signer", "ed25519")


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_ssh_keygen_prints_is_read(openssh: OpenSsh, made: Path, hashed: str) -> None:
    signature = SshSignature.parse(openssh.sign(made, MESSAGE, hashed=hashed))
    assert signature.key == PublicKey.parse(public_line(made))
    assert signature.hash_algorithm == hashed


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_what_was_read_is_what_ssh_keygen_verifies(
    openssh: OpenSsh, made: Path, hashed: str
) -> None:
    read = SshSignature.parse(openssh.sign(made, MESSAGE, hashed=hashed))
    again = armor(sshsig(read.key.blob, read.signature, hashed=read.hash_algorithm.encode()))
    assert openssh.verify(read.key.line, MESSAGE, again)
    assert not openssh.verify(read.key.line, MESSAGE + b"\n", again)


def test_our_own_armor_is_the_one_of_ssh_keygen(openssh: OpenSsh, made: Path) -> None:
    printed = openssh.sign(made, MESSAGE)
    assert armor(unwrap(printed)) == printed


def test_a_signature_for_another_namespace_says_which_to_use(openssh: OpenSsh, made: Path) -> None:
    with pytest.raises(SignatureMalformed, match="-n edproof"):
        SshSignature.parse(openssh.sign(made, MESSAGE, namespace="file"))


@pytest.mark.parametrize(
    ("options", "kind"), [(("rsa", "-b", "4096"), "ssh-rsa"), (("ecdsa",), "ecdsa-sha2-nistp256")]
)
def test_signatures_by_other_keys_are_refused_by_name(
    openssh: OpenSsh, options: tuple[str, ...], kind: str
) -> None:
    text = openssh.sign(openssh.make_key(kind, *options), MESSAGE)
    with pytest.raises(KeyTypeUnsupported, match=kind):
        SshSignature.parse(text)


ARMORED = armor(BLOB)


@pytest.mark.parametrize(
    "text",
    [
        ARMORED,
        ARMORED.rstrip(),
        ARMORED.replace("\n", "\r\n"),
        ARMORED.replace("\n", ""),
        ARMORED.replace("\n", " "),
        ARMORED.replace(BEGIN, "").replace(END, ""),
        f"\n {ARMORED} \n",
        joined(BLOB),
        joined(BLOB) + "\n",
    ],
)
def test_armor_and_line_ends_change_nothing(text: str) -> None:
    assert SshSignature.parse(text) == PARSED


@pytest.mark.parametrize(
    "text",
    [
        "",
        BEGIN,
        END,
        f"{BEGIN}\n{END}",
        BEGIN + END.lstrip("-"),
        ARMORED.replace(END, ""),
        ARMORED.replace(BEGIN, ""),
        ARMORED + "more",
        "more" + ARMORED,
        ARMORED * 2,
        joined(BLOB) + "=",
        joined(BLOB) + "AAAA",
        joined(BLOB)[:-1],
        joined(BLOB)[:-1] + "!",
        joined(BLOB).replace("U", "\u00dc"),
        "\ud800",
        ARMORED.replace("\n", "\x00"),
        ARMORED.replace("\n", "\u00a0"),
        "A" * 4096,
        joined(SIGNATURE),
        "-----BEGIN PGP SIGNATURE-----\n",
    ],
)
def test_text_of_any_other_shape_is_malformed(text: str) -> None:
    with pytest.raises(SignatureMalformed):
        SshSignature.parse(text)


def test_a_long_text_is_refused_before_it_is_read() -> None:
    with pytest.raises(SignatureMalformed, match="too long for"):
        SshSignature.parse(ARMORED.replace("\n", "\n" * 2048))


@pytest.mark.parametrize(
    ("blob", "says"),
    [
        (sshsig(KEY.blob, SIGNATURE, version=2), "version 1"),
        (sshsig(KEY.blob, SIGNATURE, version=0), "version 1"),
        (sshsig(KEY.blob, SIGNATURE, namespace=b""), "-n edproof"),
        (sshsig(KEY.blob, SIGNATURE, namespace=b"edproof\0"), "-n edproof"),
        (sshsig(KEY.blob, SIGNATURE, namespace=b"Edproof"), "-n edproof"),
        (sshsig(KEY.blob, SIGNATURE, reserved=b"x"), "reserved"),
        (sshsig(KEY.blob, SIGNATURE, hashed=b"md5"), "sha256 or sha512"),
        (sshsig(KEY.blob, SIGNATURE, hashed=b"SHA512"), "sha256 or sha512"),
        (sshsig(KEY.blob, SIGNATURE, hashed=b"\xff"), "sha256 or sha512"),
        (sshsig(KEY.blob, SIGNATURE, kind=b"ssh-rsa"), "not of type ssh-ed25519"),
        (sshsig(KEY.blob, SIGNATURE[:-1]), "64 bytes"),
        (sshsig(KEY.blob, SIGNATURE + b"\0"), "64 bytes"),
        (sshsig(KEY.blob[:-1], SIGNATURE), "public key inside"),
        (sshsig(KEY.blob + b"\0", SIGNATURE), "public key inside"),
        (sshsig(b"", SIGNATURE), "public key inside"),
        (BLOB + b"\0", "too long"),
        (BLOB[:-1], "cut short"),
        (BLOB.lower(), "neither"),
        (SIGNATURE, "neither"),
    ],
)
def test_a_wrong_field_is_refused_and_named(blob: bytes, says: str) -> None:
    with pytest.raises(SignatureMalformed, match=says):
        SshSignature.parse(joined(blob))


def test_bytes_after_the_inner_signature_are_refused() -> None:
    inner = string(string(b"ssh-ed25519") + string(SIGNATURE) + b"\0")
    with pytest.raises(SignatureMalformed, match="too long"):
        SshSignature.from_blob(BLOB[: -len(inner) + 1] + inner)


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises(SignatureMalformed):
        SshSignature.from_blob(BLOB[:length])


@pytest.mark.parametrize(
    "kind", ["sk-ssh-ed25519@openssh.com", "ssh-ed25519-cert-v01@openssh.com", "ssh-rsa"]
)
def test_another_type_of_key_inside_is_refused_by_name(kind: str) -> None:
    with pytest.raises(KeyTypeUnsupported, match=kind):
        SshSignature.from_blob(sshsig(key_blob(RAW, kind.encode()), SIGNATURE))


def test_a_weak_key_inside_is_refused() -> None:
    with pytest.raises(KeyWeak):
        SshSignature.from_blob(sshsig(key_blob(bytes(32)), SIGNATURE))


@pytest.mark.parametrize("hashed", ["sha256", "sha512"])
def test_the_signed_data_are_those_of_the_protocol(hashed: str) -> None:
    signature = SshSignature(key=KEY, hash_algorithm=hashed, signature=SIGNATURE)
    digest = hashlib.new(hashed, MESSAGE).digest()
    words = (b"edproof", b"", hashed.encode(), digest)
    assert signature.signed_data(MESSAGE) == b"SSHSIG" + b"".join(map(string, words))


def test_no_flipped_bit_leaves_the_same_signature() -> None:
    for blob in flips(BLOB):
        with suppress(Malformed):
            assert SshSignature.from_blob(blob) != PARSED


@SOUND
@given(st.text() | st.binary().map(joined) | st.text().map(f"{BEGIN}{{}}{END}".format))
@example(f"{BEGIN}\ud800{END}")
def test_any_text_is_a_signature_or_malformed(text: str) -> None:
    with suppress(Malformed):
        SshSignature.parse(text)


@SOUND
@given(st.binary(min_size=64, max_size=64), st.sampled_from(["sha256", "sha512"]))
def test_a_signature_survives_both_its_spellings(signature: bytes, hashed: str) -> None:
    blob = sshsig(KEY.blob, signature, hashed=hashed.encode())
    expected = SshSignature(key=KEY, hash_algorithm=hashed, signature=signature)
    assert SshSignature.parse(armor(blob)) == SshSignature.parse(joined(blob)) == expected


@SOUND
@given(st.integers(min_value=0, max_value=len(BLOB) - 1), st.binary(min_size=1, max_size=8))
def test_bytes_put_in_between_never_leave_the_same_signature(at: int, more: bytes) -> None:
    with suppress(Malformed):
        assert SshSignature.from_blob(BLOB[:at] + more + BLOB[at:]) != PARSED
