"""The way in on a bare machine: install.sh for real on Linux, and on a Mac made of shims."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest

from bootstrap import pyenv
from tests.machine.conftest import REPOSITORY, Shop

pytestmark = pytest.mark.slow

PYENV = str(pyenv.root(os.environ))
SCRIPT = REPOSITORY / "bootstrap" / "install.sh"
TOOLS = (
    *(
        "sh",
        "dirname",
        "mktemp",
        "rm",
        "mkdir",
        "ln",
        "cat",
        "cksum",
        "tr",
        "sed",
        "sleep",
        "touch",
    ),
    *("chmod", "grep", "bash"),
)


class Machine:
    """A PATH that holds only what is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in TOOLS:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def has(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def install(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        own = {
            "PIP_NO_COMPILE": "1",  # most of it is never run here
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "HEADSTART_WAIT": "0",
            "LOG": str(self.folder / "log"),
        }
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env=kept | own | variables,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def mac(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "mac")
    machine.has("uname", 'case "$1" in -m) echo arm64;; *) echo Darwin;; esac')
    machine.has("sysctl", 'echo "${TRANSLATED:-0}"')
    machine.has("xcode-select", 'echo "xcode-select $*" >> "$LOG"; [ "${TOOLS:-yes}" = yes ]')
    machine.has("python3", f'exec {sys.executable} "$@"')
    return machine


BREW = 'echo "brew $*" >> "$LOG"; case $1 in --prefix) echo "${PREFIX:-/opt/homebrew}";; esac'


def test_it_installs_the_command_and_is_safe_to_repeat(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "Müllers Rechner")
    machine.has("uname", "echo Linux")
    machine.has("python3", f'exec {sys.executable} "$@"')
    first = machine.install()
    assert first.returncode == 0, first.stderr
    command = machine.folder / ".local" / "bin" / "headstart"
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("headstart ")
    places = list((machine.folder / ".local/share/headstart").iterdir())
    again = machine.install()
    assert again.returncode == 0
    assert "goes to" not in again.stderr
    assert list((machine.folder / ".local/share/headstart").iterdir()) == places


def test_without_a_python_the_command_that_brings_one_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "bare")
    machine.has("uname", "echo Linux")
    machine.has("apt-get", "exit 1")
    refused = machine.install()
    assert refused.returncode == 4
    assert "sudo apt-get install -y python3 python3-venv" in refused.stderr


def test_homebrew_is_never_installed_unasked(mac: Machine) -> None:
    mac.has("curl", 'echo "curl $*" >> "$LOG"')
    refused = mac.install()
    assert refused.returncode == 4
    assert "Homebrew is missing" in refused.stderr
    assert "curl" not in mac.log()


def test_with_consent_homebrew_is_installed_and_then_used(mac: Machine) -> None:
    brew = mac.folder / "brew.sh"
    brew.write_text(f"#!/bin/sh\n{BREW}\n")
    mac.has(
        "curl",
        'echo "curl $*" >> "$LOG"; for last; do :; done\n'
        f'echo "cp {brew} {mac.bin}/brew; chmod +x {mac.bin}/brew" > "$last"',
    )
    (mac.bin / "cp").symlink_to(str(shutil.which("cp")))
    done = mac.install("--yes", "--no-up", HEADSTART_SOURCE="/nonexistent.tar.gz")
    assert "https://raw.githubusercontent.com/Homebrew/install/" in mac.log()
    assert "✓ Homebrew" in done.stderr
    assert "brew --prefix" in mac.log()


def test_a_damaged_installer_of_homebrew_is_not_run(mac: Machine) -> None:
    mac.has("curl", 'for last; do :; done; echo "if true; then (" > "$last"')
    failed = mac.install("--yes")
    assert failed.returncode == 1
    assert "arrived damaged" in failed.stderr


def test_the_command_line_tools_are_asked_for_and_waited_for(mac: Machine) -> None:
    failed = mac.install(TOOLS="no")
    assert "xcode-select --install" in mac.log()
    assert "click Install" in failed.stderr
    assert failed.returncode == 1


def test_a_rosetta_shell_and_an_intel_homebrew_are_refused(mac: Machine) -> None:
    assert "arch -arm64" in mac.install(TRANSLATED="1").stderr
    mac.has("brew", BREW)
    refused = mac.install(PREFIX="/usr/local")
    assert refused.returncode == 4
    assert "/opt/homebrew" in refused.stderr


def test_one_that_did_not_end_is_made_again_and_then_brings_the_project_up(
    shop: Shop, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "linux")
    machine.has("uname", "echo Linux")
    machine.has("python3", f'exec {sys.executable} "$@"')
    for name in ("toolchain.yml", ".python-version", "requirements-dev.lock", "prove.py"):
        shutil.copy(shop.root / name, machine.folder)
    text = (machine.folder / "toolchain.yml").read_text()
    start, end = text.index("environment:"), text.index("proof:")
    (machine.folder / "toolchain.yml").write_text(text[:start] + text[end:])
    failed = machine.install(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert failed.returncode == 1
    assert "Its packages could not be installed." in failed.stderr
    done = machine.install(PATH=f"{machine.bin}:/usr/bin:/bin", PYENV_ROOT=PYENV)
    assert done.returncode == 0, done.stderr
    assert "goes to" in done.stderr
    assert (machine.folder / ".venv" / "bin" / "python").exists()


def test_it_reads_well_to_a_shell_checker() -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    subprocess.run([checker, "--shell", "sh", str(SCRIPT)], check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A rendered project's Makefile, and what it knows of its version."""
    folder = tmp_path / "rendered"
    template = tmp_path / "template"
    template.mkdir()
    shutil.copy(REPOSITORY / "copier.yml", template)
    shutil.copytree(REPOSITORY / "template", template / "template")
    copier.run_copy(str(template), folder, data={"project_name": "shop"}, defaults=True, quiet=True)
    answers = folder / ".copier-answers.yml"
    lines = [line for line in answers.read_text().splitlines() if not line.startswith("_commit")]
    answers.write_text("\n".join([*lines, "_commit: v0.1.0\n"]))
    return folder


def make_up(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("make")), "up", *arguments],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_up_takes_the_headstart_it_is_given(project: Path) -> None:
    done = make_up(project, "HEADSTART=/bin/echo")
    assert (done.returncode, done.stdout) == (0, "up\n")


def test_make_up_brings_in_the_version_that_rendered_the_project(
    project: Path, tmp_path: Path
) -> None:
    script = tmp_path / "install.sh"
    script.write_text('echo "version $HEADSTART_VERSION in $(pwd)"\n')
    done = make_up(project, f"HEADSTART_SCRIPT=file://{script}")
    assert done.stdout == f"version 0.1.0 in {project}\n"
    failed = make_up(project, "HEADSTART_SCRIPT=file:///nowhere/install.sh")
    assert failed.returncode != 0
    assert "make up HEADSTART=/path/to/headstart" in failed.stderr
