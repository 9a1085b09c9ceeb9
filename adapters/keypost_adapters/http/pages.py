"""Pages for people and texts for agents, from Jinja templates.

A page loads nothing: its style stands in it, and the policy that goes with it
allows that style alone.
"""

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256

from jinja2 import Environment
from litestar import Response

from keypost_adapters.http.face import PublicFace
from keypost_adapters.jinja_templates import templates_of

_STYLE = "style.css"


@dataclass(frozen=True, slots=True)
class Pages:
    """Fills templates with what the service says about itself."""

    face: PublicFace
    templates: Environment = field(default_factory=lambda: templates_of("keypost_adapters.http"))

    def text(self, template: str, **facts: object) -> str:
        """Fill a template."""
        return self.templates.get_template(template).render(
            face=self.face, style=self._style, **facts
        )

    def page(
        self, template: str, *, status: int = 200, cache: str = "no-store", **facts: object
    ) -> Response[str]:
        """Answer with a page."""
        return Response(
            self.text(template, **facts),
            status_code=status,
            media_type="text/html",
            headers={**self._headers, "Cache-Control": cache},
        )

    @property
    def _style(self) -> str:
        return self.templates.get_template(_STYLE).render()

    @property
    def _headers(self) -> dict[str, str]:
        digest = b64encode(sha256(self._style.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
            " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }


def etag_of(content: str) -> str:
    """Return the entity tag of a text (RFC 9110 section 8.8.3)."""
    return f'"{sha256(content.encode()).hexdigest()[:32]}"'


def is_fresh(etag: str, if_none_match: str) -> bool:
    """Say whether the caller has this version already (RFC 9110 section 13.1.2)."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or known == ["*"]
