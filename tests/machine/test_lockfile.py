"""Reading a lock, and what of it a Python needs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootstrap import lockfile
from bootstrap.lockfile import LockEntry, PackageName
from tests.machine.conftest import LOCK

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
