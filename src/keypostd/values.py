"""The values that settings are made of: parsed once, refused without being repeated."""

from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from keypost.address import EmailAddress
from keypost.errors import AddressMalformed

_SECRET_BYTES = 32


class Address(NamedTuple):
    """Where to listen. An empty host means every interface."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Say whether a host's name or address is this machine's own; nothing is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_address(text: object) -> Address:
    """Read ``HOST:PORT`` or ``:PORT``; raise ValueError."""
    host, colon, port = str(text).rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ValueError("must be HOST:PORT or :PORT")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def parse_url(text: str) -> str:
    """Return an http or https URL in its one spelling; raise ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an http or https URL")
    if parts.query or parts.fragment or "," in text:
        raise ValueError("must be a URL without query, fragment and commas")
    # One spelling: challenges name it, and rules below look at its scheme.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")


def parse_domain(text: str) -> str:
    """Return a domain name in lower case; raise ValueError."""
    try:
        return EmailAddress.parse(f"postmaster@{text}").domain
    except AddressMalformed:
        raise ValueError("must be a domain name") from None


def long_secret(secret: SecretStr) -> SecretStr:
    """Return a secret of at least 32 bytes; raise ValueError."""
    if len(secret.get_secret_value().encode()) < _SECRET_BYTES:
        raise ValueError(f"must be at least {_SECRET_BYTES} bytes long")
    return secret


def parse_file(text: object) -> Path:
    """Return the path of an SQLite file; raise ValueError."""
    path = str(text).removeprefix("sqlite:///").removeprefix("file:")
    if "://" in path or path.startswith(":"):
        raise ValueError("must be the path of an SQLite file")
    return Path(path)
