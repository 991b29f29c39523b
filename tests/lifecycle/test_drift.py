"""`headstart drift`: which files differ, since when, and which of that is accepted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.lifecycle.conftest import Package, commit, write
from tests.project.conftest import git


def test_drift_says_how_since_when_and_whether_it_is_accepted(package: Package, shop: Path) -> None:
    (shop / "deep/c.txt").unlink()
    commit(shop, "No c")
    write(shop / "b.txt", "not committed\n")
    told = package.told("drift", cwd=shop)
    files = {each["path"]: each for each in told["files"]}
    assert {path: each["how"] for path, each in files.items()} == {
        "a.txt": "edited",
        "b.txt": "edited",
        "deep/c.txt": "deleted",
    }
    assert files["deep/c.txt"]["subject"] == "No c"
    assert files["a.txt"]["author"] == "Ada"
    assert files["b.txt"]["commit"] == files["b.txt"]["subject"] == ""
    assert "changed, and not committed" in package.headstart("drift", cwd=shop).stdout
    assert files["a.txt"]["template_changes_it"] is True
    assert files["deep/c.txt"]["template_changes_it"] is False
    assert told["unaccepted"] == 3


def test_status_fleet_and_drift_count_the_same_files(package: Package, shop: Path) -> None:
    """Edited and not committed, deleted, moved, only formatted, and accepted."""
    write(shop / "b.txt", "not committed\n")
    (shop / "deep/c.txt").unlink()
    write(shop / ".headstart/drift.yml", "- {path: b.txt, reason: our own}\n")
    git("add", ".headstart", cwd=shop)
    drift = package.told("drift", cwd=shop)
    status = package.told("status", cwd=shop, code=2)
    (fleet,) = package.told("fleet", "status", str(shop), cwd=shop, code=2)["projects"]
    counted = {len(drift["files"]), drift["drifted"], status["drifted"], fleet["drifted"]}
    assert counted == {3}


def test_accepted_drift_does_not_fail_until_its_day(package: Package, shop: Path) -> None:
    assert package.headstart("drift", "--fail", cwd=shop).returncode == 3
    exceptions = shop / ".headstart/drift.yml"
    write(exceptions, "- {path: '*.txt', reason: our own, until: 2999-01-01}\n")
    assert package.headstart("drift", "--fail", cwd=shop).returncode == 0
    assert "accepted: our own" in package.headstart("drift", cwd=shop).stdout
    write(exceptions, "- {path: a.txt, reason: our own, until: 2001-01-01}\n")
    late = package.headstart("drift", "--fail", cwd=shop)
    assert late.returncode == 3
    assert "which has passed" in late.stdout
    write(exceptions, "- {path: a.txt}\n")
    assert package.headstart("drift", cwd=shop).returncode == 64


def test_drift_works_in_a_hook(package: Package, shop: Path) -> None:
    hook = shop / ".git/hooks/pre-commit"
    command = f"env PYTHONPATH={package.root} {sys.executable} -m bootstrap drift --fail"
    hook.write_text(f"#!/bin/sh\nexec {command}\n")
    hook.chmod(0o755)
    write(shop / "z.txt", "z\n")
    git("add", "z.txt", cwd=shop)
    done = subprocess.run(
        [shutil.which("git") or "git", "commit", "-m", "z"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "a.txt" in done.stdout + done.stderr
    assert git("diff", "--cached", "--name-only", cwd=shop) == "z.txt"
