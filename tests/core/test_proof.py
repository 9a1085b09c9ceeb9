"""Three spellings of a proof, one answer: the key, or the fact that is missing."""

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypost.edproof.challenge import LIFETIME, SKEW, Challenges, Nonce
from keypost.edproof.proof import Proof, Proven, RawSignature, prove, trust_bare_key
from keypost.edproof.public_key import PublicKey
from keypost.edproof.sshsig import SshSignature
from keypost.errors import (
    ChallengeExpired,
    ChallengeForeign,
    ChallengeTampered,
    KeyMalformed,
    KeyTypeUnsupported,
    Malformed,
    ProofMissing,
    SignatureForeign,
    SignatureInvalid,
    SignatureMalformed,
    Unproven,
)
from vectors.openssh import armor, flips, joined, sshsig

KEY = PublicKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
OTHER = PublicKey(bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))
CHALLENGES = Challenges(bytes(32), service="https://keypost.example")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CHALLENGE = CHALLENGES.issue(KEY, now=NOW, nonce=bytes(16))
NONCE = Nonce(value="A" * 22, expires_at=NOW + LIFETIME + SKEW)
SIGNATURE = bytes(range(64))
BLOB = sshsig(KEY.blob, SIGNATURE)
ARMORED, JOINED, RAW = armor(BLOB), joined(BLOB), joined(SIGNATURE)
COVERED = (
    SshSignature(key=KEY, hash_algorithm="sha512", signature=SIGNATURE).signed_data(
        CHALLENGE.encode()
    ),
    CHALLENGE.encode(),
)
SOUND = settings(derandomize=True, deadline=None, max_examples=200, database=None)


def verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Ed25519 in a world where KEY has signed CHALLENGE, once as SSHSIG and once raw."""
    if key != KEY or message not in COVERED or signature != SIGNATURE:
        raise SignatureInvalid


def never(key: PublicKey, message: bytes, signature: bytes) -> None:
    raise AssertionError((key, message, signature))


def parse(
    edproof: str | None = KEY.line,
    challenge: str | None = CHALLENGE,
    signature: str | None = ARMORED,
) -> Proof:
    return Proof.parse(edproof=edproof, challenge=challenge, signature=signature)


@pytest.mark.parametrize("signature", [ARMORED, ARMORED.replace("\n", "\r\n"), JOINED, RAW])
def test_every_spelling_of_a_signature_proves_the_key(signature: str) -> None:
    proven = prove(parse(signature=signature), challenges=CHALLENGES, verify=verify, now=NOW)
    assert proven == Proven(key=KEY, nonce=NONCE)


@pytest.mark.parametrize("signature", [None, "", ARMORED, JOINED])
def test_an_armored_signature_speaks_for_its_own_key(signature: str | None) -> None:
    assert parse(ARMORED, signature=signature) == parse()


def test_a_raw_signature_may_be_wrapped_as_base64_wraps_it() -> None:
    wrapped = base64.encodebytes(SIGNATURE).decode()
    assert "\n" in wrapped.strip()
    assert parse(signature=wrapped).signature == RawSignature(SIGNATURE)


def test_one_key_has_one_identity_however_its_line_is_written() -> None:
    assert parse(f"  {KEY.line}  me@host\r\n") == parse()


@pytest.mark.parametrize("blank", [None, "", " \n"])
def test_what_is_missing_is_named(blank: str | None) -> None:
    for name in ("edproof", "challenge", "signature"):
        with pytest.raises(ProofMissing, match=f"lacks {name}\\."):
            parse(**{name: blank})


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ProofMissing, match="edproof and challenge and signature"):
        parse(None, None, None)
    with pytest.raises(ProofMissing, match=r"lacks challenge\."):
        parse(ARMORED, None, None)


@pytest.mark.parametrize("claim", [OTHER.line, armor(sshsig(OTHER.blob, SIGNATURE))])
def test_a_signature_that_names_another_key_is_foreign(claim: str) -> None:
    with pytest.raises((SignatureForeign, SignatureMalformed)):
        parse(claim)


def test_a_key_line_beside_anothers_signature_is_foreign() -> None:
    with pytest.raises(SignatureForeign):
        parse(OTHER.line)


def test_a_proof_whose_keys_differ_cannot_be_built() -> None:
    with pytest.raises(SignatureForeign):
        Proof(key=OTHER, challenge=CHALLENGE, signature=SshSignature.parse(ARMORED))


@pytest.mark.parametrize(
    "other", [RAW, joined(sshsig(KEY.blob, SIGNATURE, hashed=b"sha256")), joined(bytes(64))]
)
def test_two_different_signatures_are_refused(other: str) -> None:
    with pytest.raises(SignatureMalformed, match="only one"):
        parse(ARMORED, signature=other)


@pytest.mark.parametrize(
    "signature",
    [
        joined(SIGNATURE[:-1]),
        joined(SIGNATURE + b"\0"),
        RAW.rstrip("="),
        RAW + "=",
        base64.urlsafe_b64encode(b"\xff" * 64).decode(),
        SIGNATURE.hex(),
        armor(SIGNATURE),
        JOINED[:-4],
    ],
)
def test_anything_but_the_three_spellings_is_malformed(signature: str) -> None:
    with pytest.raises(SignatureMalformed):
        parse(signature=signature)


def test_spare_bits_of_a_raw_signature_are_no_second_spelling() -> None:
    assert RAW.endswith("Pw==")
    with pytest.raises(SignatureMalformed):
        parse(signature=RAW.replace("Pw==", "Px=="))


@pytest.mark.parametrize(
    ("challenge", "key", "later", "fact"),
    [
        (CHALLENGE + "A", KEY, timedelta(), ChallengeTampered),
        (CHALLENGE, OTHER, timedelta(), ChallengeForeign),
        (CHALLENGE, KEY, timedelta(seconds=31), ChallengeExpired),
    ],
)
def test_a_bad_challenge_is_refused_before_any_curve_arithmetic(
    challenge: str, key: PublicKey, later: timedelta, fact: type[Unproven]
) -> None:
    proof = Proof(key=key, challenge=challenge, signature=RawSignature(SIGNATURE))
    with pytest.raises(fact):
        prove(proof, challenges=CHALLENGES, verify=never, now=NOW + later)


def test_a_signature_over_something_else_is_invalid() -> None:
    later = CHALLENGES.issue(KEY, now=NOW, nonce=bytes(range(16)))
    with pytest.raises(SignatureInvalid):
        prove(parse(challenge=later), challenges=CHALLENGES, verify=verify, now=NOW)


@pytest.mark.parametrize("spell", [joined, armor])
def test_no_flipped_bit_of_a_signature_proves_anything(spell: Callable[[bytes], str]) -> None:
    for blob in flips(BLOB):
        with pytest.raises((Malformed, Unproven)):
            prove(parse(signature=spell(blob)), challenges=CHALLENGES, verify=verify, now=NOW)


MAYBE = st.none() | st.text() | st.sampled_from([KEY.line, CHALLENGE, ARMORED, JOINED, RAW])


@SOUND
@given(MAYBE, MAYBE, MAYBE)
def test_any_three_texts_prove_the_key_or_raise_a_fact(
    edproof: str | None, challenge: str | None, signature: str | None
) -> None:
    with suppress(Malformed, Unproven):
        proof = parse(edproof, challenge, signature)
        proven = prove(proof, challenges=CHALLENGES, verify=verify, now=NOW)
        assert proven == Proven(key=KEY, nonce=NONCE)


def test_a_trusted_bare_key_has_no_nonce() -> None:
    assert trust_bare_key(f"{KEY.line} me@host\n") == Proven(key=KEY, nonce=None)


def test_a_bare_key_is_parsed_as_strictly() -> None:
    with pytest.raises(KeyTypeUnsupported):
        trust_bare_key("ssh-rsa AAAA")
    with pytest.raises(KeyMalformed):
        trust_bare_key(ARMORED)


@pytest.mark.parametrize("blank", [None, "", " \n"])
def test_a_bare_key_has_to_be_there(blank: str | None) -> None:
    with pytest.raises(ProofMissing, match="edproof"):
        trust_bare_key(blank)
