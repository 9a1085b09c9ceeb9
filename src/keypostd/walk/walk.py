"""The steps of the walk."""

import json
import secrets
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from keypostd.local import LocalSettings
from keypostd.settings import Settings
from keypostd.walk.agent import Agent, StepFailed
from keypostd.walk.mail import (
    code_in,
    letter_with,
    newest_over_imap,
    send_code,
    text_of,
    wait_for,
)
from keypostd.walk.screen import Screen

BILLING_EMAIL = "owner@example.org"


@dataclass(slots=True)
class Walk:
    """Walks through the main job; blocking, for a thread of its own."""

    local: LocalSettings
    settings: Settings
    screen: Screen
    _agent: Agent = field(init=False)
    _interrupted: bool = False

    def __post_init__(self) -> None:
        self._agent = Agent(
            home=self.local.state.path / "agent",
            url=self.settings.public_base_url,
            screen=self.screen,
        )

    def __call__(self) -> bool:
        """Walk; return whether every step did what it is for."""
        try:
            self._walk()
        except Exception as error:  # noqa: BLE001 - whatever it was ends the walk, not the servers
            if not self._interrupted:
                self.screen.failed(f"{error}" if isinstance(error, StepFailed) else repr(error))
                self.screen.say(f"   The log may say more: {self.local.state.path}/keypostd.log")
            return False
        return True

    def interrupt(self) -> None:
        """Stop walking soon."""
        self._interrupted = True
        self._agent.kill()

    def _walk(self) -> None:
        mailbox = self._claim()
        if not mailbox["usable"]:
            self._letter(mailbox["payment_url"])
            self._pay(mailbox["payment_url"])
        access = self._access()
        code = self._mail_in(access["email"])
        self._read_over_http(code)
        self._read_over_imap(access, code)

    def _claim(self) -> dict[str, Any]:
        self.screen.step("An agent claims the mailbox of its SSH key")
        mailbox = self._agent.run("claim", "--billing-email", BILLING_EMAIL)
        if mailbox["usable"]:
            self.screen.found(f"the same key, the same mailbox, paid until {mailbox['expires_at']}")
        else:
            self.screen.found("the mailbox waits for its payment")
        return mailbox

    def _letter(self, link: str) -> None:
        self.screen.step(f"{BILLING_EMAIL} gets a letter")
        folder = self.local.state.path / "letters"
        letter = wait_for(lambda: letter_with(link, folder), what="the letter")
        self.screen.answer(f"To: {letter['To']}\nSubject: {letter['Subject']}\n\n{text_of(letter)}")
        self.screen.found(f"kept as a file in {folder}")

    def _pay(self, link: str) -> None:
        self.screen.step("Somebody opens the link and pays (the mock provider takes no money)")
        self.screen.command(f"curl {link}")
        with urllib.request.urlopen(link, timeout=15) as reply:  # noqa: S310 - our own http link
            answer = json.load(reply)
        self.screen.document(answer)
        if answer.get("status") != "paid":
            raise StepFailed("the payment was not taken")

    def _access(self) -> dict[str, Any]:
        self.screen.step("The key opens the mailbox")
        access = self._agent.run("access")
        self.screen.found(f"mail for {access['email']} is taken from now on")
        return access

    def _mail_in(self, address: str) -> str:
        self.screen.step(f"A shop sends a code to the agent, over SMTP on {self.local.smtp}")
        code = f"{secrets.randbelow(1_000_000):06}"
        send_code(code, to=address, server=self.local.smtp, screen=self.screen)
        self.screen.found(f"the code that was sent: {code}")
        return code

    def _read_over_http(self, code: str) -> None:
        self.screen.step("The agent reads it over HTTP")
        newest = self._agent.run("messages", "--limit", "1")["messages"][0]
        text = self._agent.run("read", str(newest["uid"]))["body"]
        self.screen.answer(text)
        self._expect(code_in(text), code)

    def _read_over_imap(self, access: dict[str, Any], code: str) -> None:
        self.screen.step(f"… and over IMAP on {self.local.imap}, as any mail client does")
        message = newest_over_imap(
            server=self.local.imap,
            username=access["username"],
            password=access["password"],
            screen=self.screen,
        )
        self.screen.answer(text_of(message))
        self._expect(code_in(text_of(message)), code)

    def _expect(self, found: str, sent: str) -> None:
        if found != sent:
            raise StepFailed(f"the mail says {found}, but {sent} was sent")
        self.screen.found(f"the code in the mail: {found}")
