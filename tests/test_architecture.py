"""The shape of the code: who may import whom, how long files and functions are, unique names."""

from __future__ import annotations

import ast
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_group

from bootstrap.cli import PARTS
from tests.conftest import ROOT

PACKAGE = sorted((ROOT / "bootstrap").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    program = Path(sysconfig.get_path("scripts"), "lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("files", "most"), [(PACKAGE, 400), (TESTS, 500)], ids=["code", "tests"])
def test_no_file_is_too_long(files: list[Path], most: int) -> None:
    lengths = {str(file): len(file.read_text("utf-8").splitlines()) for file in files}
    assert {file: length for file, length in lengths.items() if length > most} == {}


def test_every_command_is_found_in_its_part_of_the_command_line() -> None:
    modules = [each.stem for each in PACKAGE if each.parent.name == "commands"]
    apps = {
        name: app
        for name in modules
        if (app := getattr(import_module(f"bootstrap.commands.{name}"), "app", None))
    }
    commands = {name: tuple(get_group(app).commands) for name, app in apps.items()}
    assert {name: set(found) for name, found in commands.items()} == {
        name: set(named) for name, named in PARTS.items()
    }
    assert len(PARTS) > 3


def test_functions_are_short() -> None:
    lengths = sorted(length for file in PACKAGE for length in _function_lengths(file))
    assert lengths[-1] <= 50
    assert lengths[len(lengths) * 9 // 10] < 20
    assert lengths[len(lengths) // 2] < 8


def test_a_class_or_type_has_a_name_of_its_own() -> None:
    names = Counter(name for file in PACKAGE for name in _public_types(file))
    assert [name for name, count in names.items() if count > 1] == []


def _function_lengths(file: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            yield node.end_lineno - node.lineno + 1


def _public_types(file: Path) -> Iterator[str]:
    """The classes of a module, and the aliases of types in it."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        else:
            continue
        if name[0].isupper() and not name.isupper():
            yield name
