"""A raw message → the fields that a reader sees.

Mail comes from strangers, so everything here is bounded before it is parsed
(bytes, fields, levels, parts, characters) and nothing raises: what cannot be
read becomes a defect, and the rest is given. The standard library's ``email``
is not used for it: its parsers recurse and take quadratic time.
"""

from keypost.message import Message
from keypost_adapters.inbox.readable.content import read_content
from keypost_adapters.inbox.readable.dates import read_date
from keypost_adapters.inbox.readable.defects import Defects
from keypost_adapters.inbox.readable.headers import Fields, read_fields, split_entity
from keypost_adapters.inbox.readable.parts import PartWalk
from keypost_adapters.inbox.readable.text import body_text
from keypost_adapters.inbox.readable.words import decode_header

MESSAGE_BYTES = 1024 * 1024


def read_message(raw: bytes, *, uid: int, include_body: bool) -> Message:
    """Read the first MESSAGE_BYTES of a message; never raise.

    Give one byte more than MESSAGE_BYTES of a longer message, so that its
    truncation is told as a defect.
    """
    defects = Defects()
    if len(raw) > MESSAGE_BYTES:
        defects.note("message_truncated")
    header, body = split_entity(raw[:MESSAGE_BYTES])
    fields = read_fields(header, defects)
    return Message(
        uid=uid,
        sender=decode_header(fields.get("from", defects), defects, addresses=True),
        to=decode_header(fields.get("to", defects), defects, addresses=True),
        subject=decode_header(fields.get("subject", defects), defects),
        date=read_date(decode_header(fields.get("date", defects), defects), defects),
        body=_body(fields, body, defects) if include_body else None,
        defects=defects.all(),
    )


def _body(fields: Fields, body: bytes, defects: Defects) -> str:
    content = read_content(fields, defects, otherwise="text/plain")
    return body_text(PartWalk(defects).leaves(content, body), defects)
