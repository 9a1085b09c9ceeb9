"""Every fact there is: what the problem pages explain."""

from collections.abc import Iterator

from keypost.errors import Fact


def explained_facts() -> Iterator[type[Fact]]:
    """Return all kinds of facts that can reach a caller, ``Fact`` itself left out."""
    return _below(Fact)


def _below(kind: type[Fact]) -> Iterator[type[Fact]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)
