"""What every ReceiveTable and every ReceiveDirectory promises."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.stores import OpenStore
from fakes import things
from fakes.clock import NOON
from keypost.receiving import MailUser

A, B = things.mail_user("mbx_a"), things.mail_user("mbx_b")


async def put(store: OpenStore, *users: MailUser, domain: str = "keypost.example") -> None:
    async with store.uow() as tx:
        await tx.receiving.put_domain(domain)
        for user in users:
            await tx.receiving.put(user, now=NOON)
        await tx.commit()


async def test_a_user_is_found_by_address_and_by_both_logins(store: OpenStore) -> None:
    await put(store, A, B)
    assert await store.directory.by_email("mbx_a@keypost.example") == A
    assert await store.directory.by_login("mbx_a") == A
    assert await store.directory.by_login("mbx_a@keypost.example") == A


async def test_case_does_not_matter(store: OpenStore) -> None:
    await put(store, replace(A, email="mbx_a@Keypost.Example"), domain="KEYPOST.example")
    assert await store.directory.by_email("MBX_A@keypost.EXAMPLE") == A
    assert await store.directory.by_login("MBX_A") == A
    assert await store.directory.by_login("Mbx_a@keypost.example") == A
    assert await store.directory.serves("keypost.EXAMPLE")


@pytest.mark.parametrize(
    "login",
    [
        "mbx_a@evil.test",
        "mbx_a@",
        "mbx_a@keypost.example.evil.test",
        "mbx_a@keypost.example@evil.test",
        "mbx_a@keypost.exampl",
        "@keypost.example",
        "mbx_",
        "mbx_a ",
        " mbx_a",
        "mbx_%",
        "mbx%",
        "%",
        "*",
        "",
        "mbx_a\0",
        "mbx_a+tag",
        "mbx_a+tag@keypost.example",
        "' OR '1'='1",
    ],
)
async def test_nothing_but_the_whole_address_is_matched(store: OpenStore, login: str) -> None:
    await put(store, A, B)
    assert await store.directory.by_login(login) is None
    assert await store.directory.by_email(login) is None


async def test_a_bare_username_is_no_address(store: OpenStore) -> None:
    await put(store, A)
    assert await store.directory.by_email("mbx_a") is None


@pytest.mark.parametrize("domain", ["", "example", "sub.keypost.example", "keypost.example."])
async def test_another_domain_is_not_served(store: OpenStore, domain: str) -> None:
    await put(store, A)
    assert not await store.directory.serves(domain)


async def test_a_domain_may_be_put_again(store: OpenStore) -> None:
    await put(store, A)
    await put(store, B)
    assert await store.directory.serves("keypost.example")


async def test_a_second_put_updates_the_row_and_keeps_when_it_was_created(
    store: OpenStore,
) -> None:
    await put(store, A, B)
    later = NOON + timedelta(days=30)
    renewed = replace(
        A,
        password="{SHA512.HEX}11",
        maildir="elsewhere/mbx_a",
        enabled=False,
        valid_until=later,
        grace_until=later + timedelta(days=7),
        quota_bytes=5_000_000_000,
    )
    async with store.uow() as tx:
        await tx.receiving.put(renewed, now=later)
        await tx.commit()
    assert await store.directory.by_login("mbx_a") == renewed
    assert await store.directory.by_login("mbx_b") == B
    assert store.times_of("mbx_a") == (NOON, later)
    assert store.times_of("mbx_b") == (NOON, NOON)


async def test_two_logins_do_not_share_an_address(store: OpenStore) -> None:
    await put(store, A)
    with pytest.raises(store.refusal):
        await put(store, replace(B, email=A.email))
    assert await store.directory.by_email(A.email) == A


async def test_daemons_never_see_more_time_than_was_paid(store: OpenStore) -> None:
    fraction = timedelta(microseconds=999_999)
    await put(store, replace(A, valid_until=NOON + fraction, grace_until=NOON + fraction))
    found = await store.directory.by_login("mbx_a")
    assert found is not None
    assert found.valid_until == found.grace_until == NOON


async def test_a_lookup_sees_only_what_is_committed(store: OpenStore) -> None:
    async with store.uow() as tx:
        await tx.receiving.put_domain("keypost.example")
        await tx.receiving.put(A, now=NOON)
        assert await store.directory.by_login("mbx_a") is None
        assert not await store.directory.serves("keypost.example")
        await tx.commit()
        assert await store.directory.by_login("mbx_a") == A
        assert await store.directory.serves("keypost.example")
