"""The questionnaire at a real terminal."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.conftest import answers_without, tree

ENTER, DOWN, SPACE = "\r", "\x1b[B", " "
CTRL_C, CTRL_U, CTRL_D = "\x03", "\x15", "\x04"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """A pseudo-terminal with `headstart` in it: wait for a text, then type."""

    def __init__(
        self, *arguments: str, cwd: Path, stdout: int | None = None, columns: int = 120
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bootstrap", *arguments],
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def expect(self, text: str) -> str:
        """Wait until `text` has appeared since the last one waited for; return what is between."""
        deadline = time.monotonic() + 600
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.seen}"
            assert self._read(), f"ended without {text!r}:\n{self.seen}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, *keys: str) -> None:
        """Press keys."""
        os.write(self._master, "".join(keys).encode())

    def end(self) -> int:
        """Wait for the command to end and return its exit code."""
        while self._read():
            pass
        return self._process.wait(600)

    def close(self) -> None:
        """Leave nothing running."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 600)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux's way of saying that the other side is closed
            data = b""
        self.seen += _ESCAPES.sub("", data.decode(errors="replace"))
        return bool(data)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def open_terminal(
    terminals: list[Terminal], *arguments: str, cwd: Path, **options: int
) -> Terminal:
    terminals.append(Terminal(*arguments, cwd=cwd, **options))
    return terminals[-1]


def test_only_what_is_open_is_asked_and_enter_takes_the_default(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", "description", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("What is the project called?")
    terminal.type(ENTER)
    terminal.expect("What is it for, in one sentence?")
    terminal.expect("The shop backend.")
    terminal.type(ENTER)
    terminal.expect("First commit")
    assert terminal.end() == 0
    assert (tmp_path / "shop/.copier-answers.yml").is_file()


def test_a_broken_rule_is_shown_whole_above_the_question_that_is_asked_again(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", folder=tmp_path)
    terminal = open_terminal(
        terminals, "new", "shop", "--data-file", file, cwd=tmp_path, columns=80
    )
    terminal.expect("What is the project called?")
    terminal.type(CTRL_U, "My Shop", ENTER)
    terminal.expect("✗ ")
    rule = terminal.expect("? What is the project called?")
    assert " ".join(rule.split()) == (
        "must be 1 to 40 lower-case letters, digits and single hyphens, starting with a letter "
        "(given: My Shop)"
    )
    assert max(map(len, rule.splitlines())) <= 80
    terminal.expect("My Shop")
    terminal.type(CTRL_U, "cart", ENTER)
    terminal.expect("cart")
    assert terminal.end() == 0
    assert "project_name: cart" in (tmp_path / "shop/.copier-answers.yml").read_text()


def test_choices_are_selected_and_later_questions_follow_from_them(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("venv_layout", "venv_root", preset="custom", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("Where does its virtual environment live?")
    terminal.type(DOWN, ENTER)
    terminal.expect("Which folder holds the shared environments?")
    terminal.type(ENTER)
    assert terminal.end() == 0
    assert "venv_layout: shared" in (tmp_path / "shop/.copier-answers.yml").read_text()


def test_several_choices_are_ticked(terminals: list[Terminal], tmp_path: Path) -> None:
    file = answers_without("features", preset="custom", folder=tmp_path)
    terminal = open_terminal(terminals, "new", "shop", "--data-file", file, cwd=tmp_path)
    terminal.expect("Which features does it have?")
    terminal.expect("cache: ")
    terminal.type(SPACE, DOWN, SPACE, ENTER)
    assert terminal.end() == 0
    answers = (tmp_path / "shop/.copier-answers.yml").read_text()
    assert "features:\n- operations\n- idempotency\n" in answers


def test_the_result_can_be_piped_away_while_questions_are_asked(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    file = answers_without("project_name", "description", folder=tmp_path)
    given = ("--data-file", file, "--json")
    with (tmp_path / "out.json").open("w") as out:
        terminal = open_terminal(
            terminals, "new", "shop", *given, cwd=tmp_path, stdout=out.fileno()
        )
        for question in ("What is the project called?", "What is it for, in one sentence?"):
            terminal.expect(question)
            terminal.type(ENTER)
        assert terminal.end() == 0
    assert json.loads((tmp_path / "out.json").read_text())["sources"]["project_name"] == "asked"


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_the_questionnaire_makes_nothing(
    terminals: list[Terminal], tmp_path: Path, key: str
) -> None:
    terminal = open_terminal(terminals, "new", "shop", cwd=tmp_path)
    terminal.expect("What should the project start from?")
    terminal.type(ENTER)
    terminal.expect("What is the project called?")
    terminal.type(CTRL_U, key)
    assert terminal.end() == 130
    assert tree(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_explain_waits_for_nobody_to_type_a_log(terminals: list[Terminal], tmp_path: Path) -> None:
    terminal = open_terminal(terminals, "explain", cwd=tmp_path)
    terminal.expect("There is nothing to explain.")
    assert terminal.end() == 64
