"""A command line that cannot be understood."""

from keypost_client.errors import KeypostError


class WrongUsage(KeypostError):  # noqa: N818 - named for what happened
    """The command line cannot be understood, or asks for what makes no sense."""

    code = "usage"
    fix = "`keypost --help` shows how."
