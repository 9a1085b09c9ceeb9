"""For programs: one JSON document on stdout, whatever happens.

ASCII only, with everything else escaped, so that a stranger's text stays
harmless in a log or on a screen as well. What the server sent is given as it
came, members that this version does not know included.
"""

# ruff: noqa: T201 - what it prints is what it is for

import base64
import json
from collections.abc import Mapping

from keypost_client.errors import KeypostError
from keypost_client.keys.choice import LocalKey
from keypost_client.replies import Access, Mailbox, Message


class MachineOutput:
    """Output as JSON."""

    def mailbox(self, mailbox: Mailbox, *, billing_email: str) -> None:  # noqa: ARG002
        """Print the mailbox reply."""
        _print(mailbox.members)

    def access(self, access: Access) -> None:
        """Print the access reply."""
        _print(access.members)

    def messages(self, messages: list[Message]) -> None:
        """Print ``{"messages": [...]}``."""
        _print({"messages": [message.members for message in messages]})

    def message(self, message: Message) -> None:
        """Print the message."""
        _print(message.members)

    def raw(self, uid: int, content: bytes) -> None:
        """Print the bytes in base64."""
        _print({"uid": uid, "raw_base64": base64.b64encode(content).decode()})

    def key(self, key: LocalKey) -> None:
        """Print the public half and where the private one lies."""
        _print(
            {
                "fingerprint": key.public_key.fingerprint,
                "public_key": key.public_key_line,
                "where": key.where,
            }
        )

    def error(self, error: KeypostError) -> None:
        """Print a problem object, on stdout as well."""
        _print(error.as_members())


def _print(document: Mapping[str, object]) -> None:
    print(json.dumps(document, indent=2))
