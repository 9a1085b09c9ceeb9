"""What people see, and what load balancers ask."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest

from fakes.service import FACE, MemoryService, refusal, talking_to

PAGES = [
    "/",
    "/payment/success",
    "/payment/cancel",
    "/problems/challenge_used",
    "/schema",
    "/mock/pay/anything",
    "/nothing",
]
BROWSER = {"Accept": "text/html"}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_nothing_and_loads_nothing(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path, headers=BROWSER)
    policy = reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    [style] = re.findall(r"<style>(.*?)</style>", reply.text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert re.findall(r"<script|<iframe|<img|\sstyle=|\son\w+=|@import|url\(", reply.text) == []
    loaded = re.findall(r'<link[^>]*href="([^"]*)"', reply.text)
    assert all(address.startswith("data:") for address in loaded)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_links_only_to_what_is_there(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path, headers=BROWSER)).text
    for address in sorted(set(re.findall(r'<a href="(/[^"]*)"', page))):
        assert (await client.get(address)).status_code == 200, address
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))


# --- the landing page --------------------------------------------------------


async def test_the_landing_page_says_the_price_and_the_build(client: httpx.AsyncClient) -> None:
    reply = await client.get("/")
    assert reply.status_code == 200
    for words in ("1.00 EUR", "100 MB", "mail.local", "build-7"):
        assert words in reply.text
    assert reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', '"other",W/{}', "*"])
async def test_who_has_the_landing_page_is_not_sent_it_again(
    client: httpx.AsyncClient, known: str
) -> None:
    etag = (await client.get("/")).headers["ETag"]
    reply = await client.get("/", headers={"If-None-Match": known.replace("{}", etag)})
    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["ETag"] == etag
    assert reply.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("known", ['"other"', "", "{}x", "nonsense"])
async def test_who_has_another_landing_page_is_sent_this_one(
    client: httpx.AsyncClient, known: str
) -> None:
    etag = (await client.get("/")).headers["ETag"]
    reply = await client.get("/", headers={"If-None-Match": known.replace("{}", etag)})
    assert reply.status_code == 200


async def test_the_entity_tag_is_the_same_until_the_build_or_the_buster_changes() -> None:
    tags = []
    for face in (
        FACE,
        replace(FACE),
        replace(FACE, cache_buster="other"),
        replace(FACE, build_number="build-8"),
        replace(FACE, price_cents=200),
    ):
        async with talking_to(MemoryService(face=face).app()) as client:
            tags.append((await client.get("/")).headers["ETag"])
    assert tags[0] == tags[1]
    assert len(set(tags)) == 4


# --- texts and the description -----------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"), [("/llms.txt", "text/plain"), ("/docs/agent-api-skill.md", "text/markdown")]
)
async def test_texts_for_agents_are_filled_in(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    reply = await client.get(path)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert "{{" not in reply.text
    assert FACE.public_base_url in reply.text


async def test_what_texts_name_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/schema/openapi.json")).json()["paths"]
    for text in ("/llms.txt", "/docs/agent-api-skill.md"):
        named = set(re.findall(r"/v1/[a-z/]+[a-z]", (await client.get(text)).text))
        assert named
        assert named <= set(paths)


async def test_the_description_names_no_secret_and_no_other_place(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    document = (await client.get("/schema/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": service.face.public_base_url}]
    page = await client.get("/schema")
    for path in document["paths"]:
        assert path in page.text
    places = re.findall(r"https?://[\w.-]+", json.dumps(document))
    assert set(places) <= {FACE.public_base_url, "https://pay.example"}


async def test_every_kind_that_is_referred_to_is_described(client: httpx.AsyncClient) -> None:
    text = (await client.get("/schema/openapi.json")).text
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named == set(json.loads(text)["components"]["schemas"])


# --- health ------------------------------------------------------------------


async def test_health_is_that_the_process_lives(service: MemoryService) -> None:
    service.checks["database"] = "the database does not answer"
    async with talking_to(service.app()) as client:
        reply = await client.get("/healthz")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
    assert reply.headers["Cache-Control"] == "no-store"


async def test_readiness_says_every_check(
    client: httpx.AsyncClient, service: MemoryService
) -> None:
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": service.checks})
    service.checks["queues"] = "letters are not being sent"
    reply = await client.get("/readyz")
    problem = refusal(reply)
    assert (reply.status_code, problem["code"]) == (503, "not_ready")
    assert problem["checks"] == {"database": "ok", "queues": "letters are not being sent"}


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    for path in ("/", "/healthz", "/readyz", "/llms.txt", "/schema", "/schema/openapi.json"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["Content-Length"] == got.headers["Content-Length"], path


# --- what fails inside -------------------------------------------------------


async def test_an_unknown_failure_shows_nothing_of_itself(service: MemoryService) -> None:
    async def fail() -> dict[str, str]:
        raise RuntimeError("the password is hunter2")

    service.ready = fail  # type: ignore[method-assign]
    async with talking_to(service.app()) as client:
        for headers in ({}, BROWSER):
            reply = await client.get("/readyz", headers=headers)
            assert reply.status_code == 500
            assert "hunter2" not in reply.text
            assert "Traceback" not in reply.text
        assert refusal(await client.get("/readyz"))["code"] == "internal_error"
