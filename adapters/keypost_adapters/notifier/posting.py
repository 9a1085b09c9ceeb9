"""Posting letters to a vendor's HTTP API: one request, one verdict, in bounded time."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from keypost.errors import NotifierUnavailable

_LONGEST_REPLY = 65_536  # bytes; every vendor's answer is below one kilobyte


@dataclass(frozen=True, slots=True)
class Post:
    """A request to a vendor: ``json`` or ``form`` is its body."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    json: Mapping[str, object] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Counter:
    """Where letters are handed in: a vendor, and the client that knows the way.

    Nothing of a vendor's answer but its status becomes part of an error, and
    errors are not chained: their texts may quote a key, an address or a letter.
    """

    vendor: str
    client: httpx.AsyncClient
    deadline: float

    async def hand_in(self, post: Post, *, accepted: int, receipt: str | None) -> None:
        """Return if the vendor answers with the status ``accepted``.

        Where it promises one, the answer must also be JSON that names the
        letter in its member ``receipt``. Everything else is
        NotifierUnavailable, redirects included: a key belongs to one address.
        """
        try:
            # httpx limits each read by itself; a vendor that drips needs a limit on the whole.
            async with asyncio.timeout(self.deadline):
                await self._hand_in(post, accepted, receipt)
        except (httpx.TimeoutException, TimeoutError):
            raise NotifierUnavailable(f"{self.vendor} did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            raise NotifierUnavailable(f"{self.vendor} could not be reached.") from None

    async def _hand_in(self, post: Post, accepted: int, receipt: str | None) -> None:
        request = self.client.build_request(
            "POST",
            post.url,
            headers=post.headers,
            json=post.json,
            data=post.form,
            timeout=self.deadline,
        )
        reply = await self.client.send(request, stream=True, follow_redirects=False)
        try:
            if reply.status_code != accepted:
                raise NotifierUnavailable(f"{self.vendor} answered {reply.status_code}.")
            # A body that promises nothing is not waited for: the letter is accepted.
            if receipt is not None and not _names(receipt, await _start_of(reply)):
                raise NotifierUnavailable(f"{self.vendor} gave no receipt that can be read.")
        finally:
            await reply.aclose()


def _names(member: str, body: bytes) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and isinstance(answer.get(member), str)


async def _start_of(reply: httpx.Response) -> bytes:
    start = bytearray()
    async for piece in reply.aiter_bytes():
        start += piece
        if len(start) >= _LONGEST_REPLY:
            break
    return bytes(start[:_LONGEST_REPLY])
