"""Where settings come from: the environment, ``.env`` below it, and files for secrets."""

from collections.abc import Mapping
from pathlib import Path


class SettingsInvalid(Exception):  # noqa: N818 - a fact: what is wrong, one line a variable
    """The program cannot start with these settings. ``str()`` names variables, never values."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return all variables: those of ``environ``, and of ``folder/.env`` what is unset there.

    ``NAME_FILE=/path`` gives ``NAME`` the file's content without its line end
    (systemd credentials, Docker secrets). An empty value counts as unset.
    """
    values = {name: value for name, value in read_dotenv(folder / ".env").items() if value}
    values |= {name: value for name, value in environ.items() if value}
    return values


def read_dotenv(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines; a value may stand in single or double quotes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{path.name}: the file cannot be read") from None
    return dict(
        _pair(number, line) for number, line in enumerate(lines, 1) if _says_something(line)
    )


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _pair(number: int, line: str) -> tuple[str, str]:
    name, equals, value = line.strip().removeprefix("export ").partition("=")
    if not equals or not name.strip().isidentifier():
        raise SettingsInvalid(f".env: line {number} is not NAME=value")
    return name.strip(), _unquoted(value.strip())


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def with_files(values: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """Return the variables with ``NAME_FILE`` replaced by ``NAME`` for each of ``names``."""
    filled = dict(values)
    for name in sorted(names):
        path = filled.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in filled:
            raise SettingsInvalid(f"{name}_FILE: {name} is set as well; say it once")
        filled[name] = _content(name, path)
    return filled


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{name}_FILE: the file cannot be read") from None
