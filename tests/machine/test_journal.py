"""What earlier runs left behind, whole or torn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bootstrap.errors import Refused
from bootstrap.machine import journal
from bootstrap.machine.journal import Journal, JournalEntry, RunId, Unfinished
from bootstrap.processes import ProcessId

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path))
    path = journal.path_of(tmp_path / "shop")
    path.parent.mkdir(parents=True)
    return Journal(path, RunId("one"))


def events(*names: str) -> tuple[JournalEntry, ...]:
    return tuple({"event": name, "run": "one", "step": "packages"} for name in names)


def test_entries_are_read_back_in_order(diary: Journal) -> None:
    diary.write("run-started", plan="venv")
    diary.write("step-done", step="venv", seconds=1.5)
    assert [entry["event"] for entry in journal.entries_in(diary.path)] == [
        "run-started",
        "step-done",
    ]


@pytest.mark.parametrize("torn", ['{"event": "step-st', "\x00\x00\x00", "nonsense", "[1]"])
def test_a_torn_last_line_is_skipped_and_closed(diary: Journal, torn: str) -> None:
    diary.write("run-started")
    with diary.path.open("a") as stream:
        stream.write(torn)
    assert len(journal.entries_in(diary.path)) == 1
    diary.write("run-ended", ending="done")
    assert [entry["event"] for entry in journal.entries_in(diary.path)] == [
        "run-started",
        "run-ended",
    ]


def test_a_journal_is_for_its_user_only(diary: Journal) -> None:
    diary.write("run-started")
    assert diary.path.stat().st_mode & 0o077 == 0


def test_no_run_is_unfinished_in_an_empty_journal(tmp_path: Path) -> None:
    assert journal.unfinished(journal.entries_in(tmp_path / "none")) is None


def test_a_run_without_an_end_was_interrupted_in_its_last_step() -> None:
    entries = events("run-started", "step-started")
    assert journal.unfinished(entries) == Unfinished("one", "packages", "interrupted", None)


def test_a_command_without_an_end_may_still_run() -> None:
    started: JournalEntry = {"event": "command-started", "pid": 7, "began": "12"}
    found = journal.unfinished((*events("run-started", "step-started"), started))
    assert found
    assert found.orphan == ProcessId(7, "12")
    ended = journal.unfinished((*events("run-started"), started, *events("command-ended")))
    assert ended
    assert ended.orphan is None


@pytest.mark.parametrize(("ending", "expected"), [("done", None), ("failed", "failed")])
def test_the_end_of_the_last_run_counts(ending: str, expected: str | None) -> None:
    end: JournalEntry = {"event": "run-ended", "ending": ending}
    found = journal.unfinished((*events("run-started", "run-started", "step-started"), end))
    assert (found.ending if found else None) == expected


def test_a_proof_that_failed_later_no_longer_counts(diary: Journal, tmp_path: Path) -> None:
    diary.write("proving", fingerprint="a")
    assert not journal.was_verified(tmp_path / "shop", "a")
    diary.write("proven", fingerprint="a")
    assert journal.was_verified(tmp_path / "shop", "a")
    diary.write("proving", fingerprint="a")
    assert not journal.was_verified(tmp_path / "shop", "a")


def test_the_usual_time_is_the_median_of_the_latest_runs(diary: Journal) -> None:
    for seconds in (99, 99, 1, 2, 3, 4, 50):
        diary.write("step-done", step="venv", seconds=seconds)
    assert journal.usual_seconds() == {"venv": 3}


def test_only_one_holds_a_project(diary: Journal, tmp_path: Path) -> None:
    del diary
    with journal.only_one(tmp_path / "shop"):
        second = journal.only_one(tmp_path / "shop")
        with pytest.raises(Refused, match="process"):
            second.__enter__()
    with journal.only_one(tmp_path / "shop"):
        pass


def test_steps_keep_the_names_of_today_whoever_wrote_the_journal(
    diary: Journal, tmp_path: Path
) -> None:
    """Up to 0.5.0 two steps were called otherwise."""
    diary.write("run-started")
    diary.write("step-started", step="environment")
    diary.write("step-done", step="environment", seconds=2.0)
    diary.write("step-started", step="proof")
    unfinished = journal.unfinished(journal.entries_of(tmp_path / "shop"))
    assert unfinished
    assert unfinished.step == "verification"
    assert journal.usual_seconds() == {"dotenv": 2.0}
