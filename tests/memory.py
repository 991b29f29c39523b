"""Temporary files in memory: making one there costs a tenth of what it costs on a disk.

A run has a folder of its own, which is gone when all has passed. What a run that failed has left
stays for a look, until the next one begins. Whoever sets TMPDIR has chosen for themselves.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - the one place that Linux has for this
_ROOM = 12 * 2**30  # bytes; a whole run has filled 9 of them
_PREFIX = "tests-"


def has_room(needed: int) -> bool:
    """Whether so many bytes fit into memory, and programs may run from there."""
    if not MEMORY.is_dir():
        return False
    found = os.statvfs(MEMORY)
    runnable = not found.f_flag & os.ST_NOEXEC
    return runnable and found.f_bavail * found.f_frsize > needed


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or "TMPDIR" in os.environ:
        return
    for left in MEMORY.glob(f"{_PREFIX}*"):
        if not _runs(left.name.removeprefix(_PREFIX)):
            shutil.rmtree(left, ignore_errors=True)
    if has_room(_ROOM):
        folder = MEMORY / f"{_PREFIX}{os.getpid()}"
        folder.mkdir()
        folder.chmod(0o1777)  # as /tmp: servers run as users of their own
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        config.pluginmanager.register(_Cleaner(folder))


class _Cleaner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.passed = False

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.passed = exitstatus == pytest.ExitCode.OK

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        if self.passed:
            shutil.rmtree(self.folder, ignore_errors=True)


def _runs(process: str) -> bool:
    return process.isdecimal() and Path(f"/proc/{process}").exists()
