"""Letters from Jinja templates: ``templates/<kind>.txt`` and ``templates/<kind>.html``.

The text template's first line is the subject. A fact that a template names and
the outbox entry lacks is an error, not a gap in a letter.
"""

from dataclasses import dataclass, field

from jinja2 import Environment

from keypost.letters import Letter, OutboxEntry
from keypost_adapters.jinja_templates import templates_of


@dataclass(frozen=True, slots=True)
class JinjaLetterWriter:
    """LetterWriter over Jinja templates."""

    templates: Environment = field(default_factory=lambda: templates_of("keypost_adapters.letters"))

    def write(self, entry: OutboxEntry) -> Letter:
        """Fill the entry's templates with its facts."""
        subject, _, text = self._render(entry, "txt").partition("\n")
        return Letter(
            to=entry.to, subject=subject, text=text.lstrip("\n"), html=self._render(entry, "html")
        )

    def _render(self, entry: OutboxEntry, ending: str) -> str:
        return self.templates.get_template(f"{entry.kind.value}.{ending}").render(entry.facts)
