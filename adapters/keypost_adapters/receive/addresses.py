"""Paths in SMTP commands, read strictly (RFC 5321 4.1.2).

No spelling of a path makes this server relay: what is not plainly an address
in a domain that is served is refused.
"""

import re
from dataclasses import dataclass

_MAX_PATH = 256  # RFC 5321 4.5.3.1.3
_ROUTE = re.compile(r"@[^:<>\s]*:")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[[0-9A-Za-z.:]+\]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')


class PathMalformed(ValueError):  # noqa: N818 - a fact about the command
    """The path is none (553 5.1.3)."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient; ``domain`` is empty for the bare ``<postmaster>`` of RFC 5321 4.5.1.

    ``is_routed`` is true where others should pass the mail on (``<@a:b@c>``),
    ``is_plain`` false for quoted local parts.
    """

    local: str
    domain: str
    is_routed: bool
    is_plain: bool

    @property
    def spellings(self) -> tuple[str, ...]:
        """Return the logins to look for: as written, then without ``+tag``."""
        base = self.local.partition("+")[0]
        locals_ = (self.local, base) if base and base != self.local else (self.local,)
        return tuple(f"{local}@{self.domain}" if self.domain else local for local in locals_)

    @classmethod
    def parse(cls, path: str) -> "Recipient":
        """Parse ``local@domain`` without its angle brackets, or raise PathMalformed."""
        route = _ROUTE.match(path)
        local, at, domain = path[route.end() if route else 0 :].rpartition("@")
        if not at and domain.lower() == "postmaster":
            return cls("postmaster", "", is_routed=bool(route), is_plain=True)
        is_plain = _DOT_ATOM.fullmatch(local) is not None
        if not is_plain and not _QUOTED.fullmatch(local):
            raise PathMalformed
        if not _DOMAIN.fullmatch(domain) and not _LITERAL.fullmatch(domain):
            raise PathMalformed
        return cls(local, domain.lower(), is_routed=bool(route), is_plain=is_plain)


def split_path(argument: str) -> tuple[str, str]:
    """Split ``<path> parameters``; raise PathMalformed where there is no path in brackets."""
    match = re.match(r"<((?:[^<>\"\s]|\"(?:[^\"\\]|\\.)*\")*)>(?: +(.*))?$", argument.strip())
    if match is None or len(match[1]) > _MAX_PATH:
        raise PathMalformed
    return match[1], match[2] or ""
