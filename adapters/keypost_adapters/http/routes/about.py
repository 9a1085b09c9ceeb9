"""What the service says about itself, to people and to agents."""

from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keypost_adapters.http.described import Described, Gives, get
from keypost_adapters.http.edge_facts import PathUnknown
from keypost_adapters.http.explained import explained_facts
from keypost_adapters.http.fixes import fix_for
from keypost_adapters.http.pages import Pages, etag_of, is_fresh
from keypost_adapters.http.problems import number_of
from keypost_adapters.http.reading import AnyRequest

_HTML: Final = "text/html"
_MARKDOWN: Final = "text/markdown"
_PLAIN: Final = "text/plain"
# Kept, but asked about each time: a new build is seen at once.
_REVALIDATE: Final = "no-cache"


def about_routes(pages: Pages) -> list[HTTPRouteHandler]:
    """Return the landing page, the pages after a payment, and what agents read."""
    # The page's text as well: with other settings it is another page.
    etag = etag_of(f"{pages.face.cache_buster}\n{pages.text('landing.html')}")

    @get(
        "/",
        Described(
            tag="Service",
            summary="Landing page",
            gives={
                200: Gives("The page.", media_type=_HTML),
                304: Gives("The page has not changed.", media_type=_HTML),
            },
        ),
    )
    async def show_landing(request: AnyRequest) -> Response[str]:
        """Say what this service is. The entity tag changes with the build and its cache buster."""
        if is_fresh(etag, request.headers.get("if-none-match", "")):
            # RFC 9110 section 15.4.5: the headers that the page would have brought.
            unchanged = {"ETag": etag, "Cache-Control": _REVALIDATE}
            return Response("", status_code=304, headers=unchanged)
        page = pages.page("landing.html", cache=_REVALIDATE)
        page.set_header("ETag", etag)
        return page

    @get("/payment/success", _page("After a payment"))
    async def show_payment_success(request: AnyRequest) -> Response[str]:  # noqa: ARG001
        """Thank a payer. What was really paid is asked of the payment provider."""
        return pages.page("payment_success.html")

    @get("/payment/cancel", _page("After a payment was called off"))
    async def show_payment_cancel(request: AnyRequest) -> Response[str]:  # noqa: ARG001
        """Tell a payer that nothing was paid."""
        return pages.page("payment_cancel.html")

    return [show_landing, show_payment_success, show_payment_cancel]


def problem_routes(pages: Pages) -> list[HTTPRouteHandler]:
    """Return the pages that explain problems."""
    kinds = {kind.slug: kind for kind in explained_facts()}

    @get(
        "/problems/{code:str}",
        Described(
            tag="Service",
            summary="Explain a problem's code",
            gives={200: Gives("The page.", media_type=_HTML)},
            raises=(PathUnknown,),
        ),
    )
    async def explain_problem(request: AnyRequest, code: FromPath[str]) -> Response[str]:  # noqa: ARG001
        """Explain a `code` of a problem and its fix."""
        if code not in kinds:
            raise PathUnknown
        kind = kinds[code]
        return pages.page(
            "problem.html",
            cache=_REVALIDATE,
            kind=kind,
            number=number_of(kind),
            fix=fix_for(kind),
        )

    return [explain_problem]


def text_routes(pages: Pages) -> list[HTTPRouteHandler]:
    """Return what agents read, as Markdown."""

    @get("/llms.txt", _text("The service in a few lines", _PLAIN))
    async def show_llms(request: AnyRequest) -> Response[str]:  # noqa: ARG001
        """Say in a few lines of Markdown what this service is and where to read on."""
        return _as_text(pages.text("llms.txt"), _PLAIN)

    @get("/docs/agent-api-skill.md", _text("How an agent uses the service", _MARKDOWN))
    async def show_skill(request: AnyRequest) -> Response[str]:  # noqa: ARG001
        """Say how an agent uses this service, with commands that can be run as they stand."""
        return _as_text(pages.text("agent-api-skill.md"), _MARKDOWN)

    return [show_llms, show_skill]


def _page(summary: str) -> Described:
    gives = {200: Gives("The page.", media_type=_HTML)}
    return Described(tag="Paying", summary=summary, gives=gives)


def _text(summary: str, media_type: str) -> Described:
    gives = {200: Gives("Markdown.", media_type=media_type)}
    return Described(tag="Service", summary=summary, gives=gives)


def _as_text(content: str, media_type: str) -> Response[str]:
    headers = {"Cache-Control": _REVALIDATE, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
