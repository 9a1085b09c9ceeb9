"""Proving a key on the wire: what is accepted, and what each refusal is called."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from nacl.signing import SigningKey

from fakes.service import FACE, Agent, Json, MemoryService, refusal, talking_to
from keypost.edproof.wire import string, to_base64
from programs import require
from vectors.openssh import OpenSsh, armor, flips, key_blob, public_line, sshsig

Bent: TypeAlias = Callable[[Json], Json]


@pytest.fixture
def openssh(tmp_path: Path) -> OpenSsh:
    return OpenSsh(require("ssh-keygen"), tmp_path)


@pytest.fixture
def key(openssh: OpenSsh) -> Path:
    return openssh.make_key("agent", "ed25519")


async def challenge_for(client: httpx.AsyncClient, line: str) -> str:
    reply = await client.post("/v1/auth/challenge", json={"public_key": line})
    challenge: str = reply.json()["challenge"]
    return challenge


async def resolve(client: httpx.AsyncClient, proof: Json) -> httpx.Response:
    """Show a proof. A good one of a key without a mailbox is answered with ``mailbox_not_found``."""
    return await client.post("/v1/access/resolve", json={**proof, "protocol": "imap"})


def one_line(armored: str) -> str:
    return "".join(line for line in armored.splitlines() if not line.startswith("-----"))


# --- what is accepted --------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(lambda armored: armored, id="as ssh-keygen prints it"),
        pytest.param(lambda armored: armored.replace("\n", "\r\n"), id="with CRLF"),
        pytest.param(one_line, id="without armor on one line"),
    ],
)
@pytest.mark.parametrize("hashed", ["sha512", "sha256"])
async def test_a_signature_of_ssh_keygen_claims(
    client: httpx.AsyncClient,
    openssh: OpenSsh,
    key: Path,
    spelled: Callable[[str], str],
    hashed: str,
) -> None:
    line = public_line(key)
    challenge = await challenge_for(client, line)
    signature = spelled(openssh.sign(key, challenge.encode(), hashed=hashed))
    proof = {"edproof": line, "challenge": challenge, "signature": signature}
    reply = await client.post("/v1/mailboxes/claim", json={**proof, "billing_email": "a@x.org"})
    assert reply.status_code == 201


@pytest.mark.parametrize("signature", ["left out", None, "", "the same"])
async def test_an_armored_signature_speaks_for_its_own_key(
    client: httpx.AsyncClient, openssh: OpenSsh, key: Path, signature: str | None
) -> None:
    challenge = await challenge_for(client, public_line(key))
    armored = openssh.sign(key, challenge.encode())
    proof: Json = {"edproof": armored, "challenge": challenge}
    if signature != "left out":
        proof["signature"] = armored if signature == "the same" else signature
    reply = await client.post("/v1/mailboxes/claim", json={**proof, "billing_email": "a@x.org"})
    assert reply.status_code == 201


async def test_every_spelling_is_of_the_same_holder(
    service: MemoryService, client: httpx.AsyncClient, openssh: OpenSsh, key: Path
) -> None:
    line = public_line(key)
    kind, encoded, _ = line.split()
    lines = (line, f"{kind} {encoded}", f"  {kind}\t {encoded}  other comment\r\n")
    ids = set()
    for spelled in lines:
        challenge = await challenge_for(client, spelled)
        proof = {
            "edproof": spelled,
            "challenge": challenge,
            "signature": openssh.sign(key, challenge.encode()),
        }
        reply = await client.post("/v1/mailboxes/claim", json={**proof, "billing_email": "a@x.org"})
        ids.add(reply.json()["id"])
    assert len(ids) == 1
    assert service.store.mailboxes[0].holder == openssh.fingerprint(key)


async def test_a_challenge_is_good_to_its_thirtieth_second(
    service: MemoryService, agent: Agent
) -> None:
    proof = await agent.proof()
    service.clock.advance(timedelta(seconds=30))
    assert refusal(await resolve(agent.client, proof))["code"] == "mailbox_not_found"


# --- what is refused ---------------------------------------------------------


async def test_a_challenge_expires(service: MemoryService, agent: Agent) -> None:
    proof = await agent.proof()
    service.clock.advance(timedelta(seconds=31))
    reply = await resolve(agent.client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_expired")


async def test_a_challenge_from_the_future_is_refused(service: MemoryService, agent: Agent) -> None:
    proof = await agent.proof()
    service.clock.advance(timedelta(seconds=-6))
    reply = await resolve(agent.client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_tampered")


async def test_a_used_challenge_stays_used_for_every_request(agent: Agent) -> None:
    proof = await agent.proof()
    assert (await resolve(agent.client, proof)).status_code == 404
    for path, members in (
        ("/v1/access/resolve", {"protocol": "imap"}),
        ("/v1/mailboxes/claim", {"billing_email": "a@example.org"}),
        ("/v1/mailboxes/renew", {"billing_email": "a@example.org"}),
    ):
        reply = await agent.client.post(path, json={**proof, **members})
        assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_used"), path


async def test_a_refused_proof_leaves_its_challenge_unused(agent: Agent) -> None:
    proof = await agent.proof()
    wrong = to_base64(bytes(64))
    assert (await resolve(agent.client, {**proof, "signature": wrong})).status_code == 401
    assert refusal(await resolve(agent.client, proof))["code"] == "mailbox_not_found"


async def test_a_challenge_of_another_key_is_foreign(agent: Agent) -> None:
    other = Agent(agent.client)
    challenge = (await other.proof())["challenge"]
    signature = to_base64(agent.key.sign(challenge.encode()).signature)
    proof = {"edproof": agent.line, "challenge": challenge, "signature": signature}
    reply = await resolve(agent.client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_foreign")


async def test_a_challenge_of_another_service_is_foreign(agent: Agent) -> None:
    elsewhere = MemoryService(face=replace(FACE, public_base_url="http://elsewhere.test"))
    async with talking_to(elsewhere.app()) as client:
        proof = await Agent(client, agent.key).proof()
    reply = await resolve(agent.client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_foreign")


async def test_a_challenge_with_any_other_letter_is_not_ours(agent: Agent) -> None:
    challenge = (await agent.proof())["challenge"]
    for place in range(len(challenge)):
        letter = "A" if challenge[place] != "A" else "B"
        bent = challenge[:place] + letter + challenge[place + 1 :]
        signature = to_base64(agent.key.sign(bent.encode()).signature)
        proof = {"edproof": agent.line, "challenge": bent, "signature": signature}
        reply = await resolve(agent.client, proof)
        assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_tampered"), bent


@pytest.mark.parametrize("text", ["x", "edproof1", "é", "\u0000", "a" * 100_000, " {} ", "{}\n"])
async def test_any_other_text_is_no_challenge(agent: Agent, text: str) -> None:
    proof = await agent.proof()
    bent = text.replace("{}", proof["challenge"])
    reply = await resolve(agent.client, {**proof, "challenge": bent})
    assert (reply.status_code, refusal(reply)["code"]) == (401, "challenge_tampered")


async def test_a_bent_signature_does_not_match(agent: Agent) -> None:
    proof = await agent.proof()
    for bent in flips(base64.b64decode(proof["signature"]))[::29]:
        reply = await resolve(agent.client, {**proof, "signature": to_base64(bent)})
        assert (reply.status_code, refusal(reply)["code"]) == (401, "signature_invalid")


@pytest.mark.parametrize(
    ("namespace", "signed", "status", "code"),
    [
        ("file", "{}", 400, "signature_malformed"),
        ("edproof", "{}\n", 401, "signature_invalid"),
        ("edproof", "another text", 401, "signature_invalid"),
    ],
)
async def test_a_signature_for_something_else_is_refused(  # noqa: PLR0913, PLR0917 - one table row
    client: httpx.AsyncClient,
    openssh: OpenSsh,
    key: Path,
    namespace: str,
    signed: str,
    status: int,
    code: str,
) -> None:
    line = public_line(key)
    challenge = await challenge_for(client, line)
    text = signed.replace("{}", challenge).encode()
    signature = openssh.sign(key, text, namespace=namespace)
    reply = await resolve(client, {"edproof": line, "challenge": challenge, "signature": signature})
    assert (reply.status_code, refusal(reply)["code"]) == (status, code)


async def test_a_signature_of_another_key_is_foreign(
    client: httpx.AsyncClient, openssh: OpenSsh, key: Path
) -> None:
    line = public_line(key)
    challenge = await challenge_for(client, line)
    signature = openssh.sign(openssh.make_key("other", "ed25519"), challenge.encode())
    proof = {"edproof": line, "challenge": challenge, "signature": signature}
    reply = await resolve(client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (401, "signature_foreign")


@pytest.mark.parametrize(
    "signature",
    ["x", "AAAA", "=", "é", "-----BEGIN SSH SIGNATURE-----", "A" * 3000, to_base64(bytes(63))],
)
async def test_what_is_no_signature_is_malformed(agent: Agent, signature: str) -> None:
    reply = await resolve(agent.client, {**await agent.proof(), "signature": signature})
    problem = refusal(reply)
    assert (reply.status_code, problem["code"]) == (400, "signature_malformed")
    assert "ssh-keygen -Y sign -n edproof" in problem["fix"]


async def test_two_signatures_leave_open_which_counts(
    client: httpx.AsyncClient, openssh: OpenSsh, key: Path
) -> None:
    challenge = await challenge_for(client, public_line(key))
    proof = {
        "edproof": openssh.sign(key, challenge.encode()),
        "challenge": challenge,
        "signature": openssh.sign(key, challenge.encode(), hashed="sha256"),
    }
    reply = await resolve(client, proof)
    assert (reply.status_code, refusal(reply)["code"]) == (400, "signature_malformed")


@pytest.mark.parametrize("name", ["edproof", "challenge", "signature"])
@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/mailboxes/claim", {"billing_email": "a@example.org"}),
        ("/v1/mailboxes/renew", {"billing_email": "a@example.org"}),
        ("/v1/access/resolve", {"protocol": "imap"}),
    ],
)
async def test_a_missing_member_is_named_with_the_first_step(
    agent: Agent, path: str, members: Json, name: str
) -> None:
    proof = await agent.proof()
    without = {each: text for each, text in proof.items() if each != name}
    for shown in (without, *({**proof, name: absent} for absent in (None, "", " \n"))):
        reply = await agent.client.post(path, json={**shown, **members})
        problem = refusal(reply)
        assert (reply.status_code, problem["code"]) == (400, "proof_missing")
        assert name in problem["detail"]
        assert "/v1/auth/challenge" in problem["fix"]


def rsa() -> str:
    return "ssh-rsa " + to_base64(string(b"ssh-rsa") + string(b"\1\0\1") + string(bytes(256)))


def line_of(raw: bytes, kind: bytes = b"ssh-ed25519") -> str:
    return f"{kind.decode()} {to_base64(key_blob(raw, kind))}"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (rsa(), "key_type_unsupported", "ssh-rsa"),
        ("sk-ssh-ed25519@openssh.com AAAA", "key_type_unsupported", "sk-ssh-ed25519@openssh.com"),
        (
            "ssh-ed25519-cert-v01@openssh.com AAAA",
            "key_type_unsupported",
            "ssh-ed25519-cert-v01@openssh.com",
        ),
        ("ecdsa-sha2-nistp256 AAAA", "key_type_unsupported", "ecdsa-sha2-nistp256"),
        (line_of(bytes(32)), "key_weak", ""),
        (line_of(b"\xed" + b"\xff" * 30 + b"\x7f"), "key_weak", ""),
        (line_of(bytes(31)), "key_malformed", ""),
        ("", "key_malformed", ""),
        ("ssh-ed25519", "key_malformed", ""),
        ("ssh-ed25519 AAAA", "key_malformed", ""),
        ("no-touch-required ssh-ed25519 AAAA", "key_malformed", ""),
        ("x" * 5000, "key_malformed", ""),
        ("two\nlines", "key_malformed", ""),
    ],
)
async def test_another_key_gets_no_challenge(agent: Agent, line: str, code: str, said: str) -> None:
    reply = await agent.client.post("/v1/auth/challenge", json={"public_key": line})
    problem = refusal(reply)
    assert (reply.status_code, problem["code"]) == (400, code)
    assert said in problem["detail"]
    if line:  # and opens nothing either
        proof = {**await agent.proof(), "edproof": line}
        assert refusal(await resolve(agent.client, proof))["code"] == code


async def test_a_private_key_is_refused_and_not_repeated(agent: Agent, key: Path) -> None:
    private = key.read_text()
    for text in (private, private.splitlines()[1]):
        reply = await agent.client.post("/v1/auth/challenge", json={"public_key": text})
        problem = refusal(reply)
        assert (reply.status_code, problem["code"]) == (400, "key_malformed")
        assert private.splitlines()[1][:20] not in reply.text


async def test_no_signature_holds_for_a_key_that_is_no_point(agent: Agent) -> None:
    # Half of all 32 bytes are no point of the curve; 2 is the smallest such y.
    raw = (2).to_bytes(32, "little")
    line = line_of(raw)
    challenge = await challenge_for(agent.client, line)
    for signature in (to_base64(bytes(64)), armor(sshsig(key_blob(raw), bytes(64)))):
        proof = {"edproof": line, "challenge": challenge, "signature": signature}
        reply = await resolve(agent.client, proof)
        assert (reply.status_code, refusal(reply)["code"]) == (401, "signature_invalid")


async def test_a_refusal_repeats_neither_challenge_nor_signature(agent: Agent) -> None:
    proof = await agent.proof()
    stranger = to_base64(SigningKey.generate().sign(proof["challenge"].encode()).signature)
    reply = await resolve(agent.client, {**proof, "signature": stranger})
    for secret in (proof["challenge"], stranger, agent.line):
        assert secret not in reply.text
