"""InboxReader over IMAP (RFC 3501)."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import TypeVar

from keypost.credentials import Credentials
from keypost.errors import InboxUnavailable, MessageNotFound
from keypost.message import Message
from keypost_adapters.inbox.imap_connection import ExaminedInbox, ImapConnection, ImapServer, Tls
from keypost_adapters.inbox.imap_pool import ImapPool, Slot
from keypost_adapters.inbox.readable.headers import HEADER_BYTES
from keypost_adapters.inbox.readable.message import MESSAGE_BYTES, read_message

T = TypeVar("T")
Question = Callable[[ExaminedInbox], T]

# One byte more than is read, so that truncation shows.
_WHOLE = "]"
_READ = f"]<0.{MESSAGE_BYTES + 1}>"
_HEADER = f"HEADER.FIELDS (FROM TO SUBJECT DATE)]<0.{HEADER_BYTES + 1}>"

_BATCH = 10  # long messages held in memory at once
_UIDS = range(1, 2**32)  # RFC 3501 section 9, nz-number


class ImapInbox:
    """InboxReader over one IMAP server, with kept connections.

    Every call ends within ``timeout`` seconds, turns and retries included; the
    port asks for at most ten. A UID names a message for as long as the server
    keeps the folder's UIDVALIDITY (RFC 3501 section 2.3.1.1); Dovecot keeps it
    with the Maildir, and nothing here remembers a UID between two calls.

    A kept connection that fails is replaced once within the same call. Belongs
    to one event loop; ``close()`` ends it.
    """

    def __init__(  # noqa: PLR0913 - a server's address and four limits
        self,
        *,
        host: str,
        port: int,
        tls: Tls,
        timeout: float = 8.0,
        max_kept: int = 64,
        idle_seconds: float = 120.0,
        threads: int = 8,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        context = tls_context or ssl.create_default_context()
        self._server = ImapServer(host=host, port=port, tls=tls, context=context)
        self._timeout = timeout
        self._pool = ImapPool(max_kept=max_kept, idle_seconds=idle_seconds)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="imap")
        self._closed = False

    async def messages(
        self, login: Credentials, *, unread_only: bool, limit: int, include_body: bool
    ) -> Sequence[Message]:
        """Return the newest messages, the newest first.

        Where hostile mail takes too long to read, the later messages of the
        list come with an empty body and the defect ``body_skipped``.
        """

        def question(inbox: ExaminedInbox) -> list[Message]:
            uids = inbox.newest(unread_only=unread_only, limit=limit)
            return list(_bodies(inbox, uids) if include_body else _headers(inbox, uids))

        return await self._ask(login, question)

    async def message(self, login: Credentials, uid: int, *, include_body: bool) -> Message:
        """Return one message; raise MessageNotFound."""
        section = _READ if include_body else _HEADER
        raw = await self._section(login, uid, section)
        return await asyncio.to_thread(read_message, raw, uid=uid, include_body=include_body)

    async def raw(self, login: Credentials, uid: int) -> bytes:
        """Return the whole message as the server has it; raise MessageNotFound."""
        return await self._section(login, uid, _WHOLE)

    @property
    def kept(self) -> int:
        """How many connections are kept or in use."""
        return len(self._pool)

    async def close(self) -> None:
        """Close every connection; calls that still run raise InboxUnavailable."""
        self._closed = True
        self._pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _section(self, login: Credentials, uid: int, section: str) -> bytes:
        if uid not in _UIDS:
            raise MessageNotFound

        def question(inbox: ExaminedInbox) -> bytes:
            found = inbox.fetch([uid], section)
            if uid not in found:
                raise MessageNotFound
            return found[uid]

        return await self._ask(login, question)

    async def _ask(self, login: Credentials, question: Question[T]) -> T:
        by = monotonic() + self._timeout
        try:
            async with asyncio.timeout(self._timeout), self._pool.turn(login) as slot:
                return await self._in_thread(slot, login, question, by=by)
        except TimeoutError as error:
            raise InboxUnavailable("The mail store did not answer in time.") from error

    async def _in_thread(
        self, slot: Slot, login: Credentials, question: Question[T], *, by: float
    ) -> T:
        if self._closed:
            raise InboxUnavailable
        job: Future[T] = self._threads.submit(self._converse, slot, login, question, by=by)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            # The thread cannot be stopped, but its socket can: nobody else gets
            # this connection, and it is closed when the thread has let it go.
            slot.abandon()
            job.add_done_callback(lambda _: slot.empty())
            raise

    def _converse(self, slot: Slot, login: Credentials, question: Question[T], *, by: float) -> T:
        """Ask over the kept connection; replace it once where it turns out to be dead."""
        kept = slot.connection
        if kept is not None:
            try:
                return _answer(slot, kept, question, by=by, alive_by=(monotonic() + by) / 2)
            except InboxUnavailable:
                if slot.abandoned:
                    raise
        connection = ImapConnection.open(self._server, login, by=by)
        slot.hold(connection)
        return _answer(slot, connection, question, by=by, alive_by=by)


def _answer(
    slot: Slot, connection: ImapConnection, question: Question[T], *, by: float, alive_by: float
) -> T:
    try:
        return question(connection.examine(by=by, alive_by=alive_by))
    except InboxUnavailable:
        slot.empty()
        raise


def _headers(inbox: ExaminedInbox, uids: Sequence[int]) -> Iterator[Message]:
    found = inbox.fetch(uids, _HEADER)
    for uid in uids:
        if uid in found:
            yield read_message(found[uid], uid=uid, include_body=False)


def _bodies(inbox: ExaminedInbox, uids: Sequence[int]) -> Iterator[Message]:
    skip_after = (monotonic() + inbox.by) / 2
    for start in range(0, len(uids), _BATCH):
        batch = uids[start : start + _BATCH]
        found = inbox.fetch(batch, _READ)
        for uid in batch:
            if uid in found:
                skip = monotonic() > skip_after
                yield _without_body(found[uid], uid) if skip else _with_body(found[uid], uid)


def _with_body(raw: bytes, uid: int) -> Message:
    return read_message(raw, uid=uid, include_body=True)


def _without_body(raw: bytes, uid: int) -> Message:
    message = read_message(raw, uid=uid, include_body=False)
    return replace(message, body="", defects=(*message.defects, "body_skipped"))
