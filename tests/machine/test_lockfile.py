"""Reading a lock, and what of it a Python needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import lockfile
from bootstrap.lockfile import LockEntry, PackageName
from tests.machine.conftest import LOCK

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4}){0,2}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(rc1|\.post1)?", fullmatch=True)
MARKERS = st.sampled_from(("", 'sys_platform == "win32"', 'python_version < "3.12"'))
ENTRIES = st.builds(LockEntry, NAMES.map(PackageName), VERSIONS, MARKERS)
HASH = "--hash=sha256:" + "a" * 64


def written(entry: LockEntry) -> str:
    marker = f" ; {entry.marker}" if entry.marker else ""
    return f"{entry.name}=={entry.version}{marker} \\\n    {HASH} \\\n    {HASH}\n    # via shop\n"


@given(st.lists(ENTRIES))
def test_every_entry_is_read_back(entries: list[LockEntry]) -> None:
    text = "# a comment\n--index-url https://example.org/simple\n" + "".join(map(written, entries))
    assert lockfile.pip_entries(text) == tuple(entries)


@given(st.text())
def test_no_text_is_fatal(text: str) -> None:
    lockfile.pip_entries(text)


def test_windows_line_ends_and_extras_are_read() -> None:
    text = f"Uvi_Corn[standard]==0.30 \\\r\n    {HASH}\r\n"
    assert lockfile.pip_entries(text) == (LockEntry(PackageName("uvi-corn"), "0.30", ""),)


def test_markers_are_judged_for_the_pinned_python_not_for_ours() -> None:
    entries = (
        LockEntry(PackageName("old"), "1", "python_version < '3.12'"),
        LockEntry(PackageName("new"), "1", "python_full_version >= '3.12.1'"),
        LockEntry(PackageName("win"), "1", "sys_platform == 'win32'"),
    )
    assert lockfile.wanted(entries, "3.11.7") == {"old": "1"}
    assert lockfile.wanted(entries, "3.12.1") == {"new": "1"}


def test_a_lock_of_uv_is_read() -> None:
    names = [entry.name for entry in lockfile.pip_entries(LOCK.read_text())]
    assert names == ["colorama", "iniconfig", "pluggy"]


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("-rbase.txt", "include", "base.txt"),
        ("--requirement=base.txt  # ours", "include", "base.txt"),
        ("-c limits.txt", "constraint", "limits.txt"),
        ("-e .[dev]", "editable", ".[dev]"),
        (
            "--editable git+https://host/a.git@v1#egg=a",
            "editable",
            "git+https://host/a.git@v1#egg=a",
        ),
        ("./libs/a", "local", "./libs/a"),
        (".", "local", "."),
        ("wheels/a-1-py3-none-any.whl", "local", "wheels/a-1-py3-none-any.whl"),
        ("--extra-index-url https://host", "option", "--extra-index-url https://host"),
        ("--require-hashes", "option", "--require-hashes"),
        (
            "a[b]>=1 ; python_version < '3' --hash=sha256:0",
            "requirement",
            "a[b]>=1 ; python_version < '3'",
        ),
        ("a @ https://host/a.zip", "requirement", "a @ https://host/a.zip"),
        ("git+https://host/a.git", "other", "git+https://host/a.git"),
    ],
)
def test_every_kind_of_line_is_known(line: str, kind: str, says: str) -> None:
    assert list(lockfile.lines(line)) == [lockfile.Line(kind, says)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "exact"),
    [
        ("a==1.0", True),
        ("a[b]==1.0; sys_platform == 'linux'", True),
        ("--index-url https://host\n-r other.txt\n-c limits.txt", True),
        ("a==1.*", False),
        ("a===1.0", False),
        ("a==1.0,!=2", False),
        ("a~=1.0", False),
        ("a", False),
        ("a @ https://host/a.whl", False),
        ("-e .", False),
        ("./a", False),
        ("git+https://host/a.git", False),
    ],
)
def test_only_exact_versions_say_everything(line: str, exact: bool) -> None:
    assert lockfile.is_exact([f"b==2\n{line}\n"]) is exact


def test_lists_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\na==1\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n-c c.txt\n-r gone.txt\nb==2\n")
    (tmp_path / "c.txt").write_text("c==3\n")
    names = [file.name for file in lockfile.files(tmp_path / "a.txt")]
    assert names == ["a.txt", "b.txt"]
    assert [entry.name for entry in lockfile.entries(tmp_path / "a.txt")] == ["a", "b"]
    inputs = [file.name for file in lockfile.inputs(tmp_path / "a.txt")]
    assert inputs == ["a.txt", "b.txt", "c.txt"]
