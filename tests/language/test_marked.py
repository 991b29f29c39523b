"""What an error says is marked to be translated, wherever in the code it is raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.conftest import ROOT

FILES = sorted((ROOT / "bootstrap").rglob("*.py"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}
MARKS = ("Said", "_")
# What is typed, and is the same in each language.
COMMAND = re.compile(r"(headstart|git|docker compose|rm|mkdir|\{\})( [^ ,;:`]*[^ ,;:`.])*")
# Arguments of calls that are no texts: separators, formats, names of files.
OF_TEXTS = ("join", "split", "get", "startswith", "removeprefix", "partition", "format")


def test_texts_of_errors_are_marked() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{text.lineno}: {written(text)}"
        for path, tree in TREES.items()
        if path.name != "language.py"  # that a language is unknown is said in none but English
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and is_error(call)
        for text in texts_of(call)
        if is_prose(written(text))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["{}: {}", "headstart up --yes", "git fsck", "; ", "rm -r {}"])
def test_what_is_typed_is_no_prose(text: str) -> None:
    assert not is_prose(text)


@pytest.mark.parametrize(
    "text", ["It is closed.", "git failed.", "headstart up, to go on", "or: {}"]
)
def test_what_is_read_is_prose(text: str) -> None:
    assert is_prose(text)


def is_error(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(name):
            return name in errors()
        case ast.Attribute(ast.Call(ast.Name("super")), "__init__"):
            return True
        case ast.Attribute(_, name):
            return name in errors()
    return False


@cache
def errors() -> set[str]:
    """Return the names of all classes of errors that people are told."""
    found = {"HeadstartError"}
    while True:
        more = {
            each.name
            for tree in TREES.values()
            for each in ast.walk(tree)
            if isinstance(each, ast.ClassDef)
            and found & {ast.unparse(base).rpartition(".")[2] for base in each.bases}
        }
        if more <= found:
            return found
        found |= more


def texts_of(call: ast.Call) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Yield the literals of an error's what, why and next that bear no mark."""
    told = [each.value for each in call.keywords if each.arg != "cause"]
    for argument in (*call.args, *told):
        yield from unmarked(argument)


def unmarked(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    match node:
        case ast.Call(ast.Name(name)) if name in MARKS:
            return
        case ast.Call(ast.Attribute(_, name)) if name in OF_TEXTS:
            return
        case ast.JoinedStr() | ast.Constant(str()):
            yield node
        case _:
            for child in ast.iter_child_nodes(node):
                yield from unmarked(child)


def written(text: ast.Constant | ast.JoinedStr) -> str:
    """Return the text with {} for each value in it."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    return "".join(str(x.value) if isinstance(x, ast.Constant) else "{}" for x in text.values)


def is_prose(text: str) -> bool:
    return bool(re.search("[a-z]{2}", text)) and not COMMAND.fullmatch(text)
