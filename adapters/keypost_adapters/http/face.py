"""What the service says about itself in replies and on pages."""

from dataclasses import dataclass

# RFC 8314 section 3.2: TLS from the first byte.
_IMAPS = 993


@dataclass(frozen=True, slots=True)
class PublicFace:
    """Addresses, price and limits, as shown to everybody.

    ``public_base_url`` has no slash at its end, ``currency`` is ISO 4217 in
    lower case, ``quota_mb`` counts millions of bytes, and a new ``cache_buster``
    makes every kept landing page stale.
    """

    public_base_url: str
    mail_domain: str
    imap_host: str
    imap_port: int
    price_cents: int
    currency: str
    quota_mb: int
    build_number: str
    cache_buster: str

    @property
    def imap_tls(self) -> bool:
        """Whether IMAP is encrypted from the first byte."""
        return self.imap_port == _IMAPS

    @property
    def price(self) -> str:
        """The monthly price in words: ``1.00 EUR``."""
        return f"{self.price_cents / 100:.2f} {self.currency.upper()}"
