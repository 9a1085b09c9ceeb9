"""Which notifier sends the letters: a tagged union, so that half a configuration cannot be said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from keypost.address import EmailAddress
from keypost.errors import AddressMalformed
from keypost_adapters.notifier.sender import Sender
from keypost_adapters.notifier.smtp_server import SmtpServer
from keypostd.environment import SettingsInvalid
from keypostd.values import is_loopback, parse_url

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogLetters:
    """Letters become files beside the database."""


@dataclass(frozen=True, slots=True)
class UnsendLetters:
    """Letters go out through Unsend (useSend)."""

    key: str = field(repr=False)
    base_url: str
    sender: Sender


@dataclass(frozen=True, slots=True)
class ResendLetters:
    """Letters go out through Resend."""

    key: str = field(repr=False)
    sender: Sender


@dataclass(frozen=True, slots=True)
class SendGridLetters:
    """Letters go out through SendGrid."""

    key: str = field(repr=False)
    sender: Sender


@dataclass(frozen=True, slots=True)
class MailgunLetters:
    """Letters go out through Mailgun."""

    key: str = field(repr=False)
    domain: str
    base_url: str
    sender: Sender


@dataclass(frozen=True, slots=True)
class SmtpLetters:
    """Letters go out through an SMTP server."""

    server: SmtpServer
    sender: Sender


Letters: TypeAlias = (
    LogLetters | UnsendLetters | ResendLetters | SendGridLetters | MailgunLetters | SmtpLetters
)

VARIABLES = frozenset(
    f"{vendor}_{name}"
    for vendor, names in {
        "UNSEND": "KEY BASE_URL FROM_EMAIL FROM_NAME",
        "RESEND": "API_KEY FROM_EMAIL FROM_NAME",
        "SENDGRID": "API_KEY FROM_EMAIL FROM_NAME",
        "MAILGUN": "API_KEY DOMAIN BASE_URL FROM_EMAIL FROM_NAME",
        "SMTP": "URL",
    }.items()
    for name in names.split()
) | {"NOTIFIER_PROVIDER"}

# Without NOTIFIER_PROVIDER the first of these that is set up is taken.
_BY_ITSELF = ("unsend", "resend", "sendgrid")


def choose_letters(values: Mapping[str, str], *, mail_domain: str, is_public: bool) -> Letters:
    """Return the one notifier that these variables name; raise SettingsInvalid.

    ``log`` is taken last, and never on a public server (https) without being
    named: there, letters in a folder would be letters that nobody gets.
    """
    read = _Variables(values)
    vendors: dict[str, Callable[[], Letters]] = {
        "unsend": lambda: _unsend(read),
        "resend": lambda: ResendLetters(read.text("RESEND_API_KEY"), read.sender("RESEND")),
        "sendgrid": lambda: SendGridLetters(read.text("SENDGRID_API_KEY"), read.sender("SENDGRID")),
        "mailgun": lambda: _mailgun(read),
        "smtp": lambda: SmtpLetters(read.smtp("SMTP_URL"), _postmaster(mail_domain)),
    }
    set_up = [name for name in vendors if read.has(name)]
    # Each that is set up has to be so wholly, also where another is taken.
    built = {name: vendors[name]() for name in set_up}
    named = values.get("NOTIFIER_PROVIDER", "")
    if named in vendors and named not in built:
        built[named] = vendors[named]()  # names what is missing
    return _pick(named, built, is_public=is_public)


def _pick(named: str, built: Mapping[str, Letters], *, is_public: bool) -> Letters:
    if named == "log":
        return LogLetters()
    if named:
        if named not in built:
            raise SettingsInvalid(
                "NOTIFIER_PROVIDER: must be unsend, resend, sendgrid, mailgun, smtp or log"
            )
        return built[named]
    taken = next((name for name in _BY_ITSELF if name in built), None)
    if taken is not None:
        return built[taken]
    if built:
        raise SettingsInvalid(f"NOTIFIER_PROVIDER: must say {next(iter(built))}, which is set up")
    if is_public:
        raise SettingsInvalid(
            "NOTIFIER_PROVIDER: PUBLIC_BASE_URL is https and no notifier is set up;"
            " log has to be named"
        )
    return LogLetters()


def _unsend(read: "_Variables") -> UnsendLetters:
    base_url = read.url("UNSEND_BASE_URL", "https://unsend.admin.lt/api")
    return UnsendLetters(read.text("UNSEND_KEY"), base_url, read.sender("UNSEND"))


def _mailgun(read: "_Variables") -> MailgunLetters:
    return MailgunLetters(
        read.text("MAILGUN_API_KEY"),
        read.domain("MAILGUN_DOMAIN"),
        read.url("MAILGUN_BASE_URL", "https://api.mailgun.net"),
        read.sender("MAILGUN"),
    )


def _postmaster(mail_domain: str) -> Sender:
    return Sender(EmailAddress("postmaster", mail_domain), "Keypost")


@dataclass(frozen=True, slots=True)
class _Variables:
    """Reads variables; whatever is wrong names the variable and not its value."""

    values: Mapping[str, str]

    def has(self, vendor: str) -> bool:
        return any(name.startswith(f"{vendor.upper()}_") for name in self.values.keys() & VARIABLES)

    def text(self, name: str) -> str:
        text = self.values.get(name, "")
        if not text:
            raise SettingsInvalid(f"{name}: must be set")
        if not text.isprintable() or not text.isascii():
            raise SettingsInvalid(f"{name}: must be printable ASCII on one line")
        return text

    def sender(self, vendor: str) -> Sender:
        address = self._address(f"{vendor}_FROM_EMAIL")
        name = f"{vendor}_FROM_NAME"
        return self._parsed(name, lambda: Sender(address, self.values.get(name, "Keypost")))

    def smtp(self, name: str) -> SmtpServer:
        return self._parsed(name, lambda: SmtpServer.parse(self.text(name)))

    def domain(self, name: str) -> str:
        return self._parsed(name, lambda: EmailAddress.parse(f"a@{self.text(name)}").domain)

    def url(self, name: str, default: str) -> str:
        url = self._parsed(name, lambda: parse_url(self.values.get(name, default)))
        parts = urlsplit(url)
        # A key goes along with each letter.
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SettingsInvalid(f"{name}: must be https, except on loopback")
        return url

    def _address(self, name: str) -> EmailAddress:
        return self._parsed(name, lambda: EmailAddress.parse(self.text(name)))

    def _parsed(self, name: str, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except AddressMalformed:
            raise SettingsInvalid(f"{name}: is not of the right form") from None
        except ValueError as error:
            raise SettingsInvalid(f"{name}: {error}") from None
