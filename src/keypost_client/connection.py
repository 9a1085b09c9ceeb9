"""How both clients are connected: address, time limits, and what a failure is called."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import httpx

from keypost_client.errors import Unreachable, UrlUnusable
from keypost_client.reply import Reply
from keypost_client.steps import Request

DEFAULT_URL = "http://127.0.0.1:8080"

# Seconds. Long enough for a server that asks a payment provider on the way.
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Settings(TypedDict):
    """What is told to httpx's client, whichever it is."""

    base_url: httpx.URL
    timeout: httpx.Timeout
    follow_redirects: bool
    mounts: dict[str, None]
    headers: dict[str, str]


def settings(url: str | None) -> Settings:
    """Put together what httpx has to know.

    Redirects are not followed: a proof and a token belong to the server that
    they were made for. The environment's proxies are used, but not for this
    machine's own address, which they cannot reach.
    """
    return Settings(
        base_url=base_url(url),
        timeout=_TIMEOUT,
        follow_redirects=False,
        mounts=dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]")),
        headers={"User-Agent": "keypost-client", "Accept": "application/json, */*;q=0.1"},
    )


def base_url(url: str | None) -> httpx.URL:
    """Take the given URL, or KEYPOST_URL, or this machine's port 8080."""
    text = url or os.environ.get("KEYPOST_URL") or DEFAULT_URL
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UrlUnusable("The server's address is not a URL.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise UrlUnusable("The server's address is not a plain http or https URL.")
    return parsed


def to_httpx(client: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    """Spell the request as httpx's."""
    headers = {"Authorization": f"Bearer {request.bearer}"} if request.bearer else {}
    return client.build_request(request.method, request.path, json=request.body, headers=headers)


def from_httpx(response: httpx.Response) -> Reply:
    """Spell httpx's response as a reply."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, content=response.content)


@contextmanager
def named_failures(url: httpx.URL) -> Iterator[None]:
    """Say of anything that kept an answer from coming that the server is out of reach."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable(f"{_origin(url)} did not answer in time.") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise Unreachable(f"{_origin(url)} cannot be reached: {error}") from error


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
