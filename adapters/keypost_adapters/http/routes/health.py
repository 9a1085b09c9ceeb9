"""Whether the process lives and can do its work."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from litestar.handlers import HTTPRouteHandler

from keypost_adapters.http.described import Described, Gives, get
from keypost_adapters.http.edge_facts import NotReady
from keypost_adapters.http.reading import AnyRequest
from keypost_adapters.http.replies import ReadinessReply, StatusReply

Ready: TypeAlias = Callable[[], Awaitable[Mapping[str, str]]]
"""Checks everything that the service needs: ``ok`` or what is wrong, by what was checked."""


def health_routes(ready: Ready) -> list[HTTPRouteHandler]:
    """Return the routes for load balancers and operators."""

    @get(
        "/healthz",
        Described(
            tag="Service",
            summary="Ask whether the process lives",
            gives={200: Gives("It lives.", StatusReply)},
            counted=False,
        ),
    )
    async def check_health(request: AnyRequest) -> StatusReply:  # noqa: ARG001 - wanted by Litestar
        """Say that the process lives. Nothing else is checked."""
        return StatusReply("ok")

    @get(
        "/readyz",
        Described(
            tag="Service",
            summary="Ask whether the service can do its work",
            gives={200: Gives("It can.", ReadinessReply)},
            counted=False,
            raises=(NotReady,),
        ),
    )
    async def check_readiness(request: AnyRequest) -> ReadinessReply:  # noqa: ARG001
        """Check that the database answers, migrations are current and the queues move."""
        checks = dict(await ready())
        if any(outcome != "ok" for outcome in checks.values()):
            raise NotReady(checks)
        return ReadinessReply(checks=checks)

    return [check_health, check_readiness]
