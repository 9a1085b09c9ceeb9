"""An e-mail address: one mailbox, nothing more."""

import re
from dataclasses import dataclass
from typing import Self

from keypost.errors import AddressMalformed

# RFC 5321 section 4.1.2, without what no provider takes from a form: quoted
# local parts, address literals, comments, and UTF-8 on either side.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_LOCAL_OCTETS = 64
_OCTETS = 254


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """One address, ``local@domain``, with the domain in lower case.

    The local part keeps its spelling: RFC 5321 section 2.4 leaves its meaning
    to the host that receives for it.
    """

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read exactly one bare address; raise AddressMalformed otherwise.

        Display names, lists, line ends and surrounding white space are refused:
        what is put into a header must be one address and nothing else.
        """
        local, _, domain = text.rpartition("@")
        if len(text) > _OCTETS or not _is_local(local) or not _is_domain(domain):
            raise AddressMalformed
        return cls(local=local, domain=domain.lower())

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def masked(self) -> str:
        """The address as a log may show it: ``a…@example.org``."""
        return f"{self.local[0]}…@{self.domain}"


def _is_local(text: str) -> bool:
    return len(text) <= _LOCAL_OCTETS and _LOCAL.match(text) is not None


def _is_domain(text: str) -> bool:
    labels = text.split(".")
    return len(labels) > 1 and all(_LABEL.match(label) for label in labels)
