"""A Mac made of shims that behave and fail like the real commands: run here as a whole machine."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine import pins
from bootstrap.machine.facts import shell
from bootstrap.machine.steps.shell import lines
from tests.machine.conftest import Shop, other_python
from tests.machine.simulated_mac import Mac, new_mac
from tests.rendered.servers import free_port, program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def mac(shop: Shop, tmp_path: Path) -> Mac:
    """A new M3, and a project whose Python it does not have."""
    return new_mac(shop, tmp_path / "mac", other_python())


def error(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])["error"]
    return told


def test_a_new_mac_gets_its_formulae_and_its_python(mac: Mac) -> None:
    done = mac.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brew install openssl@3 xz" in mac.calls()
    assert f"pyenv install {mac.version}" in mac.calls()
    assert "--enable-framework" not in mac.calls()
    assert json.loads(mac.up().stdout)["outcome"] == "nothing-to-do"


def test_nothing_is_installed_that_nobody_has_agreed_to(mac: Mac) -> None:
    done = mac.up("--only", "python")
    assert done.returncode == 4
    assert "brew install" not in mac.calls()
    assert "headstart up --yes" in str(error(done)["next"])


@pytest.mark.parametrize(
    ("said", "cause", "repair"),
    [
        (
            "Error: A `brew install xz` process has already locked /opt/homebrew/Cellar/xz.",
            "Another Homebrew is at work",
            "then run the same command again",
        ),
        (
            "Error: Another `brew update` process is already running.",
            "Another Homebrew is at work",
            "then run the same command again",
        ),
        (
            "Error: The following directories are not writable by your user:\n/opt/homebrew/var",
            "belong to another user",
            'sudo chown -R "$USER" "$(brew --prefix)"/*',
        ),
        ("sudo: a terminal is required to read the password", "as an administrator", "in Terminal"),
        (
            "You have not agreed to the Xcode license. Please resolve this by running:",
            "Apple's license",
            "sudo xcodebuild -license accept",
        ),
        (
            'xcrun: error: active developer path ("/Applications/Xcode.app") does not exist',
            "xcode-select leads to",
            "sudo xcode-select --reset",
        ),
        (
            "Error: Your Command Line Tools are too outdated.",
            "older than this macOS",
            "softwareupdate",
        ),
        (
            "Error: xz: something that nobody has foreseen",
            "brew install openssl@3 xz",
            "headstart up",
        ),
    ],
)
def test_a_homebrew_that_fails_says_why_and_the_next_run_goes_on(
    mac: Mac, said: str, cause: str, repair: str
) -> None:
    failed = mac.up(MAC_BREW_SAYS=said)
    assert failed.returncode == 1
    told = error(failed)
    assert cause in " ".join((str(told["what"]), *map(str, told["why"])))  # type: ignore[call-overload]
    assert repair in " ".join(map(str, told["next"]))  # type: ignore[call-overload]
    assert any(said.partition("\n")[0] in str(line) for line in told["why"])  # type: ignore[attr-defined]


def test_the_formulae_of_the_brewfile_are_installed_in_one_go(mac: Mac) -> None:
    brewfile = mac.shop.root / "Brewfile"
    brewfile.write_text(
        '# tools\nbrew "xz"\nbrew \'redis\', restart_service: true\ncask "docker"\n'
    )
    assert mac.plan()["tools"]["commands"] == ["brew install openssl@3 xz redis"]
    done = mac.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brew install openssl@3 xz redis\n" in mac.calls()
    assert json.loads(mac.up().stdout)["outcome"] == "nothing-to-do"
    brewfile.write_text('brew "xz"\nbrew "mysql-client"\n')
    assert mac.plan()["tools"]["reason"] == "Brewfile names what is not installed: mysql-client"
    told = mac.shop.headstart("doctor", **mac.variables).stdout
    assert "Brewfile names what is not installed: mysql-client" in told
    refused = mac.up("--only", "tools")
    assert refused.returncode == 4
    assert "brew install mysql-client" in str(error(refused)["next"])
    assert mac.up().returncode == 0
    assert "mysql-client" not in mac.shop.headstart("doctor", **mac.variables).stdout


def test_a_client_that_homebrew_does_not_link_is_put_on_the_path(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (mac.variables | {"PATH": str(mac.folder / "bin")}).items():
        monkeypatch.setenv(name, value)
    mac.shop.edit("toolchain.yml", "proof:", "services: [mysql://root@127.0.0.1/shop]\nproof:")
    pinned = pins.read(mac.shop.root)
    assert shell.look(pinned).folders == ()
    folder = mac.brew / "opt" / "mysql-client" / "bin"
    folder.mkdir(parents=True)
    fact = shell.look(pinned)
    profile = mac.folder / "home" / ".zprofile"
    assert fact.profiles == (profile, profile.with_name(".zshrc"))
    assert lines(fact) == (f'export PATH="{folder}:$PATH"',)
    profile.write_text(f"path+=({folder})\n")
    assert shell.look(pinned).folders == ()
    (mac.folder / "bin" / "mysql").write_text("#!/bin/sh\n")
    (mac.folder / "bin" / "mysql").chmod(0o755)
    profile.unlink()
    assert shell.look(pinned).folders == ()


def test_a_server_is_installed_and_started_when_somebody_agrees(mac: Mac) -> None:
    assert mac.up().returncode == 0
    port = free_port()
    mac.shop.edit("toolchain.yml", "proof:", f"services: ['redis://127.0.0.1:{port}/0']\nproof:")
    server = f"{program('redis-server')} --port {port} --daemonize yes --save ''"
    mac.variables["MAC_SERVICES"] = f'[ -d "$MAC_BREW/opt/$3" ] && {server}'
    refused = mac.up("--only", "services")
    assert "by hand: brew install redis" in str(error(refused)["next"])
    assert not (mac.brew / "opt" / "redis").exists()
    try:
        done = mac.up("--only", "services", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "brew install redis\n" in mac.calls()
        assert "brew services start redis\n" in mac.calls()
    finally:
        end = [program("redis-cli"), "-p", str(port), "shutdown", "nosave"]
        subprocess.run(end, check=False, capture_output=True)


def test_undo_takes_the_formulae_and_the_python_back(mac: Mac) -> None:
    mac.install("readline", "readline/readline.h")
    assert mac.up().returncode == 0
    done = mac.shop.headstart("undo", "--yes", **mac.variables)
    assert done.returncode == 0, done.stderr
    assert sorted(at.name for at in (mac.brew / "opt").iterdir()) == ["readline"]
    assert list((mac.folder / "pyenv" / "versions").iterdir()) == []


def test_when_the_plain_build_fails_the_flags_of_the_notes_are_used(mac: Mac) -> None:
    done = mac.up(PYTHON_BUILD_FAILS="plain")
    assert done.returncode == 0, done.stdout + done.stderr
    flags = f"--enable-framework --with-openssl={mac.brew}/opt/openssl@3"
    assert f"PYTHON_CONFIGURE_OPTS={flags}" in mac.calls()
    # The next time this Mac builds that version, it begins with them.
    shutil.rmtree(mac.folder / "pyenv" / "versions" / mac.version)
    shutil.rmtree(mac.shop.root / ".venv")
    commands = mac.plan()["python"]["commands"]
    assert commands == [f"PYTHON_CONFIGURE_OPTS='{flags}' pyenv install {mac.version}"]


def test_an_sdk_that_is_newer_than_the_system_is_allowed_for(mac: Mac) -> None:
    commands = mac.plan(MAC_SDK="27.0")["python"]["commands"]
    assert "ac_cv_func_dup3='no' ac_cv_func_pipe2='no'" in str(commands)
    assert mac.up(MAC_SDK="27.0").returncode == 0
    assert "ac_cv_func_dup3=no ac_cv_func_pipe2=no" in mac.calls()
    assert "ac_cv" not in str(mac.plan(MAC_SDK="27.0", MAC_VERSION="27.0"))


def test_a_rosetta_shell_is_refused_with_the_way_out(mac: Mac) -> None:
    done = mac.up(MAC_MACHINE="x86_64", MAC_TRANSLATED="1")
    assert done.returncode == 4
    assert error(done)["cause"] == "rosetta-shell"
    assert "arch -arm64 zsh -l" in str(error(done)["next"])
    assert "install" not in mac.calls()


def test_an_intel_homebrew_on_an_apple_chip_is_refused(mac: Mac) -> None:
    done = mac.up(MAC_BREW="/usr/local")
    assert done.returncode == 4
    assert "mixed-architecture" in str(error(done)["cause"])


def test_of_two_homebrews_the_one_for_the_chip_is_used(mac: Mac) -> None:
    """As on a Mac whose contents came from an Intel one, in whichever shell."""
    theirs = mac.folder / "intel" / "brew"
    theirs.parent.mkdir()
    theirs.write_text(
        '#!/bin/sh\n[ "$1" = --prefix ] && echo /usr/local || echo no >"$MAC/intel/used"\n'
    )
    theirs.chmod(0o755)
    ours = mac.folder / "bin"
    mac.variables["PATH"] = f"{theirs.parent}:{mac.variables['PATH']}"
    assert mac.plan()["tools"]["commands"] == [f"{ours}/brew install openssl@3 xz"]
    done = mac.up(PYTHON_BUILD_FAILS="plain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brew install openssl@3 xz" in mac.calls()
    assert f"--with-openssl={mac.brew}/opt/openssl@3" in mac.calls()
    assert f"PATH={ours}:" in mac.calls()
    told = mac.shop.headstart("doctor", **mac.variables).stdout
    assert f"a second Homebrew, in /usr/local: used is the one in {mac.brew}" in told
    assert f"take {theirs.parent} out of PATH" in told

    (mac.shop.root / "Brewfile").write_text('brew "redis"\n')
    rosetta = {"MAC_MACHINE": "x86_64", "MAC_TRANSLATED": "1"}
    assert mac.plan(**rosetta)["tools"]["commands"] == [f"arch -arm64 {ours}/brew install redis"]
    assert mac.up(**rosetta).returncode == 0
    assert "brew install redis" in mac.calls()
    told = mac.shop.headstart("doctor", **mac.variables | rosetta).stdout
    assert "this shell runs under Rosetta" in told
    assert not (theirs.parent / "used").exists()


def test_an_intel_mac_is_a_mac_too(mac: Mac) -> None:
    done = mac.up(MAC_MACHINE="x86_64")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_command_line_tools_it_is_said_how_to_get_them(mac: Mac) -> None:
    done = mac.up(MAC_TOOLS="no")
    assert done.returncode == 4
    assert error(done)["cause"] == "clt-missing"
    assert "xcode-select --install" in str(error(done)["next"])


@pytest.mark.parametrize(
    ("said", "repair"),
    [
        (
            "You have not agreed to the Xcode and Apple SDKs license. Please run 'sudo xcodebuild'",
            "sudo xcodebuild -license accept",
        ),
        (
            'xcrun: error: active developer path ("/Applications/Xcode.app") does not exist',
            "sudo xcode-select --reset",
        ),
    ],
)
def test_command_line_tools_that_are_there_and_refuse_say_why(
    mac: Mac, said: str, repair: str
) -> None:
    done = mac.up(MAC_XCRUN_SAYS=said)
    assert done.returncode == 4
    assert error(done)["cause"] == "clt-missing"
    assert repair in str(error(done)["why"])


def test_a_mac_without_pyenv_gets_it_and_then_what_the_build_needs(mac: Mac) -> None:
    (mac.folder / "bin" / "pyenv").rename(mac.folder / "pyenv.shim")
    assert "brew install pyenv" in str(mac.plan()["tools"]["commands"])
    done = mac.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brew install pyenv\n" in mac.calls()
    assert "brew install openssl@3 xz" in mac.calls()
