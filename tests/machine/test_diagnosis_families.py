"""Families of failed builds: each cause in other versions, paths, spellings and languages.

What people reported is in the data; a family is what `build_families` makes of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.machine.diagnosis.diagnose import diagnose
from bootstrap.machine.diagnosis.log import from_text
from tests.machine.build_families import APT, FAMILIES, Told, built
from tests.machine.build_obstacles import OBSTACLES

ENDINGS = Path(__file__).parent / "data" / "endings.yml"


@pytest.mark.parametrize("family", [*FAMILIES, *OBSTACLES], ids=lambda family: family.__name__)
def test_a_family_is_known_in_other_versions_paths_and_languages(family: Any) -> None:
    told = list(family())
    wrong = [f"{each.text!r}: {fault}" for each in told if (fault := _fault(each))]
    assert len(told) > 10
    assert wrong == []


def _fault(told: Told) -> str:
    found = diagnose(from_text(told.text), "linux", "debian")
    advice = "\n".join(found.repair)
    if found.cause != told.cause:
        return f"{found.cause} for {found.evidence!r}"
    if told.helps not in advice:
        return f"{told.helps!r} is not in {advice!r}"
    return f"{told.never!r} is in {advice!r}" if told.never and told.never in advice else ""


@pytest.mark.parametrize(
    "ending", yaml.safe_load(ENDINGS.read_text()), ids=lambda each: each["name"]
)
def test_the_ending_of_a_build_gives_its_cause_and_what_helped(ending: dict[str, Any]) -> None:
    log = from_text(ending["log"])
    found = diagnose(log, ending["system"], "debian")
    assert found.cause == ending["cause"], found.evidence
    assert log.system in {ending["system"], ""}
    for words in ending["repair"]:
        assert words in "\n".join(found.repair)


@pytest.mark.parametrize(
    "around",
    [
        "    {}",
        "> {}",
        "\t{}",
        "{}\r",
        "\x1b[31m{}\x1b[0m",
        "#11 0.337 {}",
        "2026-01-02T03:04:05.6Z {}",
    ],
)
def test_a_family_is_known_however_its_lines_were_copied(around: str) -> None:
    for ending in yaml.safe_load(ENDINGS.read_text()):
        lines = (around.format(line) for line in ending["log"].splitlines())
        found = diagnose(from_text("\n".join(lines)), ending["system"], "debian")
        assert found.cause == ending["cause"], (ending["name"], found.evidence)


@pytest.mark.parametrize(
    "line",
    [
        "xcrun: error: invalid active developer path",
        "_tkinter.c:4: error: incompatible type passing 'int *' to parameter of type 'Tcl_Size *'",
        "checking MACHDEP... \"darwin\"\nModuleNotFoundError: No module named '_ssl'",
        "fatal error: 'openssl/ssl.h' file not found\n1 error generated.",
        "ld: library not found for -lz",
        "ld: library 'readline' not found",
        "ImportError: dlopen(/x/_ssl.so, 2): Library not loaded: /usr/local/opt/x/libssl.dylib",
        "ERROR: The Python ssl extension was not compiled.\n/Users/jane/.pyenv/versions/3.9.1",
        "python-build: use readline from homebrew\nModuleNotFoundError: No module named '_lzma'",
        "clang: error: linker command failed\n-L/usr/local/opt/zlib/lib: zlib not available",
        built("OS X 14", "WARNING: The Python bz2 extension was not compiled."),
        "Ubuntu works elsewhere\ndyld[1]: Library not loaded: /opt/homebrew/lib/liblzma.5.dylib",
    ],
)
def test_lines_of_a_mac_never_get_the_commands_of_debian(line: str) -> None:
    found = diagnose(from_text(line), "linux", "debian")
    assert APT not in "\n".join(found.repair)


def test_a_log_of_linux_read_on_a_mac_gets_no_homebrew() -> None:
    text = built("Gentoo", "ModuleNotFoundError: No module named '_lzma'", python="3.12.1")
    assert "brew" not in "\n".join(diagnose(from_text(text), "macos", "macos").repair)


@pytest.mark.parametrize(
    "text",
    [
        built("OS X 15.2"),
        "make: *** [Makefile:12: x] Fehler 2",
        "erreur : échec de la compilation",
        "ошибка: не удалось",
        "error",
        "Terminated",
        "exit status 1",
        "Illegal instruction: 4",
        "Installed openssl-3.4.0 to /x\nsomething went wrong",
        f"Installed Python-3.12.1 to /x\n{built('OS X 15.2')}",
    ],
)
def test_what_failed_is_never_said_to_have_no_error(text: str) -> None:
    found = diagnose(from_text(text))
    assert "There is no error" not in found.explanation
    assert found.repair


def test_a_build_that_succeeded_has_no_error() -> None:
    text = "Installing Python-3.12.1...\nInstalled Python-3.12.1 to /home/a/.pyenv/versions/3.12.1"
    assert diagnose(from_text(text)).explanation == "There is no error in this log."
