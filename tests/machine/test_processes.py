"""Commands: what they inherit, what their failure says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.diagnosis.causes import cause_of_command
from bootstrap.machine.journal import Journal, RunId
from bootstrap.machine.runner import CommandError, Runner, clean_environment, probe_project
from bootstrap.processes import ProcessId, identify, is_running
from tests.machine.test_plan import PINS

if TYPE_CHECKING:
    from pathlib import Path


def test_what_would_mislead_python_and_pip_is_dropped() -> None:
    inherited = {
        "VIRTUAL_ENV": "/other",
        "PYTHONHOME": "/x",
        "PYTHONPATH": "/x",
        "PIP_TARGET": "/x",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "CONDA_PREFIX": "/x",
        "__PYVENV_LAUNCHER__": "/x",
        "HOME": "/home/ada",
    }
    cleaned = clean_environment(inherited, PINS)
    assert inherited.keys() & cleaned.keys() == {"VIRTUAL_ENV", "HOME"}
    assert cleaned["VIRTUAL_ENV"] == str(PINS.venv)


def test_where_packages_come_from_is_kept() -> None:
    kept = {"PIP_INDEX_URL": "a", "PIP_CERT": "b", "HTTPS_PROXY": "c", "SSL_CERT_FILE": "d"}
    assert kept.items() <= clean_environment(kept, PINS).items()


def test_files_of_pip_count_where_they_say_what_packages_come_from(tmp_path: Path) -> None:
    """As pip reads them: the later one wins, a variable wins over both."""
    for folder, text in {
        "site": "[global]\nindex-url = https://weak.example/simple\nconstraint = /c.txt\n",
        "home/.pip": "[install]\ntarget = /elsewhere\nprefix = /p\nuser = true\nno-index = true\n",
        "home/.config/pip": "[global]\nextra-index-url =\n  https://a.example\n  https://b.example\n"
        "timeout = 3\n[install]\nindex-url = https://strong.example/simple\n",
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pip.conf").write_text(text)
    (tmp_path / "site/pip").mkdir()
    (tmp_path / "site/pip.conf").rename(tmp_path / "site/pip/pip.conf")
    (tmp_path / "home/.pip/torn").write_text("no section")
    places = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "site")}
    found = clean_environment(places | {"PIP_TIMEOUT": "9"}, PINS)
    pips = {name: value for name, value in found.items() if name.startswith("PIP_")}
    stated = {
        "PIP_INDEX_URL": "https://strong.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example https://b.example",
        "PIP_TIMEOUT": "9",
    }
    assert stated.items() <= pips.items()
    assert not pips.keys() & {"PIP_TARGET", "PIP_PREFIX", "PIP_CONSTRAINT", "PIP_NO_INDEX"}
    assert found["PIP_CONFIG_FILE"] == os.devnull
    assert found["PIP_USER"] == "0"


@pytest.mark.parametrize("text", ["no section", "[global", "\xff", "[global]\nindex-url"])
def test_a_damaged_file_of_pip_is_no_setting(tmp_path: Path, text: str) -> None:
    (tmp_path / "pip.conf").write_bytes(text.encode("latin-1"))
    stated = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "HOME": "/",
        "XDG_CONFIG_DIRS": "/none",
    }
    assert "PIP_INDEX_URL" not in clean_environment(stated, PINS)


def test_no_index_stays_where_there_is_another_source() -> None:
    stated = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    assert "PIP_NO_INDEX" not in clean_environment(stated, PINS)
    assert clean_environment(stated | {"PIP_FIND_LINKS": "/w"}, PINS)["PIP_NO_INDEX"] == "1"


def test_commands_find_the_programs_of_the_environment_first() -> None:
    cleaned = clean_environment({"PATH": "/usr/bin"}, PINS)
    assert cleaned["PATH"] == f"{PINS.venv}/bin:/usr/bin"


# As pip says it of an index that it cannot reach, or that has nothing.
BROKEN = "WARNING: Retrying (Retry(total=0)) after connection broken by "
MISSING = "\nERROR: No matching distribution found for idna==3.20"
NONE = f"\nERROR: the requirement idna==3.20 (from versions: none){MISSING}"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the one that was locked"),
        ("ERROR: No matching distribution found for nope==1", "no nope==1 for this Python"),
        (f"{BROKEN}'ProxyError('Cannot connect to proxy.'{NONE}", "cannot be reached"),
        (f"{BROKEN}'NewConnectionError('Connection refused'{NONE}", "cannot be reached"),
        (f"{BROKEN}'SSLError(1, 'CERTIFICATE_VERIFY_FAILED{NONE}", "not trusted here"),
        (f"{BROKEN}'ReadTimeoutError'\nERROR: (from versions: 1, 2){MISSING}", "no idna==3.20 for"),
        (f"host is not a trusted or secure host and is being ignored.{NONE}", "is not https"),
        ("error sending request for url\n client error (Connect)", "cannot be reached"),
        (NONE, "No index and no folder that is asked for packages knows idna==3.20"),
        ("psycopg.OperationalError: Connection refused", None),
        (
            "FAILED tests/test_a.py::test_b - boom\n1 failed",
            "A test failed: tests/test_a.py::test_b",
        ),
        ("AssertionError: 1 != 2", None),
    ],
)
def test_an_evident_cause_is_named_and_no_other(output: str, expected: str | None) -> None:
    cause = cause_of_command(output)
    assert cause is None if expected is None else cause and expected in cause.sentence


def test_a_failed_command_shows_its_last_lines_and_its_log(tmp_path: Path) -> None:
    pins_here = PINS.__class__(**{**vars(PINS), "root": tmp_path})
    runner = Runner(pins_here, tmp_path / "log", Journal(tmp_path / "journal", RunId("one")))
    with pytest.raises(CommandError) as caught:
        runner.run(("sh", "-c", "seq 30; echo No space left on device >&2; exit 3"))
    error = caught.value
    assert "exit code 3" in error.what
    assert error.why[0] == "The disk is full."
    assert error.why[-2:] == ("30", "No space left on device")
    assert str(tmp_path / "log") in error.next[0]


def test_a_missing_program_is_a_failure_like_any_other(tmp_path: Path) -> None:
    pins_here = PINS.__class__(**{**vars(PINS), "root": tmp_path})
    with pytest.raises(CommandError, match="exit code 127"):
        Runner(pins_here, tmp_path / "log", Journal(tmp_path / "journal", RunId("one"))).run(
            ("no-such-program",)
        )
    assert probe_project(("no-such-program",), pins_here).code == 127


def test_a_process_is_known_by_its_number_and_its_beginning() -> None:
    ours = identify(os.getpid())
    assert is_running(ours)
    assert not is_running(ProcessId(ours.pid, "another time"))
    assert not is_running(ProcessId(ours.pid, ""))
