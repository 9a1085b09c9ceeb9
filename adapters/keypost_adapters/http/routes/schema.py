"""The API's description, for programs and for people."""

from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from keypost_adapters.http.described import Described, Gives, get
from keypost_adapters.http.openapi import openapi_document
from keypost_adapters.http.pages import Pages
from keypost_adapters.http.reading import AnyRequest

_HTML: Final = "text/html"
_JSON: Final = "application/json"


def schema_routes(others: Sequence[HTTPRouteHandler], pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes of the description, which describes ``others`` and itself."""

    @get(
        "/schema/openapi.json",
        Described(
            tag="Service",
            summary="This description for programs",
            gives={200: Gives("OpenAPI 3.1.", media_type=_JSON)},
        ),
    )
    async def show_openapi(request: AnyRequest) -> Response[bytes]:  # noqa: ARG001
        """Describe every route, what it takes, gives and refuses."""
        return Response(content, media_type=_JSON, headers={"Cache-Control": "no-cache"})

    @get(
        "/schema",
        Described(
            tag="Service",
            summary="This description for people",
            gives={200: Gives("The page.", media_type=_HTML)},
        ),
    )
    async def show_schema(request: AnyRequest) -> Response[str]:  # noqa: ARG001
        """Show the same description as a page that loads nothing from elsewhere."""
        return pages.page("schema.html", cache="no-cache", document=document)

    routes = [show_openapi, show_schema]
    document = openapi_document([*others, *routes], pages.face)
    content = msgspec.json.encode(document)
    return routes
