"""The ``keypost`` command: an agent's mailbox from the shell."""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Group, Parameter

from keypost_client.commands import commands
from keypost_client.errors import KeypostError
from keypost_client.session import Session
from keypost_client.terminal.exit_codes import ExitCode, of_error
from keypost_client.terminal.output import choose_output
from keypost_client.terminal.usage import WrongUsage

_HELP = """\
A private inbox that belongs to an SSH Ed25519 key. No sign-up, no password.

The same key is always the same mailbox. Whoever pays, it is the key that reads.

A first day:

    keypost claim --billing-email owner@example.org
    keypost messages
    keypost read 7
    keypost raw 7 > 7.eml
    keypost access --json
    keypost key --key ~/.ssh/agent_ed25519
"""

_EPILOGUE = """\
Which key: --key, else KEYPOST_KEY, else the one used here before; the first
time ~/.ssh/id_ed25519, else ssh-agent's only Ed25519 key, else `keypost claim`
makes one in ~/.config/keypost. The choice is remembered there, and a key that
is gone is an error, never another mailbox. KEYPOST_KEY_PASSPHRASE opens a
protected file.

Exit codes:

    0    done; for claim and renew: the mailbox is open
    1    anything not listed here
    2    the command line cannot be understood
    3    waiting for payment; the payment link is in the output
    4    no mailbox for this key, no such message, or no key yet
    5    the key cannot be used, or its proof was refused
    6    the server is out of reach or busy; try again later
    130  interrupted
"""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - rarely wanted

    try:
        return version("keypost")
    except PackageNotFoundError:
        return "unknown: this is not an installed keypost"


def _build() -> App:
    app = App(
        name="keypost",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=_version,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for command in commands():
        app.command(command)
    app.meta.group_parameters = Group("Options of every command")
    app.meta.default(_launch)
    return app


def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    url: Annotated[
        str | None, Parameter(help="The server; else KEYPOST_URL, else port 8080 of this machine.")
    ] = None,
    key: Annotated[
        str | None, Parameter(help="A private key, or a .pub whose other half ssh-agent holds.")
    ] = None,
    as_json: Annotated[
        bool,
        Parameter(
            "--json",
            negative="",
            show_default=False,
            help="One JSON document on stdout, errors as well.",
        ),
    ] = False,
) -> ExitCode | None:
    command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if "session" in ignored:
        bound.arguments["session"] = Session(url, key, choose_output(as_json=as_json))
    result: ExitCode | None = command(*bound.args, **bound.kwargs)
    return result


app = _build()


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; whatever was expected shows no traceback."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # `keypost messages | head -1`: nobody listens any more. Python would
        # complain once again when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.PIPE_CLOSED


def _run(arguments: Sequence[str]) -> int:
    try:
        code = app.meta(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        return _failed(WrongUsage(str(error)), arguments)
    except KeypostError as error:
        return _failed(error, arguments)
    return code or ExitCode.OK


def _failed(error: KeypostError, arguments: Sequence[str]) -> int:
    # Looked up in the words themselves, as they may be what was not understood.
    choose_output(as_json="--json" in arguments).error(error)
    return of_error(error)


def main() -> NoReturn:
    """Run the command line of this process."""
    # A letter that this terminal's encoding lacks is shown as an escape, not as a crash.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))
