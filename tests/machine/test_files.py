"""Files: whole or not at all, and one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bootstrap import versions
from bootstrap.files import create_atomically, draft, exclusive, remove, text_of, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """\
import pathlib, sys
from bootstrap.files import exclusive
with exclusive(pathlib.Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def _write_and_fail(beside: Path) -> None:
    beside.write_bytes(b"half")
    raise ZeroDivisionError


def test_a_draft_takes_the_place_of_the_file_or_leaves_no_trace(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), draft(file) as beside:
        _write_and_fail(beside)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"old")]
    with draft(file) as beside:
        beside.write_bytes(b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"new")]


def test_what_another_attempt_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f"file.{os.getpid()}.draft").write_text("of a process that had this number")
    write_atomically(tmp_path / "file", "text", mode=0o640)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    (tmp_path / "other.draft").write_text("of a killed attempt")
    create_atomically(tmp_path / "other", "text", mode=0o600)
    with pytest.raises(FileExistsError):
        create_atomically(tmp_path / "other", "again", mode=0o600)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "other"]


def test_only_the_link_is_removed_and_nothing_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "link").symlink_to("folder")
    remove(tmp_path / "link")
    assert (tmp_path / "folder" / "file").exists()
    remove(tmp_path / "folder")
    remove(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []
    assert text_of(tmp_path / "folder") == ""


def test_a_lock_that_is_held_names_its_holder_and_is_waited_for(tmp_path: Path) -> None:
    lock, told = tmp_path / "lock", []
    with subprocess.Popen(
        (sys.executable, "-c", HOLD, lock), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"

        def busy(number: str) -> None:
            told.append(number)
            assert holder.stdin
            holder.stdin.close()

        with exclusive(lock, busy):
            assert told == [str(holder.pid)]
            assert lock.read_text() == str(os.getpid())


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3.13.0", (3, 13, 0)), ("26", (26,)), ("3.13.0rc1", ()), ("", ()), ("3.x", ()), ("²", ())],
)
def test_a_version_is_its_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert versions.numbers(version) == expected


def test_which_pips_work_on_a_python() -> None:
    assert (versions.oldest_pip("3.12.4"), versions.newest_pip("3.12.4")) == ("23.1.2", "")
    assert (versions.oldest_pip("3.9.21"), versions.newest_pip("3.9.21")) == ("", "26.0.1")
