"""ENVELOPE and BODYSTRUCTURE, written from a parsed message (RFC 3501 7.4.2).

Values are sent as they stand in the message: nothing is decoded, so nothing
can be decoded wrongly.
"""

from email.utils import getaddresses

from keypost_adapters.receive.mime import Fields, Part, first, typed_value

_NIL = b"NIL"
_LONGEST_QUOTED = 1000
_LONGEST_ADDRESSES = 32 * 1024


def nstring(text: bytes | None) -> bytes:
    """Write a string, quoted where it may be and else as a literal, or NIL (RFC 3501 4.3)."""
    if text is None:
        return _NIL
    if len(text) <= _LONGEST_QUOTED and all(0x20 <= byte < 0x7F for byte in text):  # noqa: PLR2004 - printable ASCII
        return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    text = text.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(text), text)


def envelope(header: Fields) -> bytes:
    """Write the envelope of a message."""
    sender = addresses(header, b"from")
    members = [
        nstring(first(header, b"date")),
        nstring(first(header, b"subject")),
        _address_list(sender),
        _address_list(addresses(header, b"sender") or sender),
        _address_list(addresses(header, b"reply-to") or sender),
        _address_list(addresses(header, b"to")),
        _address_list(addresses(header, b"cc")),
        _address_list(addresses(header, b"bcc")),
        nstring(first(header, b"in-reply-to")),
        nstring(first(header, b"message-id")),
    ]
    return _list(members)


def addresses(header: Fields, name: bytes) -> list[tuple[str, str]]:
    """Return names and addresses of a field; hostile ones give none."""
    text = (first(header, name) or b"")[:_LONGEST_ADDRESSES]
    try:
        pairs = getaddresses([text.decode("latin-1")])
    except (RecursionError, ValueError, IndexError):
        # The standard library recurses into nested comments.
        return []
    return [(display, address) for display, address in pairs if address]


def body_structure(part: Part, *, is_extended: bool) -> bytes:
    """Write BODYSTRUCTURE, or BODY where not ``is_extended``."""
    members = _multipart(part, is_extended) if part.is_multipart else _single(part, is_extended)
    if is_extended:
        members += [
            _disposition(part.fields),
            nstring(first(part.fields, b"content-language")),
            nstring(first(part.fields, b"content-location")),
        ]
    return _list(members)


def _multipart(part: Part, is_extended: bool) -> list[bytes]:  # noqa: FBT001 - passed on
    inner = b"".join(body_structure(below, is_extended=is_extended) for below in part.parts)
    members = [inner, nstring(part.type[1].upper())]
    return [*members, _parameters(part.parameters)] if is_extended else members


def _single(part: Part, is_extended: bool) -> list[bytes]:  # noqa: FBT001 - passed on
    members = [
        nstring(part.type[0].upper()),
        nstring(part.type[1].upper()),
        _parameters(_with_charset(part)),
        nstring(first(part.fields, b"content-id")),
        nstring(first(part.fields, b"content-description")),
        nstring(first(part.fields, b"content-transfer-encoding") or b"7BIT"),
        b"%d" % (part.end - part.body),
    ]
    if part.is_message:
        enclosed = part.parts[0]
        members += [envelope(enclosed.fields), body_structure(enclosed, is_extended=is_extended)]
    if part.is_message or part.type[0] == b"text":
        members.append(b"%d" % part.raw.count(b"\n", part.body, part.end))
    md5 = [nstring(first(part.fields, b"content-md5"))] if is_extended else []
    return members + md5


def _with_charset(part: Part) -> dict[bytes, bytes]:
    if part.type[0] == b"text" and b"charset" not in part.parameters:
        return {b"charset": b"us-ascii"} | part.parameters
    return part.parameters


def _disposition(header: Fields) -> bytes:
    text = first(header, b"content-disposition")
    if not text:
        return _NIL
    kind, parameters = typed_value(text)
    return _list([nstring(kind), _parameters(parameters)])


def _parameters(parameters: dict[bytes, bytes]) -> bytes:
    if not parameters:
        return _NIL
    return _list([nstring(text) for pair in parameters.items() for text in pair])


def _address_list(pairs: list[tuple[str, str]]) -> bytes:
    if not pairs:
        return _NIL
    return b"(" + b"".join(_address(display, address) for display, address in pairs) + b")"


def _address(display: str, address: str) -> bytes:
    local, _, domain = address.rpartition("@") if "@" in address else (address, "", "")
    name = nstring(display.encode("latin-1", "replace") or None)
    mailbox, host = (nstring(text.encode("latin-1", "replace")) for text in (local, domain))
    return _list([name, _NIL, mailbox, host])


def _list(members: list[bytes]) -> bytes:
    return b"(" + b" ".join(members) + b")"
