"""``keypostd up``: the whole product in one process, on loopback, without root.

The wiring is that of ``serve``; only the mail daemons are the embedded ones.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from keypost_adapters.receive.stack import ReceiveStack
from keypostd.http_server import HttpServer
from keypostd.local import LocalSettings
from keypostd.logs import log_to
from keypostd.settings import Settings
from keypostd.sockets import free_port, listen
from keypostd.tasks import background, told_to_stop
from keypostd.walk.by_hand import by_hand
from keypostd.walk.screen import Screen
from keypostd.walk.walk import Walk
from keypostd.wiring import open_service, utc_now


async def run_up(variables: Mapping[str, str], *, walk: bool) -> int:
    """Start everything, walk once, and stay up until told to stop; return the exit code.

    Raise SettingsInvalid where a setting, a port or the folder is no good.
    """
    stopping = told_to_stop()
    screen = Screen()
    local = LocalSettings.parse(variables)
    settings = local.service(variables)
    async with everything(local, settings, stopping):
        steps = Walk(local=local, settings=settings, screen=screen)
        is_done = await _walk(steps, stopping) if walk else True
        if not stopping.is_set():
            screen.say(by_hand(local, settings))
            await stopping.wait()
    screen.say("\nStopped. The next start goes on from here.")
    return 0 if is_done or stopping.is_set() else 1


async def run_demo(variables: Mapping[str, str], folder: Path) -> int:
    """Walk in an empty folder, on free ports, and return the exit code."""
    stopping = told_to_stop()
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("HTTP_ADDR", "SMTP_ADDR", "IMAP_ADDR")}
    variables = {**variables, **ports, "STATE_DIR": str(folder)}
    local = LocalSettings.parse(variables)
    settings = local.service(variables)
    async with everything(local, settings, stopping):
        is_done = await _walk(Walk(local=local, settings=settings, screen=Screen()), stopping)
    return 0 if is_done else 1


async def _walk(walk: Walk, stopping: asyncio.Event) -> bool:
    """Walk in a thread, and stop walking when told to stop."""
    walking = asyncio.ensure_future(asyncio.to_thread(walk))
    told = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((walking, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not walking.done():
        walk.interrupt()
    return await walking


@asynccontextmanager
async def everything(
    local: LocalSettings, settings: Settings, stopping: asyncio.Event
) -> AsyncIterator[None]:
    """Run HTTP, the workers, SMTP and IMAP for as long as the caller stays inside."""
    http = listen(local.http, setting="HTTP_ADDR")
    for address, setting in ((local.smtp, "SMTP_ADDR"), (local.imap, "IMAP_ADDR")):
        listen(address, setting=setting).close()  # said now, in words, if it is taken
    with (local.state.path / "keypostd.log").open("a", encoding="utf-8") as log:
        log_to(log)
        async with open_service(settings) as service:
            stack = ReceiveStack(
                service.directory,
                clock=utc_now,
                mail_root=local.state.path / "mail",
                smtp=local.smtp,
                imap=local.imap,
            )
            server = HttpServer(service.app, http)
            async with (
                stack,
                background(*service.workers, stopping=stopping),
                background(server.run_until_stopped, stopping=stopping, stop=server.stop),
            ):
                yield
