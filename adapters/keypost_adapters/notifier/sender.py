"""Who the letters are from."""

from dataclasses import dataclass
from email.headerregistry import Address

from keypost.address import EmailAddress
from keypost_adapters.notifier.sendable import is_one_line


@dataclass(frozen=True, slots=True)
class Sender:
    """An address and the name shown with it; a name that is not one line is a ValueError."""

    address: EmailAddress
    name: str

    def __post_init__(self) -> None:
        if not is_one_line(self.name):
            raise ValueError("The sender's name must be one line of text.")

    def __str__(self) -> str:
        """Write ``Name <local@domain>``, with the name in quotes where it needs them."""
        return str(self.header)

    @property
    def header(self) -> Address:
        """The sender as the standard library writes it into a header."""
        return Address(self.name, self.address.local, self.address.domain)
