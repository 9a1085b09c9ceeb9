"""A receive stack on free ports, and mailboxes in every state."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.directory import MemoryDirectory
from keypost.credentials import dovecot_digest
from keypost.receiving import MailUser
from keypost_adapters.receive.limits import Limits
from keypost_adapters.receive.stack import ReceiveStack

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
PASSWORD = "correct horse"


@dataclass
class MovableClock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def mail_user(name: str, *, paid: timedelta = timedelta(days=30), quota: int = 10**8) -> MailUser:
    return MailUser(
        login=name,
        email=f"{name}@mail.local",
        password=dovecot_digest(PASSWORD),
        maildir=f"mail.local/{name}",
        enabled=True,
        valid_until=NOW + paid,
        grace_until=NOW + paid + timedelta(days=7),
        quota_bytes=quota,
    )


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def directory() -> MemoryDirectory:
    return MemoryDirectory(
        mail_user("mbx_open"),
        mail_user("mbx_other"),
        mail_user("mbx_grace", paid=timedelta(days=-1)),
        mail_user("mbx_closed", paid=timedelta(days=-8)),
        mail_user("mbx_small", quota=4000),
        mail_user("mbx_full", quota=0),
    )


@pytest.fixture
def start(
    directory: MemoryDirectory, clock: MovableClock, tmp_path: Path
) -> Callable[..., ReceiveStack]:
    """Make stacks over one directory and one mail root, as restarts do."""

    def make(*, host: str = "127.0.0.1", **limits: float) -> ReceiveStack:
        return ReceiveStack(
            directory,
            clock=clock,
            mail_root=tmp_path / "mail",
            smtp=(host, 0),
            imap=(host, 0),
            max_message_bytes=200_000,
            limits=Limits(**limits),  # type: ignore[arg-type] # a count among times
        )

    return make


@pytest.fixture
async def stack(start: Callable[[], ReceiveStack]) -> AsyncIterator[ReceiveStack]:
    async with start() as running:
        yield running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "mail" / "mail.local" / "mbx_open"
