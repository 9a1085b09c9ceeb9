"""What the program is told from outside, checked as a whole before anything starts.

A value that is missing, half, misspelled or out of range stops the start with
the variable's name; no gap ever selects a weaker mode. Names and defaults are
listed in the README.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from keypost.address import EmailAddress
from keypost.errors import AddressMalformed
from keypostd.environment import SettingsInvalid, with_files

_SECRET_BYTES = 32

# What later versions will read. Named, so that setting it is refused instead of
# ignored: a server that was told of a provider must not fall back to the mock,
# and one that was given an admin key must not seem to have an admin API.
_NOT_YET = frozenset(
    f"{vendor}_{name}"
    for vendor, names in {
        "POLAR": "TOKEN PRODUCT_ID SERVER_URL SUCCESS_URL RETURN_URL WEBHOOK_SECRET"
        " GIFT_DISCOUNT_ID GIFT_COUPON_CODE",
        "STRIPE": "SECRET_KEY WEBHOOK_SECRET CURRENCY SUCCESS_URL CANCEL_URL",
        "UNSEND": "KEY BASE_URL FROM_EMAIL FROM_NAME",
        "RESEND": "API_KEY FROM_EMAIL FROM_NAME",
        "SENDGRID": "API_KEY FROM_EMAIL FROM_NAME",
        "MAILGUN": "API_KEY DOMAIN BASE_URL FROM_EMAIL FROM_NAME",
        "SMTP": "URL",
        "ADMIN": "API_KEY",
        "SUPPORT": "EMAIL",
        "METRICS": "ADDR",
        "TRUSTED": "PROXIES",
    }.items()
    for name in names.split()
)

# Read by `keypostd up`, and by the images and scripts around the program.
_ELSEWHERE = frozenset({"STATE_DIR", "SMTP_ADDR", "IMAP_ADDR", "MAILBOX_USER", "MAILBOX_PASSWORD"})

# A variable with one of these beginnings is meant for us, so an unknown one is a mistake.
_OURS = (
    "CREDENTIAL_", "EDPROOF_", "GRACE_", "IMAP_", "LOOKUP_", "MAILBOX_", "MAILGUN_", "NOTIFIER_",
    "PAYMENT_", "POLAR_", "RESEND_", "SENDGRID_", "STRIPE_", "UNSEND_",
)  # fmt: skip

# Other variables are other programs', unless they look this much like one of ours.
_LIKENESS = 0.85


class Address(NamedTuple):
    """Where to listen. An empty host means every interface."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can reach it."""
        return _is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_address(text: object) -> Address:
    """Read ``HOST:PORT`` or ``:PORT``; raise ValueError."""
    host, colon, port = str(text).rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ValueError("must be HOST:PORT or :PORT")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an http or https URL")
    if parts.query or parts.fragment or "," in text:
        raise ValueError("must be a URL without query, fragment and commas")
    # One spelling: challenges name it, and rules below look at its scheme.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")


def _domain(text: str) -> str:
    try:
        return EmailAddress.parse(f"postmaster@{text}").domain
    except AddressMalformed:
        raise ValueError("must be a domain name") from None


def _secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < _SECRET_BYTES:
        raise ValueError(f"must be at least {_SECRET_BYTES} bytes long")
    return secret


def _file(text: object) -> Path:
    path = str(text).removeprefix("sqlite:///").removeprefix("file:")
    if "://" in path or path.startswith(":"):
        raise ValueError("must be the path of an SQLite file")
    return Path(path)


Bind = Annotated[Address, BeforeValidator(parse_address)]
Url = Annotated[str, AfterValidator(_url)]
Domain = Annotated[str, AfterValidator(_domain)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
SqliteFile = Annotated[Path, BeforeValidator(_file)]
Port = Annotated[int, Field(ge=1, le=65535)]


class StoreSettings(BaseModel):
    """Where the store is; a field is its variable in lower case."""

    # Without the first of these, pydantic prints the value that it refuses.
    model_config = ConfigDict(hide_input_in_errors=True, frozen=True, extra="forbid")

    database_dsn: SqliteFile = Path("keypost.db")
    lookup_dsn: SqliteFile | None = None

    @property
    def lookup_file(self) -> Path:
        """The receive tables' file: ``lookup.db`` beside the database unless named."""
        return self.lookup_dsn or self.database_dsn.with_name("lookup.db")

    @model_validator(mode="after")
    def _two_files(self) -> Self:
        if self.lookup_file.absolute() == self.database_dsn.absolute():
            raise ValueError("LOOKUP_DSN: must not be the file of DATABASE_DSN")
        return self

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> Self:
        """Read the variables; raise SettingsInvalid with a line for each that is wrong."""
        known = frozenset(name.upper() for name in Settings.model_fields)
        values = with_files(variables, known)
        if problems := [*_unknown(values, known), *_refused(values)]:
            raise SettingsInvalid(*problems)
        own = {name: values[name.upper()] for name in cls.model_fields if name.upper() in values}
        try:
            return cls(**own)  # type: ignore[arg-type]  # pydantic parses the texts
        except ValidationError as error:
            raise SettingsInvalid(*_sentences(error)) from None


class Settings(StoreSettings):
    """All settings of ``keypostd serve``."""

    http_addr: Bind = Address("", 8080)
    max_concurrent_requests: int = Field(default=100, ge=0)
    build_number: str = "dev"
    cache_buster: str = ""
    public_base_url: Url = "http://localhost:8080"
    mail_domain: Domain = "mail.local"
    imap_host: str = ""
    imap_port: Port = 143
    mailbox_price_cents: int = Field(default=100, ge=1)
    mailbox_quota_mb: int = Field(default=100, ge=1)
    grace_days: int = Field(default=7, ge=0, le=365)
    edproof_hmac_secret: Secret
    credential_secret: Secret
    edproof_mode: Literal["challenge", "public-key"] = "challenge"
    edproof_allow_insecure: Literal["", "1"] = ""
    payment_provider: Literal["", "polar", "stripe", "mock"] = ""
    notifier_provider: Literal["", "unsend", "resend", "sendgrid", "mailgun", "smtp", "log"] = ""

    @model_validator(mode="after")
    def _bare_keys_stay_at_home(self) -> Self:
        is_unsafe = self.edproof_mode == "public-key" and not self.edproof_allow_insecure
        if is_unsafe and self.public_base_url.startswith("https:"):
            raise ValueError(
                "EDPROOF_MODE: public-key accepts a public key as proof, which is unsafe on a"
                " public server; EDPROOF_ALLOW_INSECURE=1 says that you want it all the same"
            )
        return self

    @model_validator(mode="after")
    def _nothing_is_given_away(self) -> Self:
        if self.public_base_url.startswith("https:") and self.payment_provider != "mock":
            raise ValueError(
                "PAYMENT_PROVIDER: PUBLIC_BASE_URL is https and no payment provider is set up;"
                " mock has to be named"
            )
        return self

    @property
    def mail_reader_host(self) -> str:
        """The IMAP server's name for the world: ``MAIL_DOMAIN`` unless named."""
        return self.imap_host or self.mail_domain

    @property
    def imap_tls(self) -> Literal["none", "starttls", "implicit"]:
        """How IMAP is encrypted: from the first byte on 993, not at all on loopback."""
        if self.imap_port == 993:  # noqa: PLR2004 - IMAPS, RFC 8314
            return "implicit"
        return "none" if _is_loopback(self.mail_reader_host) else "starttls"


def _unknown(values: Mapping[str, str], names: frozenset[str]) -> list[str]:
    known = names | _NOT_YET | _ELSEWHERE
    known |= {f"{name}_FILE" for name in known}
    strange = sorted(values.keys() - known)
    return [
        f"{name}: there is no such setting{_hint(name, known)}"
        for name in strange
        if name.startswith(_OURS) or get_close_matches(name, known, n=1, cutoff=_LIKENESS)
    ]


def _hint(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _refused(values: Mapping[str, str]) -> list[str]:
    problems = [
        f"{name}: this version does nothing with it yet"
        for name in sorted(_NOT_YET)
        if values.keys() & {name, f"{name}_FILE"}
    ]
    if values.get("PAYMENT_PROVIDER") in {"polar", "stripe"}:
        problems.append("PAYMENT_PROVIDER: this version has only the mock provider")
    if values.get("NOTIFIER_PROVIDER") not in {None, "log"}:
        problems.append("NOTIFIER_PROVIDER: this version has only the log notifier")
    return problems


def _sentences(error: ValidationError) -> list[str]:
    return [
        _sentence(str(one["loc"][0]) if one["loc"] else "", one["type"], one["msg"])
        for one in error.errors()
    ]


def _sentence(field: str, kind: str, words: str) -> str:
    words = words.removeprefix("Value error, ")
    if not field:  # a rule between variables names them itself
        return words
    if kind == "missing":
        return f"{field.upper()}: must be set"
    return f"{field.upper()}: {words[0].lower()}{words[1:]}"
