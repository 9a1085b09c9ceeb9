"""Who may read: at login, and again while a session lasts."""

import asyncio

from pymap.exceptions import InvalidAuth, ResponseError
from pymap.parsing.response import ResponseBye, ResponseCode, ResponseNo
from pysasl.creds.server import ServerCredentials

from keypost.credentials import dovecot_digest, password_matches
from keypost.ports import Clock, ReceiveDirectory
from keypost.receiving import MailUser
from keypost_adapters.receive.failures import report

_NOBODY = dovecot_digest("")
_ASK_AGAIN = 1.0


class MailboxClosed(ResponseError):  # noqa: N818 - a fact about the mailbox
    """The mailbox expired or its credentials were revoked; the session ends."""

    def get_response(self, tag: bytes) -> ResponseNo:
        """Say so and say goodbye (RFC 3501 7.1.5)."""
        response = ResponseNo(tag, b"The mailbox is closed.", ResponseCode.of(b"EXPIRED"))
        response.add_untagged(ResponseBye(b"The mailbox is closed."))
        return response


class DirectoryUnavailable(ResponseError):  # noqa: N818 - a fact about the directory
    """Nobody can be looked up at the moment."""

    def get_response(self, tag: bytes) -> ResponseNo:
        """Ask the client to come again (RFC 5530)."""
        return ResponseNo(tag, b"Not available, try again.", ResponseCode.of(b"UNAVAILABLE"))


class Access:
    """One session's right to read a mailbox."""

    def __init__(self, user: MailUser, *, directory: ReceiveDirectory, clock: Clock) -> None:
        self.user = user
        self._directory = directory
        self._clock = clock
        self._asked_at = asyncio.get_running_loop().time()

    @classmethod
    async def log_in(
        cls, credentials: ServerCredentials, *, directory: ReceiveDirectory, clock: Clock
    ) -> "Access":
        """Check credentials; raise InvalidAuth, in the same words whatever is wrong."""
        user = await _look_up(directory, credentials.authcid)
        # An unknown name is compared too, so that it takes as long as a known one.
        is_proven = credentials.verify(_Secret(user.password if user else _NOBODY))
        is_self = credentials.authzid == credentials.authcid
        if user is None or not (is_proven and is_self and user.may_log_in(clock())):
            raise InvalidAuth
        return cls(user, directory=directory, clock=clock)

    async def check(self) -> None:
        """Raise MailboxClosed where the mailbox may no longer be read.

        The directory is asked at most once a second; before anyone is turned
        away it is asked in any case, for a payment may just have come in.
        """
        now = asyncio.get_running_loop().time()
        if now - self._asked_at < _ASK_AGAIN and self.user.may_log_in(self._clock()):
            return
        try:
            user = await _look_up(self._directory, self.user.login)
        except DirectoryUnavailable:
            if self.user.may_log_in(self._clock()):
                raise
            raise MailboxClosed from None
        self._asked_at = now
        if (
            user is None
            or user.password != self.user.password
            or not user.may_log_in(self._clock())
        ):
            raise MailboxClosed
        self.user = user


class _Secret:
    """pysasl's Identity: a digest to compare with."""

    def __init__(self, digest: str) -> None:
        self._digest = digest

    @property
    def authcid(self) -> str:
        """Return nothing: who it is was decided before."""
        return ""

    def compare_authcid(self, authcid: str) -> bool:
        """Agree: the directory has found the user by this name."""
        del authcid
        return True

    def compare_secret(self, secret: str) -> bool:
        """Compare in constant time; derived passwords are ASCII."""
        return password_matches(secret.encode("ascii", "backslashreplace").decode(), self._digest)

    def get_clear_secret(self) -> str | None:
        """Return None: there is a digest only."""
        return None


async def _look_up(directory: ReceiveDirectory, login: str) -> MailUser | None:
    if not login.isascii():
        return None
    try:
        return await directory.by_login(login)
    except Exception as error:
        report("imap_look_up_failed", error)
        raise DirectoryUnavailable from error
