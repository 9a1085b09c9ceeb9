"""What every request of an agent asks for, without a session between it and SQLite.

The statements are compiled once from the same table metadata that the rest of
the store uses. Look-ups go to a reading connection of their own; used nonces
are gathered while a commit is under way and written together with the next.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import aiosqlite
from sqlalchemy import Column, inspect, select
from sqlmodel import SQLModel

from keypost.billing import Checkout, CheckoutState
from keypost.errors import ChallengeUsed, StoreBusy
from keypost.letters import LetterState
from keypost.mailbox import Mailbox
from keypost.ports import Clock
from keypost.receiving import MailUser
from keypost_adapters.store import rows
from keypost_adapters.store.dialect import CONSUME_NONCES, DIALECT, FORGET_NONCES, REVISION
from keypost_adapters.store.tables import (
    CheckoutRow,
    MailboxRow,
    MailDomainRow,
    MailUserRow,
    OutboxRow,
)
from keypost_adapters.store.turn import WriteTurn, fact_of

_FORGET_EVERY = timedelta(minutes=1)

Row = TypeVar("Row", bound=SQLModel)


class _Lookup(Generic[Row]):
    """A compiled query by some columns, and what makes SQLite's values ours again."""

    def __init__(
        self, table: type[Row], *by: str, order_by: str | None = None, limit: int = -1
    ) -> None:
        columns = inspect(table).local_table.c
        query = select(inspect(table).local_table).where(*(columns[name] == "" for name in by))
        query = query.order_by(columns[order_by] if order_by else None)
        self.sql = str(query.compile(dialect=DIALECT)) + (f" LIMIT {limit}" if limit > 0 else "")
        self._columns = [
            (column.name, _result_processor(column) or _as_it_is) for column in columns
        ]

    def row(self, values: Sequence[Any]) -> Row:
        """Return something with the row's attributes; no ORM object is built for it."""
        named = {
            name: process(value)
            for (name, process), value in zip(self._columns, values, strict=True)
        }
        return cast("Row", SimpleNamespace(**named))


def _result_processor(column: Column[Any]) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(DIALECT).result_processor(DIALECT, None)


def _as_it_is(value: Any) -> Any:  # noqa: ANN401
    return value


_HELD_BY = _Lookup(MailboxRow, "holder")
_WITH_TOKEN = _Lookup(MailboxRow, "token_digest")
_OPEN_CHECKOUT = _Lookup(CheckoutRow, "mailbox_id", "state")
_OPEN_CHECKOUTS = _Lookup(CheckoutRow, "state", "provider", order_by="created_at")
_UNTRIED_LETTER = _Lookup(OutboxRow, "state", "attempts", order_by="due_at", limit=1)
_MOST_ATTEMPTS = "SELECT max(attempts) FROM outbox WHERE state IN ('queued', 'sending')"
_DOMAIN = _Lookup(MailDomainRow, "domain")
_USER_BY_EMAIL = _Lookup(MailUserRow, "email")
_USER_BY_LOGIN = _Lookup(MailUserRow, "login")


class SqliteIndex:
    """MailboxIndex and ReceiveDirectory over a reading connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def held_by(self, holder: str) -> Mailbox | None:
        """Find by the holder."""
        row = await self._first(_HELD_BY, holder)
        return rows.mailbox_of(row) if row else None

    async def with_token(self, digest: str) -> Mailbox | None:
        """Find by the access token's digest."""
        row = await self._first(_WITH_TOKEN, digest)
        return rows.mailbox_of(row) if row else None

    async def open_checkout(self, mailbox_id: str) -> Checkout | None:
        """Find the mailbox's open checkout."""
        row = await self._first(_OPEN_CHECKOUT, mailbox_id, CheckoutState.OPEN.value)
        return rows.checkout_of(row) if row else None

    async def open_sessions(self, provider: str) -> Sequence[str]:
        """List the sessions of a provider's open checkouts."""
        found = await self._all(_OPEN_CHECKOUTS, CheckoutState.OPEN.value, provider)
        return [row.session_id for row in found if row.session_id]

    async def oldest_untried_letter(self) -> datetime | None:
        """Return when the longest waiting letter was due that nobody has tried to send."""
        row = await self._first(_UNTRIED_LETTER, LetterState.QUEUED.value, 0)
        return row.due_at if row else None

    async def most_attempts(self) -> int:
        """Return the most attempts of a letter that is still owed."""
        [[attempts]] = await self._fetch(_MOST_ATTEMPTS)
        return int(attempts or 0)

    async def revision(self) -> str:
        """Return the revision of the tables, as migrations number them."""
        [[revision]] = await self._fetch(REVISION)
        return str(revision)

    async def serves(self, domain: str) -> bool:
        """Say whether mail for the domain is received here."""
        return await self._first(_DOMAIN, domain.lower()) is not None

    async def by_email(self, email: str) -> MailUser | None:
        """Find by the whole address."""
        row = await self._first(_USER_BY_EMAIL, email.lower())
        return rows.mail_user_of(row) if row else None

    async def by_login(self, login: str) -> MailUser | None:
        """Find by the username or the whole address."""
        row = await self._first(_USER_BY_EMAIL if "@" in login else _USER_BY_LOGIN, login.lower())
        return rows.mail_user_of(row) if row else None

    async def _first(self, lookup: _Lookup[Row], *values: str | int) -> Row | None:
        found = await self._all(lookup, *values)
        return found[0] if found else None

    async def _all(self, lookup: _Lookup[Row], *values: str | int) -> list[Row]:
        return [lookup.row(row) for row in await self._fetch(lookup.sql, values)]

    async def _fetch(self, sql: str, values: Sequence[str | int] = ()) -> Iterable[Any]:
        try:
            return await self._connection.execute_fetchall(sql, values)
        except aiosqlite.Error as error:
            raise fact_of(error) or error from error


class SqliteNonceStore:
    """NonceStore that commits together what comes in together."""

    def __init__(
        self, connection: aiosqlite.Connection, *, writing: WriteTurn, clock: Clock
    ) -> None:
        self._connection = connection
        self._writing = writing
        self._clock = clock
        self._waiting: dict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self._expiry: dict[str, int] = {}
        self._writer: asyncio.Task[None] | None = None
        self._forget_at = clock()

    async def consume(self, nonce: str, *, expires_at: datetime) -> None:
        """Join the next batch and wait until it is on disk."""
        used: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[nonce].append(used)
        self._expiry[nonce] = int(expires_at.timestamp())
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await used

    async def close(self) -> None:
        """Finish what is waiting."""
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._waiting:
            try:
                async with self._writing():
                    await self._write(*self._take())
            except StoreBusy as busy:
                _fail_all(self._take()[0], busy)

    def _take(self) -> tuple[dict[str, list[asyncio.Future[None]]], dict[str, int]]:
        waiting, self._waiting = self._waiting, defaultdict(list)
        expiry, self._expiry = self._expiry, {}
        return waiting, expiry

    async def _write(
        self, waiting: dict[str, list[asyncio.Future[None]]], expiry: dict[str, int]
    ) -> None:
        try:
            batch = json.dumps(list(expiry.items()))
            written = await self._connection.execute_fetchall(CONSUME_NONCES, (batch,))
        except Exception as error:  # noqa: BLE001 - every waiting caller must be told
            _fail_all(waiting, fact_of(error) or error)
            return
        fresh = {row[0] for row in written}
        for nonce, futures in waiting.items():
            _answer(futures, is_fresh=nonce in fresh)
        with suppress(aiosqlite.Error):  # those that stay are forgotten the next time
            await self._forget()

    async def _forget(self) -> None:
        now = self._clock()
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY
            await self._connection.execute_fetchall(FORGET_NONCES, (int(now.timestamp()),))


def _answer(futures: list[asyncio.Future[None]], *, is_fresh: bool) -> None:
    """Let the first caller of a fresh nonce pass and refuse all others."""
    for used in futures:
        if is_fresh and not used.done():
            used.set_result(None)
            is_fresh = False
        else:
            _fail(used, ChallengeUsed())


def _fail(used: asyncio.Future[None], error: Exception) -> None:
    with suppress(asyncio.InvalidStateError):  # the caller has gone
        used.set_exception(error)


def _fail_all(waiting: dict[str, list[asyncio.Future[None]]], error: Exception) -> None:
    for futures in waiting.values():
        for used in futures:
            _fail(used, error)
