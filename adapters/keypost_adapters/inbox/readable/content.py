"""Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183)."""

import re
from dataclasses import dataclass, field

from keypost_adapters.inbox.readable.defects import Defects
from keypost_adapters.inbox.readable.headers import Fields

_PARAMETER = re.compile(r';\s*([^\s=;"]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))')
_ESCAPE = re.compile(r"\\(.)")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\Z")


@dataclass(frozen=True, slots=True)
class Content:
    """What a part says about itself; ``kind`` is ``type/subtype`` in lower case."""

    kind: str
    parameters: dict[str, str] = field(default_factory=dict)
    transfer: str = ""
    attached: bool = False

    @property
    def family(self) -> str:
        """The type before the slash."""
        return self.kind.partition("/")[0]


def read_content(fields: Fields, defects: Defects, *, otherwise: str) -> Content:
    """Read a part's content fields; ``otherwise`` is the kind where none is given."""
    value = _text(fields.get("content-type", defects))
    disposition = _head(_text(fields.get("content-disposition", defects)))
    return Content(
        kind=_kind(_head(value), defects, otherwise=otherwise),
        parameters=_parameters(value),
        transfer=_head(_text(fields.get("content-transfer-encoding", defects))),
        # RFC 2183 section 2.8: an unknown disposition is an attachment.
        attached=disposition not in {"", "inline"},
    )


def _kind(kind: str, defects: Defects, *, otherwise: str) -> str:
    if not kind:
        return otherwise
    if _TYPE.match(kind):
        return kind
    defects.note("content_type_malformed")
    return "text/plain"  # RFC 2045 section 5.2


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _head(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _parameters(value: str) -> dict[str, str]:
    """Return the parameters by lower-case name; of a repeated one the first."""
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        text = _ESCAPE.sub(r"\1", quoted) if quoted else bare
        found.setdefault(name.lower(), text)
    return found
