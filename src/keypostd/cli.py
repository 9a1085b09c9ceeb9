"""The ``keypostd`` command."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, Parameter

from keypostd.environment import SettingsInvalid, read_environment

_HELP = """\
Private inbound e-mail for AI agents: the server.

Settings are environment variables, or lines of .env in the working folder; the
README lists them. NAME_FILE=/path reads a secret from a file.

Exit codes: 0 stopped as asked, 1 the walk failed, 78 a setting, port or folder is no good.
"""

_EX_CONFIG = 78  # sysexits.h: tells a supervisor that trying again does not help

app = App(name="keypostd", help=_HELP, help_format="plaintext")


@app.command
def up(*, demo: Annotated[bool, Parameter(negative="")] = False, walk: bool = True) -> int:
    """Run everything on loopback, walk through the main job once, and stay up.

    Parameters
    ----------
    demo
        Walk in a new temporary folder and on free ports, then exit.
    walk
        Walk through the main job after the start.
    """
    import uvloop  # noqa: PLC0415 - `--help` needs no server

    from keypostd.up import run_demo, run_up  # noqa: PLC0415 - as above

    variables = read_environment(os.environ, Path.cwd())
    if not demo:
        return uvloop.run(run_up(variables, walk=walk))
    with tempfile.TemporaryDirectory(prefix="keypost-demo-") as folder:
        return uvloop.run(run_demo(variables, Path(folder)))


@app.command
def serve() -> int:
    """Serve HTTP and work off the queues, beside the mail daemons, until told to stop."""
    from keypostd.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings.parse(read_environment(os.environ, Path.cwd()))
    import uvloop  # noqa: PLC0415 - wrong settings are told at once

    from keypostd.serve import run_serve  # noqa: PLC0415 - as above

    return uvloop.run(run_serve(settings))


@app.command
def migrate() -> None:
    """Make the database and the receive tables, or bring them to this version's shape."""
    from keypost_adapters.store.migrate import StoreUnusable, upgrade  # noqa: PLC0415 - as above
    from keypostd.settings import StoreSettings  # noqa: PLC0415 - as above

    settings = StoreSettings.parse(read_environment(os.environ, Path.cwd()))
    try:
        upgrade(settings.database_dsn, settings.lookup_file)
    except StoreUnusable as error:
        raise SettingsInvalid(f"DATABASE_DSN: {error}") from error
    print(f"{settings.database_dsn} and {settings.lookup_file} are up to date.")  # noqa: T201


def main() -> NoReturn:
    """Run the command line of this process."""
    # Files with mail and money in them are for their owner only.
    os.umask(0o077)
    try:
        sys.exit(app())
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("keypost"):
            raise
        print(  # noqa: T201
            f"keypostd: {missing.name} is not installed; a server needs keypost[server]",
            file=sys.stderr,
        )
        sys.exit(_EX_CONFIG)
    except SettingsInvalid as invalid:
        for problem in invalid.problems:
            print(f"keypostd: {problem}", file=sys.stderr)  # noqa: T201
        sys.exit(_EX_CONFIG)
