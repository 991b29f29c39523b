"""Every pair of answers makes a project that passes the gates, without a trace of others."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterable
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from bootstrap.project.questions import Value, parse
from bootstrap.project.releases import BUNDLE
from tests.conftest import ROOT, install, rendered
from tests.installed import pythons
from tests.nightly import tree
from tests.rendered import matrix
from tests.rendered.conftest import on_each_kind_of_server
from tests.rendered.gates import (
    TEMPLATE,
    TRACES,
    TRACES_OF_ANY,
    files,
    pass_cheap_gates,
    run,
    traces,
)
from tests.rendered.matrix import Matrix, Row
from tests.toolbox import install_by_poetry, install_by_uv

pytestmark = pytest.mark.slow
TESTS = ROOT / "tests"
OURS = matrix.ours()

# Three nightlies of days that follow each other have all rows; of each it is another third.
PARTS = 1 if os.environ.get("HEADSTART_ROWS") == "all" else 3
TODAY = dt.datetime.now(dt.UTC).date().toordinal() % PARTS


def named(row: Row, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(row, id="-".join(matrix.chosen(row)) or "no", marks=marks)


of_rows_of_today = pytest.mark.parametrize("row", [named(row) for row in OURS.rows[TODAY::PARTS]])
# Every twelfth is for each run.
of_every_row = pytest.mark.parametrize(
    "row",
    [named(row, *([pytest.mark.nightly] if at % 12 else ())) for at, row in enumerate(OURS.rows)],
)


def test_every_pair_of_answers_is_in_a_row() -> None:
    covered = {pair for row in OURS.rows for pair in matrix.pairs_of(row)}
    assert OURS.pairs <= covered
    assert all(map(OURS.is_possible, OURS.rows))


def test_every_answer_that_copier_yml_offers_is_in_a_pair() -> None:
    answers = {answer for pair in OURS.pairs for answer in pair}
    offered = {
        (name, answer)
        for name, choices in OURS.factors.items()
        for answer in choices
        if answer is not matrix.NOT_ASKED
    }
    assert answers == offered
    searched = {*TRACES, *(each for group in TRACES_OF_ANY for each in group)}
    # git-flow and trunk are answers of one question, and looked for as one.
    assert {*matrix.slices(), "workflow"} == searched, "a feature is not searched for"


def test_what_a_row_has_passed_is_asked_again_after_any_change_of_files(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    asked = [of_files(tmp_path, [one])]
    one.chmod(0o755)
    asked.append(of_files(tmp_path, [one]))
    one.rename(other)
    asked.append(of_files(tmp_path, [other]))
    other.write_text("2")
    asked.append(of_files(tmp_path, [other]))
    assert len(set(asked)) == len(asked)
    assert {TESTS / "conftest.py", TESTS / "rendered/processes.py", Path(__file__)} <= judges()


def small(**asked: dict[str, Value]) -> Matrix:
    """A matrix of a few questions; the first one takes several answers."""
    first: dict[str, Value] = {"type": "str", "default": [], "choices": ["cache", "api"]}
    questions = {"features": {**first, "multiselect": True}, **asked}
    return Matrix(parse({name: {"help": "", **each} for name, each in questions.items()}))


def test_a_condition_sees_the_chosen_features_and_is_true_like_copiers() -> None:
    flag: dict[str, Value] = {"type": "bool", "default": False}
    when = "{{ 'yes' if 'cache' in features | default(['cache']) else 'no' }}"
    made = small(flag=flag, sized={**flag, "when": when})
    assert made.factors["flag"] == (True, False)
    assert made.factors["sized"] == (True, False, matrix.NOT_ASKED)
    asked = {(row["features.cache"], row["sized"] is not matrix.NOT_ASKED) for row in made.rows}
    assert asked == {(True, True), (False, False)}
    assert frozenset({("features.cache", False), ("sized", True)}) not in made.pairs


def test_a_pair_that_no_whole_row_has_is_not_demanded_and_each_other_one_is_there() -> None:
    flag: dict[str, Value] = {"type": "bool", "default": False}
    made = small(
        one={**flag, "when": "{{ 'cache' in features and 'api' in features }}"},
        other={**flag, "when": "{{ one }}"},
        third={**flag, "when": "{{ not one }}"},
    )
    assert frozenset({("other", True), ("features.api", False)}) not in made.pairs
    assert frozenset({("third", True), ("other", True)}) not in made.pairs
    assert frozenset({("third", True), ("features.api", False)}) in made.pairs
    assert made.pairs == {pair for row in made.rows for pair in matrix.pairs_of(row)}
    assert all(map(made.is_possible, made.rows))


def test_the_pairs_are_those_of_all_rows_that_are_possible() -> None:
    flag: dict[str, Value] = {"type": "bool", "default": False}
    kind: dict[str, Value] = {"type": "str", "choices": ["a", "b", "c"], "default": "a"}
    made = small(
        kind=kind,
        size={**kind, "when": "{{ kind != 'b' and 'cache' in features }}"},
        one={**flag, "when": "{{ kind == 'c' }}"},
        free={**flag, "default": True},
        other={**flag, "when": "{{ one or 'api' in features }}"},
    )
    every = (dict(zip(made.factors, each, strict=True)) for each in product(*made.factors.values()))
    possible = [row for row in every if made.is_possible(row)]
    assert made.pairs == {pair for row in possible for pair in matrix.pairs_of(row)}
    assert len(made.rows) < len(possible) / 4


def test_a_text_without_samples_says_where_they_belong() -> None:
    made = small(motto={"type": "str", "default": ""})
    with pytest.raises(AssertionError, match="asks motto: give it samples in tests/rendered/"):
        assert made.rows


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for every row: what Black and mypy have found good there, they know by its path."""
    place = tmp_path_factory.getbasetemp() / "row"
    place.mkdir(exist_ok=True)
    shutil.rmtree(place / "shop", ignore_errors=True)
    return place


@of_every_row
def test_a_row_passes_the_cheap_gates(
    row: Row, everything: Path, place: Path, request: pytest.FixtureRequest
) -> None:
    assert request.config.cache
    passed = request.config.cache.mkdir("gates")
    known = passed / digest(inputs().encode(), repr(row).encode())
    if known.exists():
        return
    shop = rendered(place, *matrix.data(row))
    judged = (of_files(shop, files(shop)), of_files(ROOT, judges()), sys.version, repr(row))
    content = passed / digest(*(each.encode() for each in judged))
    if not content.exists():
        others = [name for name in matrix.slices() if name not in matrix.chosen_slices(row)]
        assert traces(shop, *others) == []
        pass_cheap_gates(shop, everything)
    content.touch()
    known.touch()


@pytest.mark.nightly
@of_rows_of_today
def test_a_row_passes_all_gates_with_its_own_packages(row: Row, tmp_path: Path) -> None:
    # A render locks no packages of an index that it cannot ask: `capture --relock` does.
    own: Row = {"shared_packages": "[]"} if row["package_index"] else {}
    shop = rendered(tmp_path, *matrix.data(row | own))
    if row["packaging"] == "poetry":
        install_by_poetry(shop, python_of(row))
    elif row["packaging"] == "uv":
        install_by_uv(shop, python_of(row))
    else:
        install(shop, shop / "requirements-dev.lock", python_of(row))
    run(["make", "check", "VENV=.venv"], shop)
    assert re.search(r"\b\d+ passed", run(["make", "test", "VENV=.venv"], shop))


@pytest.mark.nightly
@of_rows_of_today
@on_each_kind_of_server
def test_a_row_passes_its_tests_on_each_kind_of_server(
    row: Row, everything: Path, database_url: str, tmp_path: Path
) -> None:
    shop = rendered(tmp_path, *matrix.data(row))
    suite = [str(everything / ".venv/bin/python"), "-m", "pytest", "-q"]
    assert re.search(r"\b\d+ passed", run(suite, shop, TEST_DATABASE_URL=database_url))


def python_of(row: Row) -> Path:
    """An interpreter of the series that the row's project is for."""
    minor = str(row["python_version"]).rpartition(".")[0]
    return pythons.newest() if minor == pythons.NEWEST else pythons.of(minor)


@cache
def inputs() -> str:
    """What a render is made of and judged by: where nothing of it changes, nor does the outcome."""
    bundle = ROOT / "bootstrap" / BUNDLE
    bundled = of_files(ROOT, filter(Path.is_file, [bundle]))
    return digest(*(each.encode() for each in (tree(ROOT), bundled, sys.version)))


def judges() -> set[Path]:
    """What renders are judged by: the tests and their helpers, and the packages they come with."""
    locks = {TEMPLATE / "requirements-dev.lock", TESTS / "requirements.lock"}
    return {*TESTS.glob("*.py"), *TESTS.glob("rendered/*.py"), *locks}


def of_files(root: Path, paths: Iterable[Path]) -> str:
    """A digest of files: their names, modes and contents."""
    told = ((path.relative_to(root), os.access(path, os.X_OK), path) for path in sorted(paths))
    return digest(
        *(f"{name} {mode} {digest(path.read_bytes())}".encode() for name, mode, path in told)
    )


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()
