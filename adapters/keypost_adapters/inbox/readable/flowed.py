"""format=flowed: paragraphs that were broken for display (RFC 3676)."""

from collections.abc import Iterator

_SIGNATURE = "-- "


def unflow(text: str, *, delsp: bool) -> str:
    """Join soft line breaks; ``delsp`` says that the joining space is not text."""
    return "\n".join(_paragraphs(text.split("\n"), delsp=delsp))


def _paragraphs(lines: list[str], *, delsp: bool) -> Iterator[str]:
    open_depth, pieces = 0, list[str]()
    for line in lines:
        depth, content = _unquoted(line)
        # Section 4.5: a change of quote depth ends a paragraph; so does a signature line.
        if pieces and (depth != open_depth or content == _SIGNATURE):
            yield _quoted(open_depth, pieces)
            pieces = []
        open_depth = depth
        soft = content.endswith(" ") and content != _SIGNATURE
        pieces.append(content[:-1] if soft and delsp else content)
        if not soft:
            yield _quoted(depth, pieces)
            pieces = []
    if pieces:
        yield _quoted(open_depth, pieces)


def _unquoted(line: str) -> tuple[int, str]:
    """Return the quote depth and the line without quote marks and stuffing (section 4.4)."""
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def _quoted(depth: int, pieces: list[str]) -> str:
    mark = ">" * depth + " " if depth else ""
    return mark + "".join(pieces)
