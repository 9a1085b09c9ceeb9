"""Read what a request carries: strictly, and without repeating any value in an error."""

import re
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from litestar import Request
from msgspec import Struct

from keypost.errors import MessageNotFound
from keypost_adapters.http.edge_facts import (
    AccessTokenMissing,
    BodyMalformed,
    FieldInvalid,
    MediaTypeUnsupported,
)

T = TypeVar("T", bound=Struct)
AnyRequest: TypeAlias = Request[Any, Any, Any]

LARGEST_BODY: Final = 1_000_000

# RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1).
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_UID: Final = re.compile(r"[1-9][0-9]{0,9}")
# msgspec names a field as ``$.limit`` at the end, or in backticks.
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`\Z")
_NAMED: Final = re.compile(r"(?:unknown|required) field `(.*)`", re.DOTALL)
# Names are the caller's text too: only what looks like one is shown again.
_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")


async def read_json(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """Read the body as one JSON object, whatever the Content-Type calls it.

    curl sends JSON as ``application/x-www-form-urlencoded`` unless told
    otherwise, and no proof or token comes from a browser by itself, so there
    is nothing to protect by insisting. Only a multipart form is refused by
    name: it cannot be meant as JSON.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise MediaTypeUnsupported
    body = await request.body()
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _field_invalid(str(error)) from None
    # msgspec raises UnicodeDecodeError for bytes that are no UTF-8 and
    # RecursionError for a hundred thousand brackets.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyMalformed(_why_malformed(error)) from None


def read_query(request: AnyRequest, kind: type[T]) -> T:
    """Read the query string; each parameter is known and given once."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise FieldInvalid("A query parameter is given twice.", field=_shown(name))
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _field_invalid(str(error)) from None


def read_bearer(request: AnyRequest) -> str:
    """Read the access token of the Authorization header; raise AccessTokenMissing."""
    given = request.headers.getall("authorization", [])
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise AccessTokenMissing
    return found[1]


def read_uid(text: str) -> int:
    """Read a uid out of a path; raise MessageNotFound for anything that can be none."""
    if not _UID.fullmatch(text) or int(text) >= 2**32:
        raise MessageNotFound
    return int(text)


def wants_page(request: AnyRequest) -> bool:
    """Say whether a person looks at the answer in a browser."""
    return "text/html" in request.headers.get("accept", "")


def _field_invalid(message: str) -> FieldInvalid | BodyMalformed:
    """Turn msgspec's sentence, which holds types and names but no values, into a fact."""
    named = _NAMED.search(message) or _PLACE.search(message)
    if named is None:
        return BodyMalformed(f"The body has to be a JSON object: {_lowered(message)}.")
    field = _shown(named[1])
    problem = _lowered(_PLACE.sub("", message)) if field == named[1] else "unknown field"
    return FieldInvalid(f"Field {field}: {problem}.", field=field)


def _why_malformed(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8."
    if isinstance(error, RecursionError):
        return "The body is nested too deeply."
    return f"The body cannot be read: {_lowered(str(error))}."


def _shown(name: str) -> str:
    return name if _FIELD.fullmatch(name) else "(unnamed)"


def _lowered(sentence: str) -> str:
    # "JSON" keeps its capitals.
    return sentence if sentence[:2].isupper() else sentence[:1].lower() + sentence[1:]
