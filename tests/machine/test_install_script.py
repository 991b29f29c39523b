"""The way in on a bare machine: install.sh for real on Linux, and on a Mac made of shims."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest

from bootstrap import __version__, pyenv
from tests.machine import bsd
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
    *("chmod", "grep", "bash", "cp", "env", "find", "gzip", "mv", "sha256sum", "sort", "tar"),
)
PYTHON = f'exec {Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name} "$@"'


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

    def install(
        self,
        *arguments: str,
        script: Path = SCRIPT,
        stdin: int = subprocess.DEVNULL,
        source: str = "",
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Away from the terminal of whoever runs the tests."""
        return subprocess.run(
            ["/bin/sh", str(script), *arguments],
            env=self.environment({"HEADSTART_SOURCE": source, **variables}),
            cwd=self.folder,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        (self.folder / "tmp").mkdir(exist_ok=True)
        own = {
            "PIP_NO_COMPILE": "1",  # most of it is never run here
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "HEADSTART_WAIT": "0",
            "LOG": str(self.folder / "log"),
        }
        return kept | own | more

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def mac(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "mac")
    machine.has("uname", 'case "$1" in -m) echo arm64;; *) echo Darwin;; esac')
    machine.has("sysctl", 'echo "${TRANSLATED:-0}"')
    machine.has("id", 'echo "staff ${GROUPS_OF_MINE-admin}"')
    machine.has("sudo", SUDO)
    machine.has("xcode-select", 'echo "xcode-select $*" >> "$LOG"; [ "${TOOLS:-yes}" = yes ]')
    machine.has("python3", PYTHON)
    return machine


# It asks for a password, unless the variable says that it does not.
SUDO = """\
echo "sudo $*" >> "$LOG"
case $1 in -n) [ "${SUDO_ASKS:-yes}" = no ];; -v) [ -t 0 ];; esac"""
# As Homebrew's own does it: without interaction, it takes no sudo that would ask.
INSTALLER = """\
if [ -n "${{NONINTERACTIVE-}}" ] || ! [ -t 0 ]; then
	sudo -n -l mkdir || {{ echo "Need sudo access on macOS (e.g. the user $USER)!" >&2; exit 1; }}
else
	read -r return
fi
cp {brew} {bin}/brew; chmod +x {bin}/brew
"""
GIT, TAR = (str(shutil.which(name)) for name in ("git", "tar"))
BREW = 'echo "brew $*" >> "$LOG"; case $1 in --prefix) echo "${PREFIX:-/opt/homebrew}";; esac'


def test_it_installs_the_command_and_is_safe_to_repeat(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "Müllers Rechner")
    machine.has("uname", "echo Linux")
    machine.has("python3", PYTHON)
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


@pytest.fixture
def script(mac: Machine) -> Path:
    """install.sh, as if Homebrew's installer were the one that this Mac's curl brings."""
    brew, installer = mac.folder / "brew.sh", mac.folder / "homebrew.sh"
    brew.write_text(f"#!/bin/sh\n{BREW}\n")
    installer.write_text(INSTALLER.format(brew=brew, bin=mac.bin))
    mac.has("curl", f'echo "curl $*" >> "$LOG"; for last; do :; done; cp {installer} "$last"')
    digest = hashlib.sha256(installer.read_bytes()).hexdigest()
    copy = mac.folder / "install.sh"
    text = re.sub(r"(?m)^(homebrew_digest=)\w+$", rf"\g<1>{digest}", SCRIPT.read_text())
    assert digest in text
    copy.write_text(text)
    return copy


NOWHERE = "/nonexistent.tar.gz"


def left_over(machine: Machine) -> list[Path]:
    return list((machine.folder / "tmp").iterdir())


def test_on_a_terminal_homebrew_is_installed_by_whoever_types_the_password(
    mac: Machine, script: Path
) -> None:
    controller, terminal = pty.openpty()
    os.write(controller, b"\n")
    done = mac.install("--yes", "--no-up", script=script, stdin=terminal, source=NOWHERE)
    os.close(controller)
    os.close(terminal)
    assert "✓ Homebrew" in done.stderr, done.stderr
    asked = mac.log().index("sudo -v")
    fetched = mac.log().index("curl ")
    assert asked < fetched < mac.log().index("brew --prefix")
    (curl,) = (line for line in mac.log().splitlines() if line.startswith("curl "))
    assert "--proto =https --tlsv1.2" in curl
    assert re.search(r"https://raw\.githubusercontent\.com/Homebrew/install/[0-9a-f]{40}/", curl)
    assert left_over(mac) == []


def test_without_a_terminal_homebrew_is_installed_where_sudo_asks_nothing(
    mac: Machine, script: Path
) -> None:
    done = mac.install("--yes", "--no-up", script=script, SUDO_ASKS="no", source=NOWHERE)
    assert "✓ Homebrew" in done.stderr, done.stderr
    assert "sudo -v" not in mac.log()


@pytest.mark.parametrize(
    ("groups", "told"), [("admin", "nobody can type the password"), ("", "may not administer")]
)
def test_what_an_administrator_has_to_run_is_said(
    mac: Machine, script: Path, groups: str, told: str
) -> None:
    refused = mac.install("--yes", script=script, GROUPS_OF_MINE=groups)
    assert refused.returncode == 4
    assert told in refused.stderr
    assert "in Terminal" in refused.stderr
    assert (
        '/bin/bash -c "$(curl -fsSL https://raw.githubusercontent.com/Homebrew/' in refused.stderr
    )
    assert "curl" not in mac.log()


def test_an_installer_of_homebrew_that_is_another_one_is_not_run(
    mac: Machine, script: Path
) -> None:
    with (mac.folder / "homebrew.sh").open("a") as file:
        file.write("# and more\n")
    failed = mac.install("--yes", script=script, SUDO_ASKS="no")
    assert failed.returncode == 1
    assert "Homebrew's installer is not the file that it should be" in failed.stderr
    assert not (mac.bin / "brew").exists()
    assert left_over(mac) == []


def test_piped_into_a_shell_it_takes_nothing_from_the_folders_around(tmp_path: Path) -> None:
    machine = linux(tmp_path / "linux")
    (machine.folder / "bootstrap").mkdir()
    for name in ("requirements.lock", "install.sh", "__init__.py"):
        (machine.folder / "bootstrap" / name).write_text("")
    (machine.folder / "setup.py").write_text("raise SystemExit('run')\n")
    for folder, name in (("sub", ""), ("bootstrap", ""), ("bootstrap", "sh")):
        here = machine.folder / folder
        here.mkdir(exist_ok=True)
        if name:
            (here / name).write_text("")
        with SCRIPT.open() as script:
            done = subprocess.run(
                ["/bin/sh", "-s", "--", "--no-up"],
                env=machine.environment({}),
                cwd=here,
                stdin=script,
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
            )
        assert done.returncode == 4, done.stderr
        assert "there is no checkout here" in done.stderr


def linux(folder: Path) -> Machine:
    machine = Machine(folder)
    machine.has("uname", "echo Linux")
    machine.has("python3", PYTHON)
    return machine


def test_a_download_is_used_by_its_digest_alone(tmp_path: Path) -> None:
    machine = linux(tmp_path / "linux")
    archive = machine.folder / "headstart.tar.gz"
    subprocess.run([TAR, "-czf", archive, "-C", REPOSITORY, "README.md"], check=True)
    machine.has("curl", f'echo "curl $*" >> "$LOG"; for last; do :; done; cp {archive} "$last"')
    source = "https://example.org/headstart.tar.gz"
    refused = machine.install(source=source)
    assert refused.returncode == 4
    assert "HEADSTART_SHA256=" in refused.stderr
    assert machine.log() == ""
    failed = machine.install(source=source, HEADSTART_SHA256="0" * 64)
    assert failed.returncode == 1
    assert "is not the file that it should be" in failed.stderr
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    taken = machine.install(source=source, HEADSTART_SHA256=digest)
    assert "holds no Headstart" in taken.stderr
    assert "--proto =https --tlsv1.2" in machine.log()
    insecure = machine.install(source="http://example.org/headstart.tar.gz")
    assert insecure.returncode == 4
    assert left_over(machine) == []


def test_a_python_of_a_project_or_of_conda_is_passed_over(tmp_path: Path) -> None:
    machine = linux(tmp_path / "linux")
    (machine.bin / "python3").unlink()
    (machine.folder / "shims").mkdir()
    (machine.folder / "shims/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    conda = machine.folder / "conda"
    (conda / "conda-meta").mkdir(parents=True)
    base = Path(sys.base_prefix)
    (conda / "bin").mkdir()
    shutil.copy((base / "bin" / Path(sys.executable).resolve().name), conda / "bin/python3.13")
    (conda / "lib").symlink_to(base / "lib")
    path = f"{Path(sys.prefix) / 'bin'}:{conda / 'bin'}:{machine.folder / 'shims'}:{machine.bin}"
    refused = machine.install(PATH=path, PYENV_ROOT="/none")
    assert refused.returncode == 4
    assert "none here that is no project's or conda's" in refused.stderr
    machine.has("python3", PYTHON)
    done = machine.install("--no-up", PATH=path, source="/nowhere.tar.gz")
    assert "There is no /nowhere.tar.gz" in done.stderr


# What building the command and `headstart --version` need: it is installed three times.
OF_VERSION = (
    *("annotated-doc", "markdown-it-py", "mdurl", "pygments", "rich", "shellingham", "typer"),
    *("editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"),
)


def keep_of_the_lock(lock: Path, *names: str) -> None:
    blocks = re.findall(r"^([\w-]+)(==.*\n(?:    .*\n)+)", lock.read_text(), re.MULTILINE)
    kept = [name + block for name, block in blocks if name in names]
    assert len(kept) == len(names)
    lock.write_text("".join(kept))


@pytest.mark.nightly
def test_a_file_that_changes_in_the_package_makes_another_command(tmp_path: Path) -> None:
    machine = linux(tmp_path / "linux")
    checkout = machine.folder / "checkout"
    names = subprocess.check_output([GIT, "ls-files", "-z"], cwd=REPOSITORY, text=True)
    for name in filter(None, names.split("\0")):
        if name.startswith("bootstrap/") or "/" not in name:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, checkout / name)
    keep_of_the_lock(checkout / "bootstrap/requirements.lock", *OF_VERSION)
    source = str(checkout)
    before = set(checkout.rglob("*"))
    assert machine.install("--no-up", source=source).returncode == 0
    assert set(checkout.rglob("*")) == before
    assert "goes to" not in machine.install("--no-up", source=source).stderr
    signatures = checkout / "bootstrap/machine/diagnosis/signatures.yml"
    signatures.write_text(f"{signatures.read_text()}# more\n")
    assert "goes to" in machine.install("--no-up", source=source).stderr
    places = list((machine.folder / ".local/share/headstart").iterdir())
    assert len(places) == 2
    (machine.folder / ".local/bin/headstart").unlink()
    for place in places:
        (place / "bin/python").unlink()
    assert "goes to" in machine.install("--no-up", source=source).stderr


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
    # Beside the one for Intel, which is the first on PATH, there is one for the chip.
    ours = mac.folder / "ours" / "brew"
    ours.parent.mkdir()
    ours.write_text(f"#!/bin/sh\nPREFIX=/opt/homebrew\n{BREW}\n")
    ours.chmod(0o755)
    path = f"{mac.bin}:{ours.parent}"
    done = mac.install("--no-up", PREFIX="/usr/local", PATH=path, source=NOWHERE)
    assert f"There is no {NOWHERE}" in done.stderr


def test_one_that_did_not_end_is_made_again_and_then_brings_the_project_up(
    shop: Shop, mac: Machine, tmp_path: Path
) -> None:
    """With a Mac's own tools, which refuse what only GNU's know."""
    machine = mac
    bsd.install(machine.bin)
    machine.has("brew", BREW)
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


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With the tools of a Mac."""
    bsd.install(project / "bsd")
    return subprocess.run(
        [str(shutil.which("make")), *arguments],
        cwd=project,
        env={"PATH": f"{project / 'bsd'}:/usr/bin:/bin", "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_up_takes_the_headstart_it_is_given(project: Path) -> None:
    done = make(project, "up", "HEADSTART=/bin/echo")
    assert (done.returncode, done.stdout) == (0, "up\n")
    assert re.search(r"^  make up +Bring this machine", make(project).stdout, re.MULTILINE)


def test_make_up_brings_in_the_version_that_rendered_the_project(
    project: Path, tmp_path: Path
) -> None:
    script = tmp_path / "install.sh"
    script.write_text('echo "version $HEADSTART_VERSION in $(pwd)"\n')
    done = make(project, "up", f"HEADSTART_SCRIPT=file://{script}")
    assert done.stdout == f"version 0.1.0 in {project}\n"
    failed = make(project, "up", "HEADSTART_SCRIPT=file:///nowhere/install.sh")
    assert failed.returncode != 0
    assert "make up HEADSTART=/path/to/headstart" in failed.stderr


def test_the_command_of_make_install_takes_nothing_from_its_surroundings(tmp_path: Path) -> None:
    """As that of install.sh, which writes both; an earlier link there is replaced, not followed."""
    hostile, programs = tmp_path / "hostile", tmp_path / "it's mine" / "bin"
    hostile.mkdir()
    for name in ("re", "bootstrap", "sitecustomize"):
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile')\n")
    programs.mkdir(parents=True)
    before = tmp_path / "before"
    before.touch()
    (programs / "headstart").symlink_to(before)
    install = ["make", "-s", "-o", ".venv/runtime.stamp", "install", f"PREFIX={programs.parent}"]
    made = subprocess.run(install, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert before.read_text() == ""
    misled = {"PYTHONPATH": str(hostile), "PYTHONHOME": "/nonexistent", "PYTHONPLATLIBDIR": "zzz"}
    run = subprocess.run(
        [programs / "headstart", "--version"],
        env=os.environ | misled,
        cwd=hostile,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert __version__ in run.stdout
