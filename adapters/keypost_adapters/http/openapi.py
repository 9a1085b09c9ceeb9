"""The OpenAPI 3.1 document, made from the routes themselves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from keypost.errors import Fact, PaymentDue
from keypost_adapters.http.described import Facts, Gives, description_of, prose_of
from keypost_adapters.http.edge_facts import FieldInvalid, MethodNotAllowed, NotReady, Overloaded
from keypost_adapters.http.face import PublicFace
from keypost_adapters.http.problems import MEDIA_TYPE, Problem, number_of, problem_of

Json: TypeAlias = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"

_ACCESS_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The access_token of POST /v1/access/resolve.",
}

_INTRODUCTION: Final = """\
Private inbound e-mail for AI agents. A mailbox belongs to an SSH Ed25519 key: same key, same
mailbox. There is no sign-up. Every error is application/problem+json with a stable `code` and
a `fix`, the next step in one sentence."""

_TAGS: Final = {
    "Keys": "Prove an SSH Ed25519 key.",
    "Mailboxes": "Claim and renew the mailbox of a key.",
    "Access": "Get what opens a paid mailbox.",
    "Messages": "Read mail over HTTP with the access token.",
    "Paying": "Where payers come by.",
    "Service": "Whether it runs, and what it says about itself.",
}


def openapi_document(handlers: Sequence[HTTPRouteHandler], face: PublicFace) -> Json:
    """Describe the routes that ``described`` has declared."""
    paths: dict[str, Json] = {}
    for path, method, operation in _operations(handlers):
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Keypost", "version": face.build_number, "description": _INTRODUCTION},
        "servers": [{"url": face.public_base_url}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(handlers),
            "securitySchemes": {"access_token": _ACCESS_TOKEN},
        },
    }


def _operations(handlers: Iterable[HTTPRouteHandler]) -> Iterator[tuple[str, str, Json]]:
    for handler in handlers:
        for declared in handler.paths:
            path = declared.replace(":str}", "}")
            for method in {str(each).lower() for each in handler.http_methods} - {"head"}:
                yield path, method, _operation(path, handler)


def _operation(path: str, handler: HTTPRouteHandler) -> Json:
    described = description_of(handler)
    operation: Json = {
        "operationId": handler.handler_name,
        "tags": [described.tag],
        "summary": described.summary,
        "description": prose_of(handler),
        "responses": {
            **{str(number): _reply(gives) for number, gives in described.gives.items()},
            **_problems(described.facts),
        },
    }
    if parameters := [*_path_parameters(path), *_query_parameters(described.query)]:
        operation["parameters"] = parameters
    if described.takes:
        operation["requestBody"] = {"required": True, "content": _body(described.takes)}
    if described.bearer:
        operation["security"] = [{"access_token": []}]
    return operation


def _body(kind: type[Struct]) -> Json:
    return {"application/json": {"schema": _ref(kind), "example": _example(kind)}}


def _reply(gives: Gives) -> Json:
    schema = _ref(gives.kind) if gives.kind else {"type": "string"}
    return {"description": gives.words, "content": {gives.media_type: {"schema": schema}}}


def _problems(facts: Facts) -> dict[str, Json]:
    by_number: dict[int, list[type[Fact]]] = {}
    for kind in dict.fromkeys(facts):
        by_number.setdefault(number_of(kind), []).append(kind)
    return {str(number): _problem(kinds) for number, kinds in sorted(by_number.items())}


def _problem(kinds: list[type[Fact]]) -> Json:
    reply: Json = {
        "description": "; ".join(f"`{kind.slug}`: {kind.title}" for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": _ref(Problem),
                "examples": {kind.slug: {"value": _problem_example(kind)} for kind in kinds},
            }
        },
    }
    if headers := _problem_headers(number_of(kinds[0])):
        reply["headers"] = headers
    return reply


def _problem_headers(number: int) -> Json:
    """Describe the header that goes with a status. Not every 401 has one: a proof is no scheme."""
    seconds = {"description": "Seconds.", "required": True, "schema": {"type": "string"}}
    scheme = {"description": "Bearer, where a token is wanted.", "schema": {"type": "string"}}
    by_number: dict[int, Json] = {
        401: {"WWW-Authenticate": scheme},
        429: {"Retry-After": seconds},
        503: {"Retry-After": seconds},
    }
    return by_number.get(number, {})


def _problem_example(kind: type[Fact]) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.to_builtins(problem_of(sample_of(kind)))


def sample_of(kind: type[Fact]) -> Fact:
    """Return a fact of a kind, as an example."""
    samples: Mapping[type[Fact], Fact] = {
        PaymentDue: PaymentDue(payment_url="https://pay.example/cs_1"),
        FieldInvalid: FieldInvalid("Field limit: expected `int` <= 100.", field="limit"),
        MethodNotAllowed: MethodNotAllowed(allow="GET, HEAD, OPTIONS"),
        Overloaded: Overloaded(retry_after=7),
        NotReady: NotReady({"database": "ok", "queues": "letters are not being sent"}),
    }
    return samples[kind] if kind in samples else kind()


def _path_parameters(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _query_parameters(kind: type[Struct] | None) -> list[Json]:
    if kind is None:
        return []
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]
    return [
        {"name": name, "in": "query", "required": False, **_described_apart(dict(field))}
        for name, field in schema["properties"].items()
    ]


def _described_apart(field: Json) -> Json:
    return {"description": field.pop("description", ""), "schema": field}


def _example(kind: type[Struct]) -> Json:
    fields = msgspec.json.schema_components([kind])[1][kind.__name__]["properties"]
    examples = {name: _first_example(field) for name, field in fields.items()}
    return {name: example for name, example in examples.items() if example is not None}


def _first_example(field: Json) -> object:
    options = [field, *field.get("anyOf", [])]
    return next((one["examples"][0] for one in options if "examples" in one), field.get("default"))


def _schemas(handlers: Iterable[HTTPRouteHandler]) -> Json:
    described = [description_of(handler) for handler in handlers]
    kinds = [Problem, *(each.takes for each in described)]
    kinds += [gives.kind for each in described for gives in each.gives.values()]
    wanted = {kind for kind in kinds if kind is not None}
    _, schemas = msgspec.json.schema_components(
        sorted(wanted, key=lambda kind: kind.__name__), ref_template=_REF
    )
    return dict(sorted(schemas.items()))


def _ref(kind: type[Struct]) -> Json:
    return {"$ref": _REF.format(name=kind.__name__)}
