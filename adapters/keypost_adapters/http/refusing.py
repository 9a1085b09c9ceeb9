"""Answer what went wrong: every exception becomes a problem, none shows its insides."""

from collections.abc import Callable
from traceback import format_exception
from typing import Any, TypeAlias

import structlog
from litestar import Response
from litestar.exceptions import (
    ClientException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from keypost.errors import Fact, Malformed
from keypost_adapters.http import problems
from keypost_adapters.http.edge_facts import (
    BodyTooLarge,
    InternalError,
    MethodNotAllowed,
    PathUnknown,
)
from keypost_adapters.http.fixes import fix_for
from keypost_adapters.http.pages import Pages
from keypost_adapters.http.reading import AnyRequest, wants_page

_log = structlog.get_logger(__name__)

Refuse: TypeAlias = Callable[[AnyRequest, Exception], Response[Any]]


def refuse_with(pages: Pages) -> Refuse:
    """Return Litestar's exception handler for everything."""

    def refuse(request: AnyRequest, error: Exception) -> Response[Any]:
        fact = fact_of(error)
        if isinstance(fact, InternalError):
            _log_failure(request, error)
        # People get a page, except from the API, which talks to programs only.
        if wants_page(request) and not request.scope["path"].startswith("/v1/"):
            return _page(pages, fact)
        return _reply(fact)

    return refuse


def fact_of(error: Exception) -> Fact:
    """Name an exception for the caller."""
    match error:
        case Fact():
            return error
        case NotFoundException():
            return PathUnknown()
        case MethodNotAllowedException():
            return MethodNotAllowed(allow=_allowed(error))
        case RequestEntityTooLarge():
            return BodyTooLarge()
        case ClientException():
            return Malformed()
        case _:
            return InternalError()


def _allowed(error: MethodNotAllowedException) -> str:
    headers = error.headers or {}
    return ", ".join(sorted(headers.get("allow", "").split(", ")))


def _reply(fact: Fact) -> Response[Any]:
    return Response(
        problems.problem_of(fact),
        status_code=problems.number_of(type(fact)),
        media_type=problems.MEDIA_TYPE,
        headers=problems.headers_of(fact),
    )


def _page(pages: Pages, fact: Fact) -> Response[Any]:
    response = pages.page(
        "refused.html", status=problems.number_of(type(fact)), fact=fact, fix=fix_for(fact)
    )
    for name, value in problems.headers_of(fact).items():
        response.set_header(name, value)
    return response


def _log_failure(request: AnyRequest, error: Exception) -> None:
    # The path as declared, not as called: what was called may hold a session's id.
    where = {"method": request.method, "path": request.scope.get("path_template", "")}
    if isinstance(error, InternalServerException):
        # Litestar's word for a caller that hung up while it was being read.
        _log.info("request_broken_off", **where)
    else:
        # Formatted here, because structlog's console shows the local variables of
        # each frame with a traceback, and those hold headers, bodies and keys.
        _log.error("request_failed", exception="".join(format_exception(error)), **where)
