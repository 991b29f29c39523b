"""How many processes of git a command starts: each costs what a tenth of a render does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.lifecycle.conftest import Package, write

COUNTING = """\
#!/bin/sh
echo "$*" >> "{log}"
exec {real} "$@"
"""
# At most so many with everything cached, and so many more with nothing.
BOUNDS = {"status": 14, "drift": 9, "update --preview": 14, "update": 25}
UNCACHED = 4


def started(package: Package, shop: Path, folder: Path, command: str) -> list[str]:
    """The git processes of a command, by their arguments."""
    log = folder / "log"
    write(folder / "bin/git", COUNTING.format(log=log, real=shutil.which("git")))
    (folder / "bin/git").chmod(0o755)
    log.write_text("")
    run = package.headstart(
        *command.split(), cwd=shop, PATH=f"{folder / 'bin'}:{os.environ['PATH']}"
    )
    assert run.returncode in {0, 2}, run.stderr
    return log.read_text().splitlines()


@pytest.mark.parametrize("command", BOUNDS)
def test_git_is_asked_in_few_processes(
    package: Package,
    shop: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    copy = Path(shutil.copytree(shop, tmp_path / "copy/shop", symlinks=True))
    uncached = started(package, copy, tmp_path, command)
    assert len(uncached) <= BOUNDS[command] + UNCACHED, "\n".join(uncached)
    cached = started(package, shop, tmp_path, command)
    assert len(cached) <= BOUNDS[command], "\n".join(cached)
