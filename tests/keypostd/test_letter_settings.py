"""Which notifier is taken, and what is never taken by accident."""

import pytest

from keypostd.environment import SettingsInvalid
from keypostd.letter_settings import (
    Letters,
    LogLetters,
    MailgunLetters,
    ResendLetters,
    SendGridLetters,
    SmtpLetters,
    UnsendLetters,
    choose_letters,
)

UNSEND = {"UNSEND_KEY": "key", "UNSEND_FROM_EMAIL": "post@keypost.example"}
RESEND = {"RESEND_API_KEY": "key", "RESEND_FROM_EMAIL": "post@keypost.example"}
SENDGRID = {"SENDGRID_API_KEY": "key", "SENDGRID_FROM_EMAIL": "post@keypost.example"}
MAILGUN = {
    "MAILGUN_API_KEY": "key",
    "MAILGUN_DOMAIN": "keypost.example",
    "MAILGUN_FROM_EMAIL": "post@keypost.example",
}
SMTP = {"SMTP_URL": "smtp://user:password@mail.keypost.example"}


def choose(values: dict[str, str], *, is_public: bool = True) -> Letters:
    return choose_letters(values, mail_domain="keypost.example", is_public=is_public)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (UNSEND | RESEND | SENDGRID, UnsendLetters),
        (RESEND | SENDGRID, ResendLetters),
        (SENDGRID | MAILGUN, SendGridLetters),
        (MAILGUN | {"NOTIFIER_PROVIDER": "mailgun"}, MailgunLetters),
        (SMTP | {"NOTIFIER_PROVIDER": "smtp"}, SmtpLetters),
        (UNSEND | SENDGRID | {"NOTIFIER_PROVIDER": "sendgrid"}, SendGridLetters),
        (UNSEND | {"NOTIFIER_PROVIDER": "log"}, LogLetters),
    ],
)
def test_the_named_one_is_taken_or_else_the_first(values: dict[str, str], kind: type) -> None:
    assert isinstance(choose(values), kind)


def test_at_home_letters_go_to_the_log() -> None:
    assert choose({}, is_public=False) == LogLetters()


@pytest.mark.parametrize("values", [{}, MAILGUN, SMTP, {"NOTIFIER_PROVIDER": "pigeon"}])
def test_on_a_public_server_the_log_is_never_taken_by_accident(values: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="NOTIFIER_PROVIDER"):
        choose(values)


def test_one_that_is_half_set_up_is_refused_even_where_another_is_taken() -> None:
    with pytest.raises(SettingsInvalid, match="SENDGRID_FROM_EMAIL: must be set"):
        choose(RESEND | {"SENDGRID_API_KEY": "key"})


@pytest.mark.parametrize("values", [UNSEND, RESEND, SENDGRID, MAILGUN, SMTP])
def test_a_key_never_shows_in_a_repr(values: dict[str, str]) -> None:
    named = {"NOTIFIER_PROVIDER": next(iter(values)).split("_")[0].lower()}
    shown = repr(choose(values | named))
    assert "key'" not in shown
    assert "password" not in shown


@pytest.mark.parametrize("url", ["mail.keypost.example", "http://a.example", "smtp://u:secret@"])
def test_an_smtp_url_of_another_form_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="SMTP_URL") as caught:
        choose({"SMTP_URL": url, "NOTIFIER_PROVIDER": "smtp"})
    assert "secret" not in str(caught.value)


def test_a_key_never_crosses_a_network_in_the_clear() -> None:
    with pytest.raises(SettingsInvalid, match="UNSEND_BASE_URL: must be https"):
        choose(UNSEND | {"UNSEND_BASE_URL": "http://unsend.example/api"})
    loopback = choose(UNSEND | {"UNSEND_BASE_URL": "http://127.0.0.1:3000/api"})
    assert isinstance(loopback, UnsendLetters)


def test_letters_over_smtp_come_from_the_postmaster() -> None:
    letters = choose(SMTP | {"NOTIFIER_PROVIDER": "smtp"})
    assert isinstance(letters, SmtpLetters)
    assert str(letters.sender.address) == "postmaster@keypost.example"
