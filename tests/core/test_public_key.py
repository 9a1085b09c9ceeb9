"""A key line is one key, whatever stands around it, or it is refused."""

import base64
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from keypost.edproof.public_key import PublicKey
from keypost.errors import KeyMalformed, KeyTypeUnsupported, KeyWeak, Malformed
from programs import require
from vectors.openssh import OpenSsh, flips, key_blob, public_line, string

# RFC 8032 section 7.1, test 1.
RAW = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = PublicKey(RAW)
SOUND = settings(derandomize=True, deadline=None, max_examples=200, database=None)

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
SIGN = 1 << 255
ORDER_8 = (
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
)
SMALL_Y = [0, 1, P - 1, *(int.from_bytes(bytes.fromhex(y), "little") for y in ORDER_8)]


def line_of(blob: bytes, kind: str = "ssh-ed25519") -> str:
    return f"{kind} {base64.b64encode(blob).decode()}"


def encode(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> OpenSsh:
    return OpenSsh(require("ssh-keygen"), tmp_path_factory.mktemp("public_key"))


@pytest.fixture(scope="module")
def made(openssh: OpenSsh) -> Path:
    return openssh.make_key("plain", "ed25519")


def test_a_line_by_ssh_keygen_is_read_and_written_alike(made: Path) -> None:
    line = public_line(made)
    assert PublicKey.parse(line).line == line.rsplit(" ", 1)[0]


def test_the_fingerprint_is_what_ssh_keygen_shows(openssh: OpenSsh, made: Path) -> None:
    assert PublicKey.parse(public_line(made)).fingerprint == openssh.fingerprint(made)


@pytest.mark.parametrize(
    "around",
    ["{}\n", "{}\r\n", "  {}", "\t{}\t", "{} \n", "{} me@host", "{} a comment, of words\n", "{} Ž"],
)
def test_what_stands_around_a_key_changes_nothing(around: str) -> None:
    assert PublicKey.parse(around.format(KEY.line)) == KEY


def test_wider_spaces_between_the_words_change_nothing() -> None:
    assert PublicKey.parse(KEY.line.replace(" ", " \t ") + "\t  comment") == KEY


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "ssh-ed25519",
        "ssh-ed25519 ",
        KEY.line.split()[1],
        f"{KEY.line}\n{KEY.line}\n",
        f"{KEY.line}\n\n",
        f"\n{KEY.line}",
        f"{KEY.line}\r",
        f"{KEY.line}\x00",
        f"{KEY.line} com\x00ment",
        f"{KEY.line} com\x1bment",
        f"{KEY.line} com\x85ment",
        f"{KEY.line} com\u2028ment",
        KEY.line.replace(" ", "\u00a0"),
        f"no-pty {KEY.line}",
        f'command="true" {KEY.line}',
        KEY.line.upper(),
        KEY.line + "=",
        KEY.line + "====",
        KEY.line[:-1],
        KEY.line[:-1] + "-",
        KEY.line[:-4],
        KEY.line + "AAAA",
        KEY.line[:20] + "\n" + KEY.line[20:],
        KEY.line[:-1] + "\udcff",
    ],
)
def test_anything_but_one_clean_line_is_malformed(line: str) -> None:
    with pytest.raises(KeyMalformed):
        PublicKey.parse(line)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        KEY.blob[:-1],
        KEY.blob + b"\0",
        KEY.blob * 2,
        key_blob(RAW[:-1]),
        key_blob(RAW + b"\0"),
        key_blob(b""),
        string(b"ssh-ed25519"),
        key_blob(RAW, b"SSH-ED25519"),
        key_blob(RAW, b"ssh-ed25519\0"),
        key_blob(RAW, b"\xff\xfe"),
        b"\xff\xff\xff\xff" + KEY.blob[4:],
    ],
)
def test_a_blob_of_any_other_shape_is_malformed(blob: bytes) -> None:
    with pytest.raises(KeyMalformed):
        PublicKey.parse(line_of(blob))
    with pytest.raises(KeyMalformed):
        PublicKey.from_blob(blob)


@pytest.mark.parametrize(
    "kind",
    [
        "ssh-rsa",
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
    ],
)
def test_another_type_is_refused_by_name_wherever_it_stands(kind: str) -> None:
    blob = key_blob(RAW, kind.encode())
    for line in (line_of(blob, kind), line_of(blob), line_of(KEY.blob, kind)):
        with pytest.raises(KeyTypeUnsupported, match=f" {kind} "):
            PublicKey.parse(line)


@pytest.mark.parametrize(
    ("options", "kind"), [(("rsa", "-b", "1024"), "ssh-rsa"), (("ecdsa",), "ecdsa-sha2-nistp256")]
)
def test_other_keys_by_ssh_keygen_are_refused_by_name(
    openssh: OpenSsh, options: tuple[str, ...], kind: str
) -> None:
    line = public_line(openssh.make_key(kind, *options))
    with pytest.raises(KeyTypeUnsupported, match=kind):
        PublicKey.parse(line)


def test_a_certificate_by_ssh_keygen_is_refused_by_name(openssh: OpenSsh, made: Path) -> None:
    certificate = openssh.certify(made, ca=openssh.make_key("ca", "ed25519"))
    with pytest.raises(KeyTypeUnsupported, match="type ssh-ed25519-cert-v01@openssh"):
        PublicKey.parse(certificate)


def test_a_security_key_is_refused_by_name() -> None:
    kind = "sk-ssh-ed25519@openssh.com"
    blob = key_blob(RAW, kind.encode()) + string(b"ssh:")
    with pytest.raises(KeyTypeUnsupported, match=kind):
        PublicKey.parse(line_of(blob, kind))


@pytest.mark.parametrize("cut", [0, 1])
def test_a_private_key_is_recognised_and_not_repeated(made: Path, cut: int) -> None:
    lines = made.read_text().splitlines()[cut:]
    with pytest.raises(KeyMalformed, match="private key") as raised:
        PublicKey.parse("\n".join(lines))
    assert not any(line in str(raised.value) for line in lines)


def test_a_long_line_is_refused_before_it_is_read() -> None:
    with pytest.raises(KeyMalformed, match="too long"):
        PublicKey.parse(KEY.line + " " + "c" * 4096)


def test_no_sentence_repeats_what_was_sent() -> None:
    with pytest.raises(KeyMalformed) as raised:
        PublicKey.parse("hunter2 hunter2 hunter2")
    assert "hunter2" not in str(raised.value)


def test_a_type_that_is_no_name_is_not_repeated() -> None:
    with pytest.raises(KeyMalformed) as raised:
        PublicKey.parse("ssh-<script> AAAA")
    assert "<" not in str(raised.value)


@pytest.mark.parametrize("y", SMALL_Y)
@pytest.mark.parametrize("sign", [0, SIGN])
def test_small_order_keys_are_weak(y: int, sign: int) -> None:
    with pytest.raises(KeyWeak):
        PublicKey.parse(line_of(key_blob(encode(y | sign))))


@pytest.mark.parametrize("y", range(P, 2**255))
@pytest.mark.parametrize("sign", [0, SIGN])
def test_a_y_that_is_not_reduced_is_weak(y: int, sign: int) -> None:
    with pytest.raises(KeyWeak):
        PublicKey.parse(line_of(key_blob(encode(y | sign))))


@pytest.mark.parametrize("y", [2, P - 2])
def test_the_neighbours_of_weak_keys_are_accepted(y: int) -> None:
    assert PublicKey.parse(line_of(key_blob(encode(y)))).raw == encode(y)


def test_the_small_order_list_is_all_that_the_curve_has() -> None:
    # The cofactor is 8 and the torsion group cyclic (RFC 7748 section 4.1), so
    # eight points are all of them.
    points = {(x, y) for y in SMALL_Y for x in x_of(y)}
    assert len(points) == 8
    assert {times_8(point) for point in points} == {(0, 1)}


Point = tuple[int, int]


def x_of(y: int) -> set[int]:
    """Both x of -x² + y² = 1 + d x² y², by RFC 8032 section 5.1.3."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    return {x, -x % P}


def times_8(point: Point) -> Point:
    for _ in range(3):
        point = double(point)
    return point


def double(point: Point) -> Point:
    """RFC 8032 section 5.1, the addition of a point to itself."""
    x, y = point
    product = D * x * x * y * y % P
    return (
        2 * x * y * pow(1 + product, -1, P) % P,
        (y * y + x * x) * pow(1 - product, -1, P) % P,
    )


@SOUND
@given(st.text() | st.text().map("ssh-ed25519 {}".format))
@example("ssh-ed25519 \ud800")
def test_any_text_is_a_key_or_malformed(text: str) -> None:
    with suppress(Malformed):
        PublicKey.parse(text)


@SOUND
@given(st.binary() | st.binary(max_size=64).map(key_blob))
def test_any_blob_is_a_key_or_malformed(blob: bytes) -> None:
    with suppress(Malformed):
        assert PublicKey.from_blob(blob).blob == blob


@SOUND
@given(st.binary(min_size=32, max_size=32), st.text(" \tabcŽ@."))
def test_a_key_survives_its_line_with_any_comment(raw: bytes, comment: str) -> None:
    y = int.from_bytes(raw, "little") % SIGN
    assume(y < P and y not in SMALL_Y)
    key = PublicKey(raw)
    assert PublicKey.parse(f"{key.line} {comment}\n") == key


def test_no_flipped_bit_leaves_the_same_key() -> None:
    for blob in flips(KEY.blob):
        with suppress(Malformed):
            assert PublicKey.from_blob(blob) != KEY
