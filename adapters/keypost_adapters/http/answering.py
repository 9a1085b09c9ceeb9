"""Answer with a problem before the application is reached."""

from litestar.types import Send

from keypost.errors import Fact
from keypost_adapters.http import problems


async def answer(send: Send, fact: Fact) -> None:
    """Send a fact as the whole response."""
    body = problems.encoded(fact)
    headers = {
        **problems.headers_of(fact),
        "Content-Type": problems.MEDIA_TYPE,
        "Content-Length": str(len(body)),
    }
    await send(
        {
            "type": "http.response.start",
            "status": problems.number_of(type(fact)),
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
