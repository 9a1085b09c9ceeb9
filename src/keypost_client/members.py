"""A JSON object from the wire, read member by member."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from keypost_client.errors import NotUnderstood


@dataclass(frozen=True, slots=True)
class Members:
    """One JSON object. Every method raises NotUnderstood, naming the member."""

    everything: Mapping[str, object]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a body that must be one JSON object."""
        try:
            return cls._of(json.loads(content), "the body")
        # RecursionError: a body of a hundred thousand brackets.
        except (ValueError, RecursionError) as error:
            raise NotUnderstood("The server's answer is not JSON.") from error

    @classmethod
    def _of(cls, value: object, name: str) -> Self:
        if not isinstance(value, dict):
            raise _not_understood(name)
        return cls(value)

    def text(self, name: str) -> str:
        """Read a string."""
        value = self.everything.get(name)
        if not isinstance(value, str):
            raise _not_understood(name)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Read a string that may be null or left out."""
        return None if self.everything.get(name) is None else self.text(name)

    def text_or_empty(self, name: str) -> str:
        """Read a string, where null and left out mean empty."""
        return self.text_or_none(name) or ""

    def number(self, name: str) -> int:
        """Read a whole number; digits in a string are one as well."""
        value = self.everything.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _not_understood(name)
        return value

    def flag(self, name: str) -> bool:
        """Read true or false."""
        value = self.everything.get(name)
        if not isinstance(value, bool):
            raise _not_understood(name)
        return value

    def time_or_none(self, name: str) -> datetime | None:
        """Read an RFC 3339 time that may be null or left out."""
        text = self.text_or_empty(name)
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError as error:
            raise _not_understood(name) from error

    def object(self, name: str) -> "Members":
        """Read an object inside this one."""
        return self._of(self.everything.get(name), name)

    def objects(self, name: str) -> "list[Members]":
        """Read a list of objects."""
        value = self.everything.get(name)
        if not isinstance(value, list):
            raise _not_understood(name)
        return [self._of(one, name) for one in value]


def _not_understood(name: str) -> NotUnderstood:
    return NotUnderstood(f"The server's answer lacks {name!r}, or holds something else there.")
