"""What could not be read as it was meant."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Defects:
    """Collects slugs; each is kept once, in the order in which it was first seen.

    A slug is stable: ``charset_broken``, ``too_deep``. It never quotes the mail.
    """

    _seen: dict[str, None] = field(default_factory=dict)

    def note(self, slug: str) -> None:
        """Remember that something was not as it was meant."""
        self._seen[slug] = None

    def all(self) -> tuple[str, ...]:
        """Return every slug noted so far."""
        return tuple(self._seen)
