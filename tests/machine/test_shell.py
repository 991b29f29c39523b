"""A person's PATH: the lines are shown once, written only when they agree, and taken back."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.machine import pins
from bootstrap.machine.edits import shell_profile
from bootstrap.machine.facts import homebrew, shell
from bootstrap.machine.facts.shell import ShellFact, look, profiles_of
from tests.conftest import unavailable
from tests.machine.conftest import Shop

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE = 'export PATH="$HOME/.pyenv/bin:$PATH"'
MINE = "# mine\nexport EDITOR=vi"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a pyenv that is not on PATH."""
    home = tmp_path / "home"
    program = home / ".pyenv" / "bin" / "pyenv"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (home / ".bash_profile").write_text(MINE)
    return home


@pytest.fixture
def variables(home: Path) -> dict[str, str]:
    path = "/usr/bin:/bin"
    return {"HOME": str(home), "SHELL": "/bin/bash", "PATH": path, "PYENV_ROOT": f"{home}/.pyenv"}


@pytest.mark.slow
def test_the_line_is_shown_once_written_by_yes_and_taken_back(
    shop: Shop, home: Path, variables: dict[str, str]
) -> None:
    shown = shop.headstart("up", **variables)
    assert shown.returncode == 0, shown.stderr
    assert LINE in shown.stderr
    assert (home / ".bash_profile").read_text() == MINE
    assert "nothing to do" in shop.headstart("up", **variables).stdout
    agreed = shop.headstart("up", "--yes", **variables)
    assert agreed.returncode == 0, agreed.stderr
    assert (
        f"export EDITOR=vi\n# >>> headstart >>>\n{LINE}\n# <<< headstart <<<\n"
        in (home / ".bash_profile").read_text()
    )
    assert "nothing to do" in shop.headstart("up", "--yes", **variables).stdout
    assert shop.headstart("undo", "--yes", **variables).returncode == 0
    assert (home / ".bash_profile").read_text() == f"{MINE}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".bash_profile", 'export PATH="$HOME/.pyenv/bin:$PATH"'),
        (".bashrc", '[[ -d $PYENV_ROOT/bin ]] && export PATH="$PYENV_ROOT/bin:$PATH"'),
        (".bashrc", "export PATH=${PYENV_ROOT}/bin:$PATH"),
    ],
)
def test_what_a_person_has_set_up_themselves_is_seen(
    shop: Shop,
    home: Path,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    pinned = pins.read(shop.root)
    assert look(pinned).folders == (home / ".pyenv" / "bin",)
    (home / name).write_text(text)
    assert look(pinned) == ShellFact()


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "written"), [("y", True), ("", False)])
def test_on_a_terminal_it_is_asked(
    shop: Shop, home: Path, variables: dict[str, str], answer: str, written: bool
) -> None:
    told = on_a_terminal(shop, variables, f"{answer}\n")
    assert "[y/N]" in told
    assert (LINE in (home / ".bash_profile").read_text()) is written


def on_a_terminal(shop: Shop, variables: Mapping[str, str], answer: str) -> str:
    """What `up` tells a person who gives this answer to the question they are asked."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        shop.argv("up"),
        cwd=shop.root,
        env=shop.environment({"TERM": "xterm", **variables}),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    shop.started.append(running)  # type: ignore[arg-type]  # only ended by it
    os.close(theirs)
    told = ""
    try:
        while chunk := os.read(ours, 4096):
            before, told = told, told + chunk.decode(errors="replace")
            if "[y/N]" in told and "[y/N]" not in before:
                os.write(ours, answer.encode())
    except OSError:
        pass  # the other end is closed: it has ended
    assert running.wait(600) == 0, told
    os.close(ours)
    return told


def test_bash_learns_to_complete_the_commands(tmp_path: Path) -> None:
    """As a person does it: installed from a bash, used in the next one."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    def bash(script: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "--norc", "-c", script],
            env={"HOME": str(tmp_path), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "installed" in bash("headstart --install-completion; exit $?")
    words = "COMP_WORDS=(headstart jour) COMP_CWORD=1"
    asked = f'. ~/.bashrc; {words}; _headstart_completion headstart; echo "${{COMPREPLY[@]}}"'
    assert bash(asked) == "journal\n"


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r")),
    lines=st.lists(st.sampled_from([LINE, "export PATH=b", "export PATH=c"]), min_size=1),
)
def test_adding_twice_is_adding_once_and_removing_restores(
    tmp_path_factory: pytest.TempPathFactory, text: str, lines: list[str]
) -> None:
    file = tmp_path_factory.mktemp("home") / ".profile"
    file.write_bytes(text.encode())
    shell_profile.add(file, lines)
    once = file.read_bytes()
    shell_profile.add(file, lines)
    assert file.read_bytes() == once
    assert shell_profile.reversal(file, lines[0]).action == "shorten"
    shell_profile.reverse(file, "\n".join(lines))
    ended = text if not text or text.endswith("\n") else f"{text}\n"
    assert file.read_bytes().decode() == ended


def test_bytes_that_are_no_utf_8_stay(tmp_path: Path) -> None:
    file = tmp_path / ".profile"
    file.write_bytes(b"NAME=J\xfcrgen\r\n")
    shell_profile.add(file, [LINE])
    assert LINE.encode() in file.read_bytes()
    shell_profile.reverse(file, LINE)
    assert file.read_bytes() == b"NAME=J\xfcrgen\r\n"


def test_a_profile_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text(MINE)
    (tmp_path / "dotfiles").chmod(0o600)
    (tmp_path / ".profile").symlink_to("dotfiles")
    shell_profile.add(tmp_path / ".profile", [LINE])
    assert (tmp_path / ".profile").is_symlink()
    assert LINE in (tmp_path / "dotfiles").read_text()
    assert (tmp_path / "dotfiles").stat().st_mode & 0o777 == 0o600


def test_the_files_are_those_that_the_shell_reads(tmp_path: Path) -> None:
    (tmp_path / ".bash_login").touch()
    of_zsh = (tmp_path / ".zprofile", tmp_path / ".zshrc")
    assert profiles_of({"SHELL": "/bin/zsh"}, tmp_path) == of_zsh
    elsewhere = profiles_of({"SHELL": "/bin/zsh", "ZDOTDIR": "/z"}, tmp_path)
    assert elsewhere == (Path("/z/.zprofile"), Path("/z/.zshrc"))
    assert profiles_of({"SHELL": "/usr/bin/bash"}, tmp_path) == (tmp_path / ".bash_login",)
    assert profiles_of({"SHELL": "/bin/sh"}, tmp_path) == (tmp_path / ".profile",)
    assert profiles_of({"SHELL": "/usr/bin/fish"}, tmp_path) == ()


# As macOS has it: the folders of /etc/paths, and what was on PATH before behind them.
PATH_HELPER = """\
#!/bin/sh
path=
IFS=:
for folder in $(tr '\\n' : <"$PATHS")$PATH; do
	case ":$path:" in *":$folder:"*) ;; *) path=${path:+$path:}$folder;; esac
done
echo "PATH=\\"$path\\"; export PATH;"
"""


@pytest.mark.slow
def test_in_every_zsh_of_a_mac_it_comes_before_what_path_helper_puts_first(
    ready: Shop, home: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    """ZDOTDIR lets path_helper run where macOS's /etc/zprofile does: right before ~/.zprofile."""
    if not (zsh := shutil.which("zsh")):
        unavailable("zsh")
    variables |= {"SHELL": "/bin/zsh"}
    (home / ".zshrc").write_text(MINE)
    done = ready.headstart("up", "--yes", **variables)
    assert done.returncode == 0, done.stderr
    assert "~/.zprofile and ~/.zshrc" in done.stderr
    for name, before in ((".zprofile", ""), (".zshrc", f"{MINE}\n")):
        block = f"# >>> headstart >>>\n{LINE}\n# <<< headstart <<<\n"
        assert (home / name).read_text() == before + block
    assert "nothing to do" in ready.headstart("up", "--yes", **variables).stdout

    system, etc = tmp_path / "usr", tmp_path / "etc"
    for folder in (system, etc):
        folder.mkdir()
    (system / "pyenv").write_text("#!/bin/sh\n")  # another one, in a folder of the system
    (system / "pyenv").chmod(0o755)
    (etc / "paths").write_text(f"{system}\n/usr/bin\n/bin\n")
    (etc / "path_helper").write_text(PATH_HELPER)
    (etc / "path_helper").chmod(0o755)
    (etc / ".zprofile").write_text(f'eval "$({etc}/path_helper -s)"\n. ~/.zprofile\n')
    (etc / ".zshrc").write_text(". ~/.zshrc\n")

    def found(command: str, **more: str) -> str:
        of_mac = {"HOME": str(home), "ZDOTDIR": str(etc), "PATHS": str(etc / "paths"), "ZSH": zsh}
        given = {"PATH": f"{system}:/usr/bin:/bin", **of_mac, **more}
        argv = ["/bin/sh", "-c", command]
        return subprocess.check_output(argv, env=given, text=True, timeout=60).strip()

    ours = str(home / ".pyenv" / "bin" / "pyenv")
    asked = "'command -v pyenv'"
    for options in ("-lc", "-lic", "-ic"):
        assert found(f"$ZSH {options} {asked}") == ours, options
    assert found(f'$ZSH -lic "$ZSH -lc {asked}"') == ours  # a terminal in a terminal
    # What path_helper is about: it would not come first if .zshenv had it.
    path = f"{home / '.pyenv' / 'bin'}:{system}:/usr/bin:/bin"
    (home / ".zprofile").write_text("")
    assert found(f"$ZSH -lc {asked}", PATH=path) == str(system / "pyenv")

    assert ready.headstart("undo", "--yes", **variables).returncode == 0
    assert (home / ".zshrc").read_text() == f"{MINE}\n"


def test_a_homebrew_that_is_not_on_path_is_put_there(
    shop: Shop, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apple silicon's lives in no folder that a new Mac has on PATH; Intel's does."""
    apple, intel = tmp_path / "homebrew", tmp_path / "local"
    monkeypatch.setattr(homebrew, "APPLE", apple)
    for module in (homebrew, shell):
        monkeypatch.setattr(module, "INTEL", intel)
    for variable, value in (variables | {"PYENV_ROOT": "/none"}).items():
        monkeypatch.setenv(variable, value)
    for prefix in (apple, intel):
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "brew").write_text("#!/bin/sh\n")
        (prefix / "bin" / "brew").chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uname").write_text("#!/bin/sh\necho arm64\n")
    (tools / "uname").chmod(0o755)
    pinned = pins.read(shop.root)
    for path in (f"{tools}:/bin", f"{intel}/bin:{tools}:/bin"):
        monkeypatch.setenv("PATH", path)
        assert look(pinned).folders == (apple / "bin",)
    monkeypatch.setenv("PATH", f"{intel}/bin:{apple}/bin:{tools}:/bin")
    assert look(pinned) == ShellFact()
