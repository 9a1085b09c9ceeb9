"""A challenge is good for one key, one service and thirty seconds."""

import base64
import hmac
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keypost.edproof.challenge import LIFETIME, SKEW, Challenges
from keypost.edproof.public_key import PublicKey
from keypost.errors import ChallengeExpired, ChallengeForeign, ChallengeTampered, Unproven

KEY = PublicKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
OTHER = PublicKey(bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))
SECRET = b"0123456789abcdef0123456789abcdef"
CHALLENGES = Challenges(SECRET, service="https://keypost.example")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
NONCE = bytes(range(16))
TICK = timedelta(microseconds=1)
ISSUED = CHALLENGES.issue(KEY, now=NOW, nonce=NONCE)
SOUND = settings(derandomize=True, deadline=None, max_examples=200, database=None)


def test_a_challenge_is_a_line_that_a_human_can_read() -> None:
    nonce = base64.urlsafe_b64encode(NONCE).decode().rstrip("=")
    said = f"edproof1,https://keypost.example,{KEY.fingerprint},{int(NOW.timestamp())},{nonce},"
    assert ISSUED.startswith(said)
    assert len(ISSUED) == len(said) + 43
    assert ISSUED.isascii()
    assert not any(character.isspace() for character in ISSUED)


def test_a_challenge_is_good_until_its_last_moment() -> None:
    for later in (timedelta(), LIFETIME):
        CHALLENGES.check(ISSUED, KEY, now=NOW + later)


def test_a_challenge_expires_after_thirty_seconds() -> None:
    with pytest.raises(ChallengeExpired):
        CHALLENGES.check(ISSUED, KEY, now=NOW + LIFETIME + TICK)


@pytest.mark.parametrize("fraction", [timedelta(microseconds=1), timedelta(microseconds=999_999)])
def test_a_challenge_of_any_instant_is_good_for_the_whole_time(fraction: timedelta) -> None:
    text = CHALLENGES.issue(KEY, now=NOW + fraction, nonce=NONCE)
    for later in (timedelta(), LIFETIME):
        CHALLENGES.check(text, KEY, now=NOW + fraction + later)
    with pytest.raises(ChallengeExpired):
        CHALLENGES.check(text, KEY, now=NOW + fraction + LIFETIME + timedelta(seconds=1))


def test_a_clock_may_be_five_seconds_behind() -> None:
    CHALLENGES.check(ISSUED, KEY, now=NOW - SKEW)


def test_a_challenge_from_further_in_the_future_is_refused() -> None:
    with pytest.raises(ChallengeTampered, match="future"):
        CHALLENGES.check(ISSUED, KEY, now=NOW - SKEW - TICK)


def test_the_nonce_may_be_forgotten_only_when_no_clock_accepts_it() -> None:
    nonce = CHALLENGES.check(ISSUED, KEY, now=NOW)
    assert nonce.expires_at == NOW + LIFETIME + SKEW
    slow = nonce.expires_at - SKEW
    CHALLENGES.check(ISSUED, KEY, now=slow)
    with pytest.raises(ChallengeExpired):
        CHALLENGES.check(ISSUED, KEY, now=slow + TICK)


def test_the_nonce_is_the_one_that_was_issued() -> None:
    first = CHALLENGES.check(ISSUED, KEY, now=NOW)
    again = CHALLENGES.check(ISSUED, KEY, now=NOW + LIFETIME)
    other = CHALLENGES.issue(KEY, now=NOW, nonce=NONCE[::-1])
    assert first == again
    assert first.value != CHALLENGES.check(other, KEY, now=NOW).value


def test_a_challenge_for_another_key_is_foreign() -> None:
    with pytest.raises(ChallengeForeign, match="key"):
        CHALLENGES.check(ISSUED, OTHER, now=NOW)


def test_a_challenge_of_another_service_is_foreign_even_with_the_same_secret() -> None:
    elsewhere = Challenges(SECRET, service="https://elsewhere.example")
    with pytest.raises(ChallengeForeign, match="service"):
        elsewhere.check(ISSUED, KEY, now=NOW)


def test_a_challenge_by_another_secret_is_tampered() -> None:
    stranger = Challenges(SECRET[::-1], service=CHALLENGES.service)
    with pytest.raises(ChallengeTampered):
        stranger.check(ISSUED, KEY, now=NOW)


def test_processes_with_one_secret_know_each_others_challenges() -> None:
    twin = Challenges(SECRET, service=CHALLENGES.service)
    assert twin.check(ISSUED, KEY, now=NOW) == CHALLENGES.check(ISSUED, KEY, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "edproof1",
        ",,,,,",
        ISSUED + "\n",
        " " + ISSUED,
        ISSUED + "=",
        ISSUED + ",",
        ISSUED[:-1],
        ISSUED.upper(),
        ISSUED.replace("edproof1", "edproof2"),
        ISSUED.replace(",17", ",017"),
        ISSUED.replace(",17", ",+17"),
        ISSUED.replace(",17", ",\u0661\u0667"),
        ISSUED.replace("keypost", "keyp\u00f6st"),
        ISSUED.replace("keypost", "\ud800"),
        "edproof1," + "a" * 100_000,
    ],
)
def test_any_other_spelling_is_tampered(text: str) -> None:
    assert text != ISSUED
    with pytest.raises(ChallengeTampered):
        CHALLENGES.check(text, KEY, now=NOW)


def test_spare_bits_of_the_mac_are_no_second_spelling() -> None:
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    for last in set(alphabet) - {ISSUED[-1]}:
        with pytest.raises(ChallengeTampered):
            CHALLENGES.check(ISSUED[:-1] + last, KEY, now=NOW)


@SOUND
@given(st.integers(0, len(ISSUED) * 8 - 1))
@example(0)
def test_any_flipped_bit_is_refused(bit: int) -> None:
    flipped = bytearray(ISSUED.encode())
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ChallengeTampered):
        CHALLENGES.check(flipped.decode("latin-1"), KEY, now=NOW)


@SOUND
@given(st.text() | st.lists(st.text(), min_size=6, max_size=6).map(",".join))
def test_any_other_text_is_unproven(text: str) -> None:
    with pytest.raises(Unproven):
        CHALLENGES.check(text, KEY, now=NOW)


SERVICES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","),
    min_size=1,
    max_size=100,
)


@SOUND
@given(
    SERVICES,
    st.binary(min_size=16, max_size=16),
    st.datetimes(datetime(1971, 1, 1), datetime(5000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
)
def test_what_was_issued_is_accepted(service: str, nonce: bytes, now: datetime) -> None:
    challenges = Challenges(SECRET, service=service)
    text = challenges.issue(KEY, now=now, nonce=nonce)
    found = challenges.check(text, KEY, now=now)
    assert base64.urlsafe_b64decode(found.value + "==") == nonce


def test_the_secret_is_not_shown() -> None:
    assert SECRET.decode() not in repr(CHALLENGES)


def test_a_mac_by_the_secret_itself_is_tampered() -> None:
    body = ISSUED.rpartition(",")[0]
    mac = base64.urlsafe_b64encode(hmac.digest(SECRET, body.encode(), "sha256")).decode()
    with pytest.raises(ChallengeTampered):
        CHALLENGES.check(f"{body},{mac.rstrip('=')}", KEY, now=NOW)


def test_a_short_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes") as raised:
        Challenges(SECRET[:-1], service="x")
    assert SECRET[:8].decode() not in str(raised.value)


@pytest.mark.parametrize("service", ["", "a,b", "a b", "a\n", "ž", "a" * 513])
def test_a_service_that_would_blur_the_fields_is_refused(service: str) -> None:
    with pytest.raises(ValueError, match="service"):
        Challenges(SECRET, service=service)


@pytest.mark.parametrize("nonce", [b"", NONCE[:-1], NONCE + b"\0"])
def test_a_nonce_of_another_length_is_refused(nonce: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        CHALLENGES.issue(KEY, now=NOW, nonce=nonce)
