"""Every path of the API's description, asked wrongly: the error always has one shape."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from fakes.service import Agent, Json, refusal

SECRET = "kpa_never-repeat-this-value"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Operation:
    """One method of one path, with its parameters filled in."""

    method: str
    declared: str
    described: Json

    @property
    def path(self) -> str:
        return self.declared.replace("{uid}", "1").replace("{session_id}", "nobody").replace(
            "{code}", "challenge_used"
        )  # fmt: skip

    @property
    def takes(self) -> str:
        """The name of the schema of its body, or nothing."""
        content = self.described.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"]["$ref"].rpartition("/")[2] if content else ""

    @property
    def example(self) -> Json:
        body: Json = self.described["requestBody"]["content"]["application/json"]["example"]
        return body


@dataclass(frozen=True)
class Description:
    document: Json

    @property
    def operations(self) -> list[Operation]:
        return [
            Operation(method.upper(), path, described)
            for path, methods in self.document["paths"].items()
            for method, described in methods.items()
        ]

    @property
    def with_body(self) -> list[Operation]:
        return [each for each in self.operations if each.takes]

    def fields(self, operation: Operation) -> dict[str, Json]:
        fields: dict[str, Json] = self.document["components"]["schemas"][operation.takes][
            "properties"
        ]
        return fields

    def required(self, operation: Operation) -> list[str]:
        required: list[str] = self.document["components"]["schemas"][operation.takes].get(
            "required", []
        )
        return required


@pytest.fixture
async def api(client: httpx.AsyncClient) -> Description:
    return Description((await client.get("/schema/openapi.json")).json())


async def send(
    client: httpx.AsyncClient, operation: Operation, content: bytes, kind: str = "application/json"
) -> httpx.Response:
    return await client.request(
        operation.method, operation.path, content=content, headers={"Content-Type": kind}
    )


def with_first_value(operation: Operation, value: bytes) -> bytes:
    """Return the operation's example with raw bytes in place of its first value."""
    first, *rest = operation.example
    members = [json.dumps(first).encode() + b": " + value]
    members += [json.dumps({name: operation.example[name]}).encode()[1:-1] for name in rest]
    return b"{" + b", ".join(members) + b"}"


async def test_the_walk_has_somewhere_to_go(api: Description) -> None:
    assert len(api.operations) >= 20
    assert len(api.with_body) >= 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"nonsense",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"edproof=a&challenge=b",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"\x00",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda content: repr(content[:12]),
)
async def test_a_body_that_is_no_json_object_is_refused(
    client: httpx.AsyncClient, api: Description, content: bytes
) -> None:
    for operation in api.with_body:
        reply = await send(client, operation, content)
        problem = refusal(reply)
        assert reply.status_code == 400, operation.path
        assert problem["code"] in {"body_malformed", "field_invalid"}, operation.path


@pytest.mark.parametrize(
    "value",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'"\xff"', b'"\\ud800"', b'"\x00"', b"[" * 100_000],
    ids=lambda value: repr(value[:12]),
)  # fmt: skip
async def test_a_value_that_json_does_not_know_is_refused(
    client: httpx.AsyncClient, api: Description, value: bytes
) -> None:
    for operation in api.with_body:
        reply = await send(client, operation, with_first_value(operation, value))
        assert reply.status_code == 400, operation.path
        refusal(reply)


@pytest.mark.parametrize("more", [b"{}", b"x", b"[]", b"\x00", b"]", b"\n{}", b","])
async def test_nothing_may_follow_the_object(
    client: httpx.AsyncClient, api: Description, more: bytes
) -> None:
    for operation in api.with_body:
        reply = await send(client, operation, json.dumps(operation.example).encode() + more)
        assert (reply.status_code, refusal(reply)["code"]) == (400, "body_malformed")


async def test_an_unknown_field_is_named(client: httpx.AsyncClient, api: Description) -> None:
    for operation in api.with_body:
        for content in ({"unknown": 1}, {**operation.example, "unknown": SECRET}):
            reply = await send(client, operation, json.dumps(content).encode())
            problem = refusal(reply)
            assert (reply.status_code, problem["code"]) == (400, "field_invalid")
            assert problem["field"] == "unknown"
            assert SECRET not in reply.text


async def test_a_missing_field_is_named(client: httpx.AsyncClient, api: Description) -> None:
    for operation in api.with_body:
        assert api.required(operation), operation.path
        for name in api.required(operation):
            without = {key: value for key, value in operation.example.items() if key != name}
            reply = await send(client, operation, json.dumps(without).encode())
            problem = refusal(reply)
            assert (reply.status_code, problem["code"]) == (400, "field_invalid")
            assert problem["field"] == name


def wrong_values(schema: Json) -> Iterator[Any]:
    """Yield values that a field's schema does not allow."""
    kinds = {one.get("type") for one in [schema, *schema.get("anyOf", [])]}
    yield from ({}, [], {"deep": [SECRET]}, 1.5)
    if "string" not in kinds:
        yield from (SECRET, "1", "true", "")
    if "integer" not in kinds:
        yield 7
    else:
        yield from (schema["minimum"] - 1, schema["maximum"] + 1, 10**30, -(10**30))
    if "boolean" not in kinds:
        yield True
    if "null" not in kinds:
        yield None


async def test_a_field_of_the_wrong_type_is_named(
    client: httpx.AsyncClient, api: Description
) -> None:
    for operation in api.with_body:
        for name, schema in api.fields(operation).items():
            for value in wrong_values(schema):
                content = json.dumps({**operation.example, name: value}).encode()
                reply = await send(client, operation, content)
                problem = refusal(reply)
                asked = f"{operation.path} {name}={value!r}"
                assert (reply.status_code, problem["code"]) == (400, "field_invalid"), asked
                assert problem["field"] == name, asked
                assert SECRET not in reply.text, asked


async def test_a_wild_name_of_a_field_is_not_repeated(
    client: httpx.AsyncClient, api: Description
) -> None:
    for operation in api.with_body:
        for name in ("<b>", "a\nb", "`$", "x" * 65, "ü", ""):
            reply = await send(client, operation, json.dumps({name: 1}).encode())
            problem = refusal(reply)
            assert problem["code"] == "field_invalid"
            assert problem["field"] == "(unnamed)", name


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "Multipart/Mixed", "multipart/form-data"]
)
async def test_a_multipart_form_is_refused_by_name(
    client: httpx.AsyncClient, api: Description, kind: str
) -> None:
    for operation in api.with_body:
        for content in (json.dumps(operation.example).encode(), b"--x\r\n\r\na\r\n--x--\r\n"):
            reply = await send(client, operation, content, kind)
            assert (reply.status_code, refusal(reply)["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "nonsense", ""]
)
async def test_json_is_json_whatever_it_is_called(
    client: httpx.AsyncClient, agent: Agent, kind: str
) -> None:
    reply = await client.post(
        "/v1/auth/challenge",
        content=json.dumps({"public_key": agent.line}),
        headers={"Content-Type": kind},
    )
    assert reply.status_code == 200


async def test_a_megabyte_is_read_and_a_byte_more_is_not(
    client: httpx.AsyncClient, api: Description
) -> None:
    for operation in api.operations:
        reply = await send(client, operation, b" " * (MEGABYTE + 1))
        assert (reply.status_code, refusal(reply)["code"]) == (413, "body_too_large")
    for operation in api.with_body:
        body = json.dumps(operation.example).encode()
        reply = await send(client, operation, body.ljust(MEGABYTE))
        assert reply.status_code < 500
        assert reply.json().get("code") != "body_too_large"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"unknown": 1}', b"\xff", b"[" * 100_000])
async def test_where_no_body_is_wanted_none_is_read(
    client: httpx.AsyncClient, api: Description, content: bytes
) -> None:
    for operation in api.operations:
        if not operation.takes:
            reply = await send(client, operation, content)
            assert reply.status_code < 500, operation.path
            if reply.status_code >= 400:
                refusal(reply)


async def test_values_of_an_ill_formed_request_are_not_repeated(
    client: httpx.AsyncClient, api: Description
) -> None:
    for operation in api.with_body:
        texts = {
            name: SECRET
            for name, schema in api.fields(operation).items()
            if "string" in {one.get("type") for one in [schema, *schema.get("anyOf", [])]}
            and name != "protocol"
        }
        good = {**operation.example, **texts}
        for content in (
            json.dumps(good).encode(),
            json.dumps(good).encode()[:-1],
            json.dumps(good).encode() + b"x",
            json.dumps(good).encode() + b"\xff",
            json.dumps({**good, "unknown": SECRET}).encode(),
            json.dumps([good]).encode(),
        ):
            reply = await send(client, operation, content)
            refusal(reply)
            assert SECRET not in reply.text, operation.path
            assert SECRET not in str(reply.headers), operation.path


async def test_bearer_routes_refuse_in_the_same_shape(
    client: httpx.AsyncClient, api: Description, agent: Agent
) -> None:
    token = await agent.token()
    guarded = [each for each in api.operations if "security" in each.described]
    assert len(guarded) == 3
    for operation in guarded:
        nameless = await client.get(operation.path)
        assert (nameless.status_code, refusal(nameless)["code"]) == (401, "access_token_missing")
        for query, field in (
            ("unknown=1", "unknown"),
            ("include_body=true&include_body=true", "include_body"),
            (f"include_body={SECRET}", "include_body"),
        ):
            reply = await client.get(
                f"{operation.path}?{query}", headers={"Authorization": f"Bearer {token}"}
            )
            problem = refusal(reply)
            assert (reply.status_code, problem["code"]) == (400, "field_invalid"), operation.path
            assert problem["field"] == field
            assert SECRET not in reply.text
            assert token not in reply.text


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=", "limit=1.5"])
async def test_a_wrong_query_parameter_is_named(
    client: httpx.AsyncClient, agent: Agent, query: str
) -> None:
    headers = {"Authorization": f"Bearer {await agent.token()}"}
    reply = await client.get(f"/v1/messages?{query}", headers=headers)
    assert (reply.status_code, refusal(reply)["field"]) == (400, "limit")


UNKNOWN = [
    "/nothing",
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/mailboxes",
    "/v1/mailboxes/claim/more",
    "/V1/mailboxes/claim",
    "/problems",
    "/problems/a/b",
    "/schema/nothing",
    "/mock/pay",
    "/mock/pay/",
    "/mock/pay/a/b",
    "/%2e%2e/etc/passwd",
    "/a%00b",
    "/a%ffb",
    "/v1/messages/1/raw/more",
    "/" + "x" * 5000,
    "/favicon.ico",
    "/robots.txt",
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_path_is_not_found(client: httpx.AsyncClient, method: str) -> None:
    for path in UNKNOWN:
        reply = await client.request(method, path)
        assert (reply.status_code, refusal(reply)["code"]) == (404, "path_unknown"), path


async def test_a_wrong_method_is_told_the_right_ones(
    client: httpx.AsyncClient, api: Description
) -> None:
    for path, described in api.document["paths"].items():
        [operation, *_] = [each for each in api.operations if each.declared == path]
        declared = {method.upper() for method in described}
        known = declared | {"OPTIONS"}
        if "GET" in declared and path != "/mock/pay/{session_id}":
            known.add("HEAD")
        for method in METHODS - known:
            reply = await client.request(method, operation.path)
            asked = f"{method} {path}"
            assert reply.status_code == 405, asked
            if method != "HEAD":  # whose answer has no body
                assert refusal(reply)["code"] == "method_not_allowed", asked
            assert set(reply.headers["Allow"].split(", ")) == known, asked


async def test_options_say_what_there_is(client: httpx.AsyncClient, api: Description) -> None:
    for operation in api.operations:
        reply = await client.options(operation.path)
        assert reply.status_code == 204
        # Litestar answers for the first of a path's handlers only.
        method = next(iter(api.document["paths"][operation.declared])).upper()
        assert method in reply.headers["Allow"]


async def test_to_a_browser_the_same_refusal_is_a_page(client: httpx.AsyncClient) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing", "/problems/nothing"):
        reply = await client.get(path, headers=accept)
        assert reply.status_code == 404
        assert reply.headers["Content-Type"].startswith("text/html")
        assert "/problems/path_unknown" in reply.text
    assert refusal(await client.get("/v1/nothing", headers=accept))["code"] == "path_unknown"
