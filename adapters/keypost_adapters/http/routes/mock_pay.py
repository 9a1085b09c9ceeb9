"""The till of the mock payment provider. It takes no money."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from keypost.errors import CheckoutEnded, CheckoutNotFound, PaymentProviderUnavailable, StoreBusy
from keypost.use_cases.settle_checkout import SettleCheckout
from keypost_adapters.http.described import (
    Described,
    Facts,
    Gives,
    get_without_head,
    post,
)
from keypost_adapters.http.pages import Pages
from keypost_adapters.http.reading import AnyRequest, wants_page
from keypost_adapters.http.replies import StatusReply

_PATH: Final = "/mock/pay/{session_id:str}"
_FACTS: Final[Facts] = (CheckoutNotFound, CheckoutEnded, PaymentProviderUnavailable, StoreBusy)

Pay: TypeAlias = Callable[[str], Awaitable[None]]


def mock_pay_routes(pay: Pay, settle: SettleCheckout, *, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes of the till."""

    async def pay_and_settle(request: AnyRequest, session_id: str) -> Response[Any]:
        await pay(session_id)
        await settle(session_id)
        if wants_page(request):
            return pages.page("paid.html")
        return Response(StatusReply("paid"), headers={"Cache-Control": "no-store"})

    @get_without_head(
        _PATH,
        Described(
            tag="Paying",
            summary="Pay, or see the page on which to pay",
            gives={200: Gives("Paid. A browser gets a page with a button instead.", StatusReply)},
            raises=_FACTS,
        ),
    )
    async def visit_mock_till(request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
        """Pay the session, without any money.

        A browser, known by `Accept: text/html`, gets a page with a button and
        changes nothing: mail scanners and link previews open links, too.
        """
        if wants_page(request):
            return pages.page("mock_pay.html", session_id=session_id)
        return await pay_and_settle(request, session_id)

    @post(
        _PATH,
        Described(
            tag="Paying",
            summary="Pay",
            gives={200: Gives("Paid. A browser gets a page that says so.", StatusReply)},
            raises=_FACTS,
        ),
    )
    async def pay_at_mock_till(request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
        """Pay the session, without any money. Paying twice is paying once."""
        return await pay_and_settle(request, session_id)

    return [visit_mock_till, pay_at_mock_till]
