"""Which SMTP server takes the letters, and how the way to it is protected."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Self
from urllib.parse import unquote_to_bytes

# RFC 3986 section 3.2.1, with the colon between user and password only.
_WORD = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]"
_URL = re.compile(
    rf"(?P<scheme>smtps?)://(?:(?P<user>{_WORD}):(?P<password>{_WORD})@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?/?\Z"
)
_LAST_PORT = 65_535


class Protection(Enum):
    """How the way to the server is protected."""

    NONE = "none"  # loopback only: the way does not leave the host
    STARTTLS = "starttls"  # required, never "if offered": an attacker would take the offer away
    TLS = "tls"  # from the first byte (RFC 8314)


@dataclass(frozen=True, slots=True)
class Login:
    """Who hands letters in; both in printable ASCII."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """A submission server. Only loopback may be unprotected; else it is a ValueError."""

    host: str
    port: int
    protection: Protection
    login: Login | None = None

    def __post_init__(self) -> None:
        if self.protection is Protection.NONE and not _is_loopback(self.host):
            raise ValueError("Only an SMTP server on loopback may be spoken to without TLS.")

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``smtp://[user:password@]host[:port]`` or ``smtps://…``.

        The ports are 587 and 465 unless given; ``smtp`` means STARTTLS, or
        nothing on loopback. Raises ValueError, which does not quote the URL.
        """
        found = _URL.match(url)
        if found is None:
            raise ValueError(
                "The SMTP server must be smtp://[user:password@]host[:port] or smtps://…, "
                "with special characters in user and password percent-encoded."
            )
        host = found["host"].strip("[]")
        return cls(
            host=host,
            port=_port(found["port"], default=465 if found["scheme"] == "smtps" else 587),
            protection=_protection(found["scheme"], host),
            login=_login(found["user"], found["password"]),
        )


def _port(text: str | None, *, default: int) -> int:
    port = default if text is None else int(text)
    if not 1 <= port <= _LAST_PORT:
        raise ValueError("The SMTP server's port must be between 1 and 65535.")
    return port


def _protection(scheme: str, host: str) -> Protection:
    if scheme == "smtps":
        return Protection.TLS
    return Protection.NONE if _is_loopback(host) else Protection.STARTTLS


def _login(user: str | None, password: str | None) -> Login | None:
    if user is None or password is None:
        return None
    return Login(user=_decoded(user), password=_decoded(password))


def _decoded(word: str) -> str:
    octets = unquote_to_bytes(word)
    # smtplib sends nothing else, and a control character would end the command.
    if not (octets.isascii() and octets.decode("latin-1").isprintable()):
        raise ValueError("The SMTP server's user and password must be printable ASCII.")
    return octets.decode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
