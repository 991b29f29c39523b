"""Every pair of answers makes a project that passes the gates, without a trace of others."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, install, rendered
from tests.rendered import matrix
from tests.rendered.conftest import on_every_server
from tests.rendered.gates import TEMPLATE, TRACES, files, pass_cheap_gates, run, traces
from tests.rendered.matrix import Row

pytestmark = pytest.mark.slow

of_every_row = pytest.mark.parametrize(
    "row", matrix.rows(), ids=lambda row: "-".join(matrix.chosen(row)) or "no"
)


def test_every_pair_of_answers_is_in_a_row() -> None:
    covered = {pair for row in matrix.rows() for pair in matrix.pairs_of(row)}
    assert matrix.pairs() <= covered
    assert all(map(matrix.is_possible, matrix.rows()))


def test_every_answer_that_copier_yml_offers_is_in_a_pair() -> None:
    answers = {answer for pair in matrix.pairs() for answer in pair}
    offered = {
        (name, answer)
        for name, choices in matrix.factors().items()
        for answer in choices
        if answer is not matrix.NOT_ASKED
    }
    assert answers == offered
    assert set(matrix.features()) == TRACES.keys(), "a feature is not searched for"


@of_every_row
def test_a_row_passes_the_cheap_gates(
    row: Row, everything: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert request.config.cache
    passed = request.config.cache.mkdir("gates")
    known = passed / digest(*sorted(inputs()), repr(row).encode())
    if known.exists():
        return
    shop = rendered(tmp_path, *matrix.data(row))
    content = passed / digest(*(path.read_bytes() for path in files(shop)), *sorted(judges()))
    if not content.exists():
        others = [name for name in matrix.features() if name not in matrix.chosen(row)]
        assert traces(shop, *others) == []
        pass_cheap_gates(shop, everything)
    content.touch()
    known.touch()


@pytest.mark.nightly
@of_every_row
def test_a_row_passes_all_gates_with_its_own_packages(row: Row, tmp_path: Path) -> None:
    shop = rendered(tmp_path, *matrix.data(row))
    install(shop, shop / "requirements-dev.lock")
    run(["make", "check", "VENV=.venv"], shop)
    assert re.search(r"\b\d+ passed", run(["make", "test", "VENV=.venv"], shop))


@pytest.mark.nightly
@of_every_row
@on_every_server
def test_a_row_passes_its_tests_on_every_server(
    row: Row, everything: Path, database_url: str, tmp_path: Path
) -> None:
    shop = rendered(tmp_path, *matrix.data(row))
    suite = [str(everything / ".venv/bin/python"), "-m", "pytest", "-q"]
    assert re.search(r"\b\d+ passed", run(suite, shop, TEST_DATABASE_URL=database_url))


def inputs() -> set[bytes]:
    """What a render is made of and judged by: where nothing of it changes, nor does the outcome."""
    made_of = [ROOT / "copier.yml", *(path for path in TEMPLATE.rglob("*") if path.is_file())]
    made_of += (ROOT / "bootstrap").rglob("*.py")
    return judges() | {path.read_bytes() for path in made_of if "cache" not in path.parent.name}


def judges() -> set[bytes]:
    """What renders are judged by."""
    here = Path(__file__).parent
    judges = [here / "gates.py", here / "matrix.py", TEMPLATE / "requirements-dev.lock"]
    return {path.read_bytes() for path in judges}


def digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()
