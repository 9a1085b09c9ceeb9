"""``keypostd serve``: the HTTP service beside Postfix and Dovecot."""

import structlog

from keypostd.http_server import HttpServer
from keypostd.logs import log_to
from keypostd.settings import Settings
from keypostd.sockets import listen
from keypostd.tasks import background, told_to_stop
from keypostd.wiring import open_service

_log = structlog.get_logger(__name__)


async def run_serve(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; raise SettingsInvalid where the port cannot be had."""
    log_to()
    stopping = told_to_stop()
    listener = listen(settings.http_addr, setting="HTTP_ADDR")
    async with open_service(settings) as service, background(*service.workers, stopping=stopping):
        server = HttpServer(service.app, listener)
        async with background(server.run_until_stopped, stopping=stopping, stop=server.stop):
            _log.info("serving", address=str(settings.http_addr), build=settings.build_number)
            await stopping.wait()
    return 0
