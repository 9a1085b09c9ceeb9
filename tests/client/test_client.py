"""The client and a server in memory: proofs, tokens, patience, errors."""

import httpx
import pytest

from client.post_office import MAIL, PostOffice, busy, problem, reply, waiting
from keypost_client import (
    AsyncKeypost,
    Keypost,
    NotFound,
    NotUnderstood,
    Problem,
    Refused,
    Unavailable,
    Unreachable,
    UrlUnusable,
    WaitingForPayment,
)
from keypost_client.keys.key_file import FileKey

PROVEN = ["/v1/auth/challenge", "/v1/access/resolve"]
LETTER: dict[str, object] = {
    "uid": 7,
    "from": "eve@x.example",
    "to": "mbx_a1@mail.local",
    "subject": "Hi",
    "date": "2026-11-21T10:00:00Z",
    "body": "Hello",
    "later": "member",
}


@pytest.fixture
def keypost(office: PostOffice, file_key: FileKey) -> Keypost:
    return Keypost(file_key, transport=httpx.MockTransport(office), sleep=office.pause)


def failing(error: Exception) -> httpx.MockTransport:
    def handle(_: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(handle)


def test_a_claim_proves_the_key_and_brings_the_mailbox(
    keypost: Keypost, office: PostOffice, file_key: FileKey
) -> None:
    mailbox = keypost.claim("owner@example.org")
    assert (mailbox.email, mailbox.usable) == ("mbx_a1@mail.local", True)
    assert office.paths == ["/v1/auth/challenge", "/v1/mailboxes/claim"]
    body = office.seen[1][1]
    assert body.keys() == {"edproof", "challenge", "signature", "billing_email"}
    assert body["edproof"] == file_key.public_key_line


def test_every_call_makes_a_proof_of_its_own(keypost: Keypost, office: PostOffice) -> None:
    keypost.claim("owner@example.org", coupon_code="GIFT")
    keypost.renew("owner@example.org")
    challenges = [body["challenge"] for _, body in office.seen if "challenge" in body]
    assert len(set(challenges)) == 2
    assert office.seen[1][1]["coupon_code"] == "GIFT"


def test_an_unpaid_mailbox_comes_with_its_link(keypost: Keypost, office: PostOffice) -> None:
    office.paid = False
    mailbox = keypost.claim("owner@example.org")
    assert (mailbox.usable, mailbox.payment_url) == (False, "https://pay.example/cs_1")
    assert mailbox.expires_at is None


def test_times_are_aware(keypost: Keypost) -> None:
    expires_at = keypost.claim("owner@example.org").expires_at
    assert expires_at is not None
    assert expires_at.tzinfo is not None


def test_members_of_a_later_version_are_kept(keypost: Keypost) -> None:
    assert keypost.claim("owner@example.org").members["later"] == "member"


def test_access_without_payment_says_where_to_pay(keypost: Keypost, office: PostOffice) -> None:
    office.paid = False
    with pytest.raises(WaitingForPayment) as waits:
        keypost.access()
    assert waits.value.payment_url == "https://pay.example/cs_1"
    assert (waits.value.status, waits.value.code) == (409, "payment_due")


def test_reading_resolves_access_once(keypost: Keypost, office: PostOffice) -> None:
    office.messages = [LETTER]
    (listed,) = keypost.messages()
    assert (listed.sender, listed.body) == ("eve@x.example", None)
    assert keypost.read(7).body == "Hello"
    assert keypost.raw(7) == MAIL
    reading = ["/v1/imap/messages", "/v1/imap/messages/get", "/v1/messages/7/raw"]
    assert office.paths == PROVEN + reading


def test_a_token_that_died_is_replaced_once(keypost: Keypost, office: PostOffice) -> None:
    keypost.messages()
    office.tokens = 5
    keypost.messages()
    assert office.paths[3:] == ["/v1/imap/messages", *PROVEN, "/v1/imap/messages"]


def test_a_token_that_is_refused_again_is_an_error(keypost: Keypost, office: PostOffice) -> None:
    office.script_at = "/v1/imap"
    office.scripted = [problem(401, code="access_token_invalid")] * 2
    with pytest.raises(Refused):
        keypost.messages()
    assert len(office.paths) == 3


def test_a_message_that_is_not_there_is_not_found(keypost: Keypost) -> None:
    with pytest.raises(NotFound) as missing:
        keypost.read(9)
    assert missing.value.code == "message_not_found"


def test_a_busy_server_is_asked_again_when_it_says(keypost: Keypost, office: PostOffice) -> None:
    office.script_at = "/v1/access"
    office.scripted = [busy(3), busy(20)]
    keypost.access()
    assert office.waited == [3, 20]
    assert office.paths == PROVEN * 3  # a proof is good once, so each attempt made a new one


def test_patience_has_an_end(keypost: Keypost, office: PostOffice) -> None:
    office.scripted = [busy(1)] * 9
    with pytest.raises(Unavailable):
        keypost.access()
    assert office.waited == [1, 1]


def test_a_wait_longer_than_the_patience_is_not_begun(keypost: Keypost, office: PostOffice) -> None:
    office.scripted = [busy(40), busy(40)]
    with pytest.raises(Unavailable) as gone:
        keypost.access()
    assert (office.waited, gone.value.retry_after) == ([40], 40)


@pytest.mark.parametrize("number", [429, 502, 503, 504])
def test_without_a_named_time_nothing_is_tried_again(
    keypost: Keypost, office: PostOffice, number: int
) -> None:
    office.scripted = [problem(number, code="not_now")]
    with pytest.raises(Unavailable):
        keypost.access()
    assert office.waited == []


def test_waiting_for_payment_ends_when_someone_paid(keypost: Keypost, office: PostOffice) -> None:
    office.script_at = "/v1/access"
    office.scripted = [waiting(), waiting()]
    assert keypost.wait_until_paid(every=5).email == "mbx_a1@mail.local"
    assert office.waited == [5, 5]


def test_waiting_for_payment_ends_when_time_is_up(keypost: Keypost, office: PostOffice) -> None:
    office.paid = False
    with pytest.raises(WaitingForPayment):
        keypost.wait_until_paid(within=30, every=10)
    assert sum(office.waited) == 30


@pytest.mark.parametrize("content", [b"", b"<html>Bad Gateway", b"[1]", b"\xff", b"[" * 100_000])
def test_an_error_that_is_no_problem_object_is_one_all_the_same(
    keypost: Keypost, office: PostOffice, content: bytes
) -> None:
    office.scripted = [(500, {"content-type": "text/html"}, content)]
    with pytest.raises(Problem, match="answered 500") as failed:
        keypost.access()
    assert failed.value.code == "http_500"


@pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"{}", b'{"challenge": 1}'])
def test_an_answer_of_another_shape_is_not_understood(
    keypost: Keypost, office: PostOffice, content: bytes
) -> None:
    office.scripted = [(200, {}, content)]
    with pytest.raises(NotUnderstood):
        keypost.challenge()


def test_a_redirect_is_not_followed(keypost: Keypost, office: PostOffice) -> None:
    office.scripted = [(307, {"location": "http://elsewhere.example/"}, b"")]
    with pytest.raises(Problem, match="answered 307"):
        keypost.claim("owner@example.org")
    assert len(office.seen) == 1


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("x")],
)
def test_no_answer_means_unreachable(file_key: FileKey, error: Exception) -> None:
    with (
        Keypost(file_key, url="http://x.example", transport=failing(error)) as keypost,
        pytest.raises(Unreachable, match=r"^http://x\.example "),
    ):
        keypost.access()


@pytest.mark.parametrize(
    "url", ["ftp://x", "x.example", "http://", "http://a:b@x.example", "http://x:port", "http://\0"]
)
def test_an_unusable_url_is_refused(file_key: FileKey, url: str) -> None:
    with pytest.raises(UrlUnusable):
        Keypost(file_key, url=url)


def test_the_url_comes_from_the_environment(
    office: PostOffice, file_key: FileKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = []

    def handle(request: httpx.Request) -> httpx.Response:
        hosts.append(str(request.url))
        return office(request)

    monkeypatch.setenv("KEYPOST_URL", "https://mail.example/")
    Keypost(file_key, transport=httpx.MockTransport(handle)).challenge()
    assert hosts == ["https://mail.example/v1/auth/challenge"]


def test_no_repr_shows_a_secret(keypost: Keypost) -> None:
    shown = repr((keypost.access(), keypost.claim("owner@example.org")))
    assert "imap-secret" not in shown
    assert "token" not in shown


async def test_the_async_client_does_the_same(office: PostOffice, file_key: FileKey) -> None:
    office.messages = [LETTER]
    office.script_at = "/v1/access"
    office.scripted = [busy(3)]
    transport = httpx.MockTransport(office)
    async with AsyncKeypost(file_key, transport=transport, sleep=office.async_pause) as keypost:
        assert (await keypost.challenge()).expires_in == 30
        assert (await keypost.claim("owner@example.org")).usable
        assert (await keypost.renew("owner@example.org")).usable
        assert (await keypost.messages(include_body=True))[0].body == "Hello"
        assert (await keypost.read(7)).subject == "Hi"
        assert await keypost.raw(7) == MAIL
        assert (await keypost.access()).port == 1143
        assert (await keypost.wait_until_paid()).port == 1143
    assert office.waited == [3]


async def test_the_async_client_raises_the_same(office: PostOffice, file_key: FileKey) -> None:
    office.paid = False
    async with AsyncKeypost(file_key, transport=httpx.MockTransport(office)) as keypost:
        with pytest.raises(WaitingForPayment):
            await keypost.access()
    async with AsyncKeypost(file_key, transport=failing(httpx.ConnectError("no"))) as keypost:
        with pytest.raises(Unreachable):
            await keypost.access()


def test_both_clients_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")} - {"close", "aclose"}

    assert names(Keypost) == names(AsyncKeypost)


def test_a_uid_may_come_as_digits_in_a_string(keypost: Keypost, office: PostOffice) -> None:
    office.script_at = "/v1/imap"
    office.scripted = [reply(200, {"messages": [{"uid": "7"}]})]
    assert keypost.messages()[0].uid == 7
