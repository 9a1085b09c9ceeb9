"""What the program is told from outside, checked as a whole before anything starts.

A value that is missing, half, misspelled or out of range stops the start with
the variable's name; no gap ever selects a weaker mode. Names and defaults are
listed in the README.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

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

from keypostd import letter_settings
from keypostd.environment import SettingsInvalid, with_files
from keypostd.letter_settings import Letters, LogLetters, choose_letters
from keypostd.values import (
    Address,
    is_loopback,
    long_secret,
    parse_address,
    parse_domain,
    parse_file,
    parse_url,
)

# What later versions will read. Named, so that setting it is refused instead of
# ignored: a server that was told of a provider must not fall back to the mock,
# and one that was given an admin key must not seem to have an admin API.
_NOT_YET = frozenset(
    f"{vendor}_{name}"
    for vendor, names in {
        "POLAR": "TOKEN PRODUCT_ID SERVER_URL SUCCESS_URL RETURN_URL WEBHOOK_SECRET"
        " GIFT_DISCOUNT_ID GIFT_COUPON_CODE",
        "STRIPE": "SECRET_KEY WEBHOOK_SECRET CURRENCY SUCCESS_URL CANCEL_URL",
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


Bind = Annotated[Address, BeforeValidator(parse_address)]
Url = Annotated[str, AfterValidator(parse_url)]
Domain = Annotated[str, AfterValidator(parse_domain)]
Secret = Annotated[SecretStr, AfterValidator(long_secret)]
SqliteFile = Annotated[Path, BeforeValidator(parse_file)]
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
        values = with_files(variables, KNOWN)
        if problems := [*_unknown(values), *_refused(values)]:
            raise SettingsInvalid(*problems)
        given = KNOWN & values.keys()
        own = {name: values[name.upper()] for name in cls.model_fields if name.upper() in given}
        try:
            return cls(**own).completed(values)  # type: ignore[arg-type]  # pydantic parses the texts
        except ValidationError as error:
            raise SettingsInvalid(*_sentences(error)) from None

    def completed(self, values: Mapping[str, str]) -> Self:  # noqa: ARG002 - see Settings
        """Return the settings with what follows from several variables."""
        return self


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
    letters: Letters = LogLetters()

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

    def completed(self, values: Mapping[str, str]) -> Self:
        """Return the settings with their notifier; raise SettingsInvalid."""
        is_public = self.public_base_url.startswith("https:")
        letters = choose_letters(values, mail_domain=self.mail_domain, is_public=is_public)
        return self.model_copy(update={"letters": letters})

    @property
    def mail_reader_host(self) -> str:
        """The IMAP server's name for the world: ``MAIL_DOMAIN`` unless named."""
        return self.imap_host or self.mail_domain

    @property
    def imap_tls(self) -> Literal["none", "starttls", "implicit"]:
        """How IMAP is encrypted: from the first byte on 993, not at all on loopback."""
        if self.imap_port == 993:  # noqa: PLR2004 - IMAPS, RFC 8314
            return "implicit"
        return "none" if is_loopback(self.mail_reader_host) else "starttls"


KNOWN = (
    frozenset(name.upper() for name in Settings.model_fields) - {"LETTERS"}
) | letter_settings.VARIABLES


def _unknown(values: Mapping[str, str]) -> list[str]:
    known = KNOWN | _NOT_YET | _ELSEWHERE
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
