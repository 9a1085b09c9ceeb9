"""What the house asks of every file, asked by a test."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from keypost import errors
from keypost.errors import Fact
from keypost_adapters.http import edge_facts

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "src/keypost").rglob("*.py"))
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")])
LONGEST_FUNCTION, LONGEST_FILE = 60, 560
EDGE_FACTS = re.compile(r"keypost_adapters\.\w+\.edge_facts")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else str(node.module).partition(".")[0]


def facts(kind: type[Fact] = Fact) -> Iterator[type[Fact]]:
    for fact in kind.__subclasses__():
        yield fact
        yield from facts(fact)


def test_the_core_imports_only_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"keypost"}
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in CORE
        for name in imported(path)
        if name not in allowed
    }
    assert CORE
    assert foreign == set()


@pytest.mark.parametrize("name", ["time", "random", "secrets", "socket", "os", "sqlite3"])
def test_the_core_knows_no_clock_no_chance_and_no_world(name: str) -> None:
    assert [path.name for path in CORE if name in imported(path)] == []


def test_the_core_asks_nobody_what_time_it_is() -> None:
    asked = [
        f"{path.name}:{node.lineno}"
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "uuid4"}
        if isinstance(node.value, ast.Name) and node.value.id in {"datetime", "date", "uuid"}
    ]
    assert asked == []


def test_imports_point_inward() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_every_fact_has_a_slug_and_a_title_of_its_own() -> None:
    every = list(facts())
    assert len(every) > 20
    for member in ("slug", "title"):
        own = [fact.__dict__.get(member) for fact in every]
        assert None not in own
        assert [value for value, times in Counter(own).items() if times > 1] == []


def test_every_fact_is_of_one_kind_and_says_a_sentence() -> None:
    kinds = Fact.__subclasses__()
    assert [kind for kind in kinds if kind.__module__ != errors.__name__] == [
        edge_facts.InternalError  # of no kind, so that no edge answers it by mistake
    ]
    for fact in facts():
        assert sum(issubclass(fact, kind) for kind in kinds) == 1
        assert said_by(fact) == f"{fact.title}."
        assert fact.slug.replace("_", "").isalpha()
        assert fact.slug == fact.slug.lower()


def said_by(fact: type[Fact]) -> str:
    """Return what a fact says by itself, whatever else it would carry."""
    made = fact.__new__(fact)
    Fact.__init__(made)
    return str(made)


def test_facts_live_in_the_core_or_with_the_edge_that_finds_them() -> None:
    elsewhere = {fact.__module__ for fact in facts()} - {errors.__name__}
    assert {name for name in elsewhere if not EDGE_FACTS.fullmatch(name)} == set()


def test_a_fact_says_what_it_was_told_to_say() -> None:
    assert str(errors.AddressMalformed("That is two addresses.")) == "That is two addresses."


def lines_of(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def directly_in(node: ast.AST) -> Iterator[Function]:
    """Yield the functions inside a node, but not those inside of them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from directly_in(child)


def own_lines_of(function: Function) -> int:
    """Count a function's lines without those of the functions in it: a factory is as long as it is."""
    return lines_of(function) - sum(lines_of(inner) for inner in directly_in(function))


def test_no_function_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
        if own_lines_of(node) > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_file_is_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert [str(path) for path, lines in lengths.items() if lines > LONGEST_FILE] == []
