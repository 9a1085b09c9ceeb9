"""Settings: what starts, what does not, and what is said about it."""

from pathlib import Path

import pytest

from keypostd.environment import SettingsInvalid, read_environment
from keypostd.settings import KNOWN, Settings, StoreSettings
from keypostd.values import Address

SECRETS = {"EDPROOF_HMAC_SECRET": "h" * 32, "CREDENTIAL_SECRET": "c" * 32}

BROKEN = [
    ({"EDPROOF_HMAC_SECRET": ""}, "EDPROOF_HMAC_SECRET"),
    ({"CREDENTIAL_SECRET": ""}, "CREDENTIAL_SECRET"),
    ({"EDPROOF_HMAC_SECRET": "SHORTvalue"}, "EDPROOF_HMAC_SECRET"),
    ({"CREDENTIAL_SECRET": "SHORTvalue"}, "CREDENTIAL_SECRET"),
    ({"HTTP_ADDR": "8080value"}, "HTTP_ADDR"),
    ({"HTTP_ADDR": "127.0.0.1:99999"}, "HTTP_ADDR"),
    ({"IMAP_PORT": "0"}, "IMAP_PORT"),
    ({"IMAP_PORT": "portvalue"}, "IMAP_PORT"),
    ({"MAIL_DOMAIN": "no domain value"}, "MAIL_DOMAIN"),
    ({"MAIL_DOMAIN": "single"}, "MAIL_DOMAIN"),
    ({"PUBLIC_BASE_URL": "keypost.example"}, "PUBLIC_BASE_URL"),
    ({"PUBLIC_BASE_URL": "https://user:secretvalue@keypost.example"}, "PUBLIC_BASE_URL"),
    ({"PUBLIC_BASE_URL": "http://keypost.example/?a=value"}, "PUBLIC_BASE_URL"),
    ({"PUBLIC_BASE_URL": "https://keypost.example"}, "PAYMENT_PROVIDER"),
    ({"MAX_CONCURRENT_REQUESTS": "-1"}, "MAX_CONCURRENT_REQUESTS"),
    ({"MAILBOX_PRICE_CENTS": "0"}, "MAILBOX_PRICE_CENTS"),
    ({"MAILBOX_QUOTA_MB": "manyvalue"}, "MAILBOX_QUOTA_MB"),
    ({"GRACE_DAYS": "-1"}, "GRACE_DAYS"),
    ({"EDPROOF_MODE": "public_keyvalue"}, "EDPROOF_MODE"),
    (
        {
            "EDPROOF_MODE": "public-key",
            "PUBLIC_BASE_URL": "https://keypost.example",
            "PAYMENT_PROVIDER": "mock",
        },
        "EDPROOF_MODE",
    ),
    ({"PAYMENT_PROVIDER": "stripe"}, "PAYMENT_PROVIDER"),
    ({"PAYMENT_PROVIDER": "paypalvalue"}, "PAYMENT_PROVIDER"),
    ({"POLAR_TOKEN": "tokenvalue"}, "POLAR_TOKEN"),
    ({"STRIPE_SECRET_KEY": "keyvalue"}, "STRIPE_SECRET_KEY"),
    ({"RESEND_API_KEY": "keyvalue"}, "RESEND_FROM_EMAIL"),
    ({"SMTP_URL": "smtp://user:secretvalue@mail.example"}, "NOTIFIER_PROVIDER"),
    ({"NOTIFIER_PROVIDER": "resend"}, "RESEND_API_KEY"),
    ({"NOTIFIER_PROVIDER": "smtp"}, "SMTP_URL"),
    ({"RESEND_API_KEY": "keyvalue", "RESEND_FROM_EMAIL": "value"}, "RESEND_FROM_EMAIL"),
    ({"RESEND_FROM_EMAIL": "value@a.example"}, "RESEND_API_KEY"),
    ({"SENDGRID_API_KEY": "keyvalue"}, "SENDGRID_FROM_EMAIL"),
    ({"UNSEND_KEY": "keyvalue"}, "UNSEND_FROM_EMAIL"),
    (
        {"UNSEND_KEY": "k", "UNSEND_FROM_EMAIL": "a@b.example", "UNSEND_BASE_URL": "value"},
        "UNSEND_BASE_URL",
    ),
    ({"MAILGUN_API_KEY": "keyvalue", "MAILGUN_FROM_EMAIL": "a@b.example"}, "MAILGUN_DOMAIN"),
    ({"RESEND_API_KEY": "key\nvalue", "RESEND_FROM_EMAIL": "a@b.example"}, "RESEND_API_KEY"),
    ({"NOTIFIER_PROVIDER": "pigeonvalue"}, "NOTIFIER_PROVIDER"),
    ({"EDPROOF_HMAC_SECRT": "typovalue"}, "EDPROOF_HMAC_SECRT"),
    ({"MAILBOX_PRICE": "100value"}, "MAILBOX_PRICE"),
    ({"DATABASE_DSN": "postgresql://user:secretvalue@db/keypost"}, "DATABASE_DSN"),
    ({"DATABASE_DSN": ":memory:"}, "DATABASE_DSN"),
    ({"LOOKUP_DSN": "keypost.db"}, "LOOKUP_DSN"),
    ({"PUBLIC_BASE_URL": "HTTPS://keypost.example"}, "PAYMENT_PROVIDER"),
    ({"PUBLIC_BASE_URL": "http://:secretvalue@keypost.example"}, "PUBLIC_BASE_URL"),
    ({"MAIL_DOMAIN": "-value-.example"}, "MAIL_DOMAIN"),
    ({"MAIL_DOMAN": "value.example"}, "MAIL_DOMAN"),
    ({"GRACE_DAY": "3value"}, "GRACE_DAY"),
    ({"IMAP_PROT": "993value"}, "IMAP_PROT"),
    ({"HTTP_ADR": ":80value"}, "HTTP_ADR"),
    ({"SMTP_URL_FILE": "/nonexistent/value"}, "SMTP_URL"),
    ({"ADMIN_API_KEY": "keyvalue"}, "ADMIN_API_KEY"),
    ({"SUPPORT_EMAIL": "a@value.example"}, "SUPPORT_EMAIL"),
    ({"METRICS_ADDR": "value"}, "METRICS_ADDR"),
    ({"TRUSTED_PROXIES": "value"}, "TRUSTED_PROXIES"),
    ({"CREDENTIAL_SECRET_FILE": "/nonexistent/value"}, "CREDENTIAL_SECRET_FILE"),
]


@pytest.mark.parametrize(("change", "name"), BROKEN)
def test_a_broken_setting_is_named_and_its_value_is_not_told(
    change: dict[str, str], name: str
) -> None:
    variables = {key: value for key, value in (SECRETS | change).items() if value}

    with pytest.raises(SettingsInvalid) as caught:
        Settings.parse(variables)

    told = str(caught.value)
    assert name in told
    assert "value" not in told.replace("value error", "")


def test_two_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.parse(SECRETS | {"IMAP_PORT": "0", "MAIL_DOMAIN": "x"})
    assert len(caught.value.problems) == 2


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    others = {"HTTP_PROXY": "x", "MAIL": "/var/mail/x", "DATABASE_URL": "x", "PUBLIC_IP": "x"}
    Settings.parse(SECRETS | others)


def test_a_url_has_one_spelling() -> None:
    settings = Settings.parse(SECRETS | {"PUBLIC_BASE_URL": "HTTP://Keypost.Example:8080/"})
    assert settings.public_base_url == "http://keypost.example:8080"


def test_migrating_needs_no_secret() -> None:
    assert StoreSettings.parse({"DATABASE_DSN": "/a/k.db"}).lookup_file == Path("/a/lookup.db")


def test_a_misspelled_name_gets_a_hint() -> None:
    with pytest.raises(SettingsInvalid, match="did you mean EDPROOF_HMAC_SECRET"):
        Settings.parse(SECRETS | {"EDPROOF_HMAC_SECRT": "x"})


def test_the_secrets_alone_are_enough() -> None:
    settings = Settings.parse(SECRETS)
    assert settings.http_addr == Address("", 8080)
    assert settings.lookup_file == Path("lookup.db")
    assert settings.mail_reader_host == "mail.local"
    assert settings.grace_days == 7


def test_a_secret_never_shows_in_a_repr() -> None:
    assert "hhhh" not in repr(Settings.parse(SECRETS))


def test_the_mock_provider_on_a_public_server_has_to_be_named() -> None:
    public = SECRETS | {"PUBLIC_BASE_URL": "https://keypost.example", "NOTIFIER_PROVIDER": "log"}
    assert Settings.parse(public | {"PAYMENT_PROVIDER": "mock"}).payment_provider == "mock"


def test_bare_keys_on_a_public_server_have_to_be_wanted_twice() -> None:
    public = SECRETS | {
        "PUBLIC_BASE_URL": "https://keypost.example",
        "PAYMENT_PROVIDER": "mock",
        "NOTIFIER_PROVIDER": "log",
        "EDPROOF_MODE": "public-key",
        "EDPROOF_ALLOW_INSECURE": "1",
    }
    assert Settings.parse(public).edproof_mode == "public-key"


@pytest.mark.parametrize(
    ("host", "port", "tls"),
    [
        ("127.0.0.1", "1143", "none"),
        ("localhost", "143", "none"),
        ("imap.example.org", "143", "starttls"),
        ("imap.example.org", "993", "implicit"),
    ],
)
def test_a_password_never_crosses_a_network_in_the_clear(host: str, port: str, tls: str) -> None:
    settings = Settings.parse(SECRETS | {"IMAP_HOST": host, "IMAP_PORT": port})
    assert settings.imap_tls == tls


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 32 + "\n")
    variables = {"EDPROOF_HMAC_SECRET": "h" * 32, "CREDENTIAL_SECRET_FILE": str(file)}
    assert Settings.parse(variables).credential_secret.get_secret_value() == "s" * 32


def test_a_value_and_its_file_at_once_are_refused() -> None:
    with pytest.raises(SettingsInvalid, match="say it once"):
        Settings.parse(SECRETS | {"CREDENTIAL_SECRET_FILE": "/dev/null"})


def test_dotenv_fills_what_is_unset_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# a comment\n\nexport MAIL_DOMAIN='from.dotenv'\nIMAP_PORT=\"993\"\nGRACE_DAYS=3\n"
    )
    values = read_environment({"GRACE_DAYS": "5", "IMAP_HOST": ""}, tmp_path)
    assert values == {"MAIL_DOMAIN": "from.dotenv", "IMAP_PORT": "993", "GRACE_DAYS": "5"}


def test_a_line_of_dotenv_that_says_nothing_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAIL_DOMAIN=a.example\nsecretvalue\n")
    with pytest.raises(SettingsInvalid, match="line 2") as caught:
        read_environment({}, tmp_path)
    assert "secretvalue" not in str(caught.value)


def test_the_readme_names_every_setting() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    missing = [name for name in sorted(KNOWN) if f"`{name}" not in readme]
    assert missing == []
