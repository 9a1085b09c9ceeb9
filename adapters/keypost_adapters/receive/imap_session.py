# ruff: noqa: ARG002 - pymap hands over more than a refusal needs
"""pymap's SessionInterface over one Maildir: there is an INBOX and nothing else."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import cast

from pymap.concurrent import Event
from pymap.context import current_command
from pymap.exceptions import MailboxNotFound, MailboxReadOnly, NotSupportedError
from pymap.flags import FlagOp, PermanentFlags, SessionFlags
from pymap.interfaces.message import LoadedMessageInterface
from pymap.listtree import ListTree
from pymap.mailbox import MailboxSnapshot
from pymap.parsing.command.select import CloseCommand
from pymap.parsing.message import AppendMessage
from pymap.parsing.response.code import AppendUid, CopyUid
from pymap.parsing.specials import Flag, ObjectId, SearchKey, SequenceSet
from pymap.parsing.specials.fetchattr import FetchRequirement
from pymap.parsing.specials.flag import Deleted, Recent, Seen, get_system_flags
from pymap.search import SearchCriteriaSet, SearchParams
from pymap.selected import SelectedMailbox

from keypost_adapters.receive.imap_access import Access, DirectoryUnavailable
from keypost_adapters.receive.imap_message import Message, flags_of, letters_of
from keypost_adapters.receive.mailroom import Inbox

_DELIMITER = "/"
_LOOK_AGAIN = 1.0
_TICK = 0.02
_PERMANENT = get_system_flags() - {Recent}
_WILDCARDS = re.compile(r"[*%]+")

Found = Iterable[tuple[int, Message]]


class InboxSession:
    """One logged-in client.

    A selected mailbox remembers in ``mod_sequence`` which messages the client
    knows; the next command tells it what has changed since.
    """

    def __init__(self, access: Access, inbox: Inbox) -> None:
        self._access = access
        self._inbox = inbox
        self._folder = inbox.folder

    @property
    def owner(self) -> str:
        """The user's name."""
        return self._access.user.login

    @property
    def filter_set(self) -> None:
        """None: there are no filters."""
        return

    def close(self) -> None:
        """Hold nothing that must be let go."""

    async def cleanup(self) -> None:
        """Hold nothing between commands."""

    async def check_access(self) -> None:
        """Raise MailboxClosed where the session must end."""
        await self._access.check()

    # --- mailboxes ---------------------------------------------------------

    async def list_mailboxes(
        self,
        ref_name: str,
        filter_: str,
        subscribed: bool = False,  # noqa: FBT001, FBT002 - pymap's signature
        selected: SelectedMailbox | None = None,
    ) -> tuple[Iterable[tuple[str, str | None, Sequence[bytes]]], SelectedMailbox | None]:
        """List INBOX where it matches (RFC 3501 6.3.8)."""
        del subscribed
        if not filter_:
            return [("", _DELIMITER, [b"Noselect"])], selected
        # pymap makes a regular expression of the pattern: a run of wildcards
        # would take it for ever.
        pattern = _WILDCARDS.sub(_one_wildcard, filter_)
        matching = ListTree(_DELIMITER).update("INBOX").list_matching(ref_name, pattern)
        return [(entry.name, _DELIMITER, entry.attributes) for entry in matching], selected

    async def get_mailbox(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> tuple[MailboxSnapshot, SelectedMailbox | None]:
        """Return the counts that STATUS shows."""
        _require_inbox(name)
        await self._refresh()
        if selected is not None:
            await self._update(selected)
        return self._snapshot(readonly=False), selected

    async def select_mailbox(
        self,
        name: str,
        readonly: bool = False,  # noqa: FBT001, FBT002 - pymap's signature
    ) -> tuple[MailboxSnapshot, SelectedMailbox]:
        """Open INBOX."""
        _require_inbox(name)
        await self._refresh()
        selected = SelectedMailbox(
            self._mailbox_id(), readonly, PermanentFlags(_PERMANENT), SessionFlags([Recent])
        )
        snapshot = self._snapshot(readonly=readonly)
        return snapshot, await self._update(selected)

    async def create_mailbox(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> tuple[ObjectId, SelectedMailbox | None]:
        """Refuse."""
        raise NotSupportedError("There is only INBOX.")

    async def delete_mailbox(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> SelectedMailbox | None:
        """Refuse."""
        raise MailboxNotFound(name)

    async def rename_mailbox(
        self, before_name: str, after_name: str, selected: SelectedMailbox | None = None
    ) -> SelectedMailbox | None:
        """Refuse."""
        raise NotSupportedError("There is only INBOX.")

    async def subscribe(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> SelectedMailbox | None:
        """Agree to INBOX, which is always subscribed."""
        _require_inbox(name)
        return selected

    async def unsubscribe(
        self, name: str, selected: SelectedMailbox | None = None
    ) -> SelectedMailbox | None:
        """Agree, and keep INBOX in sight."""
        return await self.subscribe(name, selected)

    async def append_messages(
        self,
        name: str,
        messages: Sequence[AppendMessage],
        selected: SelectedMailbox | None = None,
    ) -> tuple[AppendUid, SelectedMailbox | None]:
        """Refuse: mail comes in by SMTP only."""
        raise NotSupportedError("Mail comes in by SMTP only.")

    async def copy_messages(
        self, selected: SelectedMailbox, sequence_set: SequenceSet, mailbox: str
    ) -> tuple[CopyUid | None, SelectedMailbox]:
        """Refuse."""
        raise NotSupportedError("There is only INBOX.")

    async def move_messages(
        self, selected: SelectedMailbox, sequence_set: SequenceSet, mailbox: str
    ) -> tuple[CopyUid | None, SelectedMailbox]:
        """Refuse."""
        raise NotSupportedError("There is only INBOX.")

    # --- messages ----------------------------------------------------------

    async def check_mailbox(
        self,
        selected: SelectedMailbox,
        *,
        wait_on: Event | None = None,
        housekeeping: bool = False,
    ) -> SelectedMailbox:
        """Return what is new; with ``wait_on``, wait for something new or for that event."""
        del housekeeping
        if wait_on is not None:
            await self._wait(wait_on)
        return await self._update(selected)

    async def fetch_messages(
        self,
        selected: SelectedMailbox,
        sequence_set: SequenceSet,
        set_seen: bool,  # noqa: FBT001 - pymap's signature
    ) -> tuple[Found, SelectedMailbox]:
        """Return messages, marked as read where the command does that."""
        chosen = selected.messages.get_all(sequence_set)
        if set_seen:
            await self._set_flags([cached.uid for _, cached in chosen], {Seen}, FlagOp.ADD)
        else:
            await self._refresh()
        found = [(seq, self._message(cached)) for seq, cached in chosen]
        return found, await self._update(selected)

    async def search_mailbox(
        self, selected: SelectedMailbox, keys: frozenset[SearchKey]
    ) -> tuple[Found, SelectedMailbox]:
        """Return the messages that match (RFC 3501 6.4.4)."""
        await self._refresh()
        search = SearchCriteriaSet(keys, SearchParams(selected))
        needs = FetchRequirement.reduce(key.requirement for key in keys)
        is_light = FetchRequirement.BODY not in needs
        found = []
        for seq, cached in selected.messages.get_all(search.sequence_set):
            message = self._message(cached)
            # Awaiting a thousand messages that need no reading takes longer than the search.
            content = message.unread(needs) if is_light else await message.read(needs)
            if search.matches(seq, message, cast("LoadedMessageInterface", content)):
                found.append((seq, message))
        return found, await self._update(selected)

    async def update_flags(
        self,
        selected: SelectedMailbox,
        sequence_set: SequenceSet,
        flag_set: frozenset[Flag],
        mode: FlagOp = FlagOp.REPLACE,
    ) -> tuple[Found, SelectedMailbox]:
        """Change flags; those that Maildir has no letter for are left out."""
        if selected.readonly:
            raise MailboxReadOnly
        chosen = selected.messages.get_all(sequence_set)
        await self._set_flags([cached.uid for _, cached in chosen], flag_set, mode)
        found = [(seq, self._message(cached)) for seq, cached in chosen]
        return found, await self._update(selected)

    async def expunge_mailbox(
        self, selected: SelectedMailbox, uid_set: SequenceSet | None = None
    ) -> SelectedMailbox:
        """Remove the messages that are marked as deleted."""
        if selected.readonly:
            # RFC 3501 6.4.2: CLOSE of a read-only mailbox removes nothing, and succeeds.
            if isinstance(current_command.get(None), CloseCommand):
                return selected
            raise MailboxReadOnly
        chosen = selected.messages.get_all(uid_set or SequenceSet.all(uid=True))
        messages = [self._message(cached) for _, cached in chosen]
        doomed = {message.uid for message in messages if Deleted in message.permanent_flags}
        if doomed:
            await asyncio.to_thread(self._folder.remove, doomed)
            self._inbox.announce()
        return await self._update(selected)

    # --- the folder --------------------------------------------------------

    async def _refresh(self) -> None:
        if self._folder.is_stale():
            await asyncio.to_thread(self._folder.refresh)

    async def _update(self, selected: SelectedMailbox) -> SelectedMailbox:
        """Tell the selected mailbox what has changed since its last command."""
        await self._refresh()
        if not selected.readonly and any(m.is_new for m in self._folder.messages.values()):
            for uid in await asyncio.to_thread(self._folder.claim_new):
                selected.session_flags.add_recent(uid)
        before, after = selected.mod_sequence or {}, self._folder.messages
        if before is not after:
            changed = [m for uid, m in after.items() if before.get(uid) is not m]
            selected.add_updates(
                [Message(self._folder, stored) for stored in changed], before.keys() - after.keys()
            )
            selected.mod_sequence = after
        elif not selected.hide_expunged:
            selected.add_updates([], [])
        return selected

    async def _set_flags(self, uids: Sequence[int], flags: Iterable[Flag], mode: FlagOp) -> None:
        wanted = _PERMANENT & frozenset(flags)

        def change(letters: str) -> str:
            return letters_of(mode.apply(flags_of(letters), wanted), before=letters)

        await self._refresh()
        before = self._folder.messages
        known = [before[uid].name.flags for uid in uids if uid in before]
        if any(change(letters) != letters for letters in known):
            await asyncio.to_thread(self._folder.change_flags, uids, change)
            self._inbox.announce()

    async def _wait(self, done: Event) -> None:
        """Wait for a change, an announcement or ``done``; look and ask for leave each second."""
        bell = done.or_event()
        listener: Callable[[], None] = bell.set
        self._inbox.listeners.add(listener)
        try:
            while not (bell.is_set() or done.is_set() or self._folder.is_changed()):
                is_sure = not self._folder.is_stale()
                await bell.wait(timeout=_LOOK_AGAIN if is_sure else _TICK)
                with suppress(DirectoryUnavailable):
                    # Who is in stays in for as long as is known to be paid.
                    await self._access.check()
                if not is_sure:
                    return
        finally:
            self._inbox.listeners.discard(listener)

    def _message(self, cached: object) -> Message:
        """Return the message as it is now, or as it was before it vanished."""
        if not isinstance(cached, Message):
            raise TypeError(cached)
        stored = self._folder.messages.get(cached.uid)
        if stored is cached.stored:
            return cached
        return Message(self._folder, stored or cached.stored, expunged=stored is None)

    def _mailbox_id(self) -> ObjectId:
        return ObjectId(f"F{self._folder.guid}".encode())

    def _snapshot(self, *, readonly: bool) -> MailboxSnapshot:
        messages = [Message(self._folder, stored) for stored in self._folder.messages.values()]
        unseen = [i for i, m in enumerate(messages, 1) if Seen not in m.permanent_flags]
        return MailboxSnapshot(
            self._mailbox_id(),
            readonly,
            self._folder.validity,
            _PERMANENT,
            frozenset([Recent]),
            len(messages),
            sum(message.stored.is_new for message in messages),
            len(unseen),
            unseen[0] if unseen else None,
            self._folder.next_uid,
        )


def _one_wildcard(run: re.Match[str]) -> str:
    return "*" if "*" in run[0] else "%"


def _require_inbox(name: str) -> None:
    if name.upper() != "INBOX":
        raise MailboxNotFound(name)
