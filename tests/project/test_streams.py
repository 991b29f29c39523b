"""Whatever becomes of the streams of a command, it ends as it should and says what it can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def shell(script: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which `$headstart` is the command."""
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=cwd,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "headstart": f"{sys.executable} -m bootstrap",
            "HEADSTART_STATE_DIR": str(cwd / "state"),
        }
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "code"), [("bogus", 64), ("plan --bad", 64), ("presets", 0), ("explain x", 64)]
)
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_changes_no_exit_code(
    tmp_path: Path, command: str, code: int, closed: str
) -> None:
    """But that of a result which nothing takes."""
    is_lost = code == 0 and ">&-" in closed.split()
    assert shell(f"$headstart {command} {closed}", tmp_path).returncode == (1 if is_lost else code)


def test_a_project_is_reported_though_nobody_reads_notes(tmp_path: Path) -> None:
    done = shell("$headstart new shop --defaults 2>&-", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Created ")


def test_questions_that_nobody_can_be_asked_are_refused(tmp_path: Path) -> None:
    done = shell("$headstart new shop <&-", tmp_path)
    assert done.returncode == 64
    assert "--defaults" in done.stderr


@pytest.mark.parametrize("form", ["", "--json"])
def test_an_error_that_nobody_reads_is_no_traceback(tmp_path: Path, form: str) -> None:
    script = f"$headstart plan {form} 2>errors | true; echo ${{PIPESTATUS[0]}}"
    done = shell(script, tmp_path)
    assert done.stdout in {"1\n", "64\n"}  # whether the reader was gone by then
    assert "Traceback" not in (tmp_path / "errors").read_text()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    done = shell("$headstart presets >/dev/full", tmp_path)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "this is a bug" not in done.stderr


def test_what_a_terminal_cannot_show_is_a_plain_mark_or_escaped(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TERM": "xterm"}
    script = """
    $headstart new shop --defaults --version 0.5.0 >/dev/null 2>&1 && rm shop/Makefile
    script --quiet --return --command "$headstart drift --project shop" /dev/null
    mkdir "mañana" && $headstart capture --project "mañana"
    $headstart capture --project "mañana" --json
    """
    done = shell(script, tmp_path, **ascii_only)
    assert done.returncode == 4, done.stdout
    assert "Makefile" in done.stdout
    assert "\\u2212" not in done.stdout
    told, _, document = done.stdout.strip().rpartition("\n")
    assert "x there is no lock" in told
    assert json.loads(document)["refused"]


def test_json_behind_a_double_dash_is_no_option(tmp_path: Path) -> None:
    done = shell("$headstart presets -- --json", tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
