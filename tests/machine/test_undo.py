"""What a run made can be taken back: all of it, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.machine.conftest import Shop, other_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def tree(root: Path) -> set[str]:
    return {str(at.relative_to(root)) for at in root.rglob("*") if "__pycache__" not in at.parts}


def undo(shop: Shop, *arguments: str) -> dict[str, object]:
    done = shop.headstart("undo", "--json", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def runs(shop: Shop) -> list[dict[str, object]]:
    told: list[dict[str, object]] = json.loads(shop.headstart("journal", "--json").stdout)["runs"]
    return told


def test_a_run_is_planned_and_then_taken_back_completely(shop: Shop) -> None:
    before = tree(shop.root)
    shop.up()
    after = tree(shop.root)
    planned = undo(shop)
    assert tree(shop.root) == after
    done = undo(shop, "--yes")
    assert done["reversals"] == planned["reversals"]
    # The database and what the proof wrote are the project's own; undo does not touch data.
    assert tree(shop.root) - before == {"shop.db", "proving"}
    assert [run["undone"] for run in runs(shop)] == [True]
    shop.up()
    assert shop.findings() == []


def test_what_was_edited_since_stays(shop: Shop) -> None:
    shop.up()
    (shop.root / ".env").write_text("SECRET_KEY=mine\n")
    undo(shop, "--yes")
    assert (shop.root / ".env").read_text() == "SECRET_KEY=mine\n"
    assert not (shop.root / ".venv").exists()


def test_an_environment_that_was_set_aside_comes_back(shop: Shop) -> None:
    shop.up()
    (shop.root / ".venv" / "mine.txt").write_text("kept")
    (shop.root / ".python-version").write_text(f"{other_python()}\n")
    (shop.root / "prove.py").write_text("raise SystemExit('not yet')\n")
    assert shop.headstart("up").returncode == 1
    assert not (shop.root / ".venv" / "mine.txt").exists()
    undo(shop, "--yes")
    assert (shop.root / ".venv" / "mine.txt").read_text() == "kept"


def test_a_run_is_named_by_its_id_and_an_unknown_one_is_refused(shop: Shop) -> None:
    shop.up("--only", "venv")
    shop.up()
    first, second = runs(shop)
    assert first["steps"] == ["venv"]
    assert undo(shop, str(second["id"]))["run"] == second["id"]
    assert shop.headstart("undo", "nonsense").returncode == 64


def test_without_a_run_there_is_nothing_to_undo(shop: Shop) -> None:
    assert runs(shop) == []
    assert shop.headstart("undo", "--yes").returncode == 64
