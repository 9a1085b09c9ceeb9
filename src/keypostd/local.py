"""What ``keypostd up`` is told, and what it fills in: everything on loopback, below one folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keypostd.environment import SettingsInvalid
from keypostd.settings import Settings
from keypostd.state_folder import StateFolder
from keypostd.values import Address, parse_address

STATE_DIR = Path("var")
_DEFAULTS = {
    "HTTP_ADDR": "127.0.0.1:8080",
    "SMTP_ADDR": "127.0.0.1:2525",
    "IMAP_ADDR": "127.0.0.1:1143",
}


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where local mode keeps its state and listens."""

    state: StateFolder
    http: Address
    smtp: Address
    imap: Address

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> "LocalSettings":
        """Read the variables and prepare the folder; raise SettingsInvalid."""
        addresses = {name: _loopback(name, variables) for name in _DEFAULTS}
        return cls(
            state=StateFolder.prepare(Path(variables.get("STATE_DIR", STATE_DIR))),
            http=addresses["HTTP_ADDR"],
            smtp=addresses["SMTP_ADDR"],
            imap=addresses["IMAP_ADDR"],
        )

    def service(self, variables: Mapping[str, str]) -> Settings:
        """Return the service's settings, with local mode's answers to what is unset."""
        filled = {
            "PUBLIC_BASE_URL": f"http://{self.http}",
            "DATABASE_DSN": str(self.state.path / "keypost.db"),
            "IMAP_HOST": self.imap.host,
            "IMAP_PORT": str(self.imap.port),
            **self.state.secrets(variables),
            **variables,
            "HTTP_ADDR": str(self.http),
        }
        return Settings.parse(filled)


def _loopback(name: str, variables: Mapping[str, str]) -> Address:
    try:
        address = parse_address(variables.get(name, _DEFAULTS[name]))
    except ValueError as error:
        raise SettingsInvalid(f"{name}: {error}") from None
    if not address.is_loopback:
        raise SettingsInvalid(
            f"{name}: local mode listens on loopback only, such as 127.0.0.1:{address.port};"
            " keypostd serve is for the world"
        )
    return address
