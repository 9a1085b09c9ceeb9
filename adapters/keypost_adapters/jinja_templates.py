"""Jinja templates as this project uses them: strict, and escaped where they are HTML."""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def templates_of(package: str) -> Environment:
    """Return the templates in the ``templates`` folder of a package.

    A name that a template uses and nobody gave is an error, not a gap.
    """
    return Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
