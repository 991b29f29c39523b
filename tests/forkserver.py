"""Commands of a Python that has imported their libraries already: each is forked from it.

`python -m alembic upgrade head` costs half a second before it does anything, and the suite runs
thousands of such commands. Here one interpreter of a kind imports third-party libraries once, and
every command is still a process of its own: with its arguments, folder, environment, output, exit
code and signals. What is about start-up itself, a terminal or a whole process tree is run as people
run it, by `subprocess`.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

PROGRAM = Path(__file__).with_name("forkserver_program.py")
PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT
# What Headstart's commands import, all but Headstart itself: which one, PYTHONPATH says.
OF_HEADSTART = (
    *("copier", "jinja2", "jinja2_ansible_filters", "packaging.requirements", "platformdirs"),
    *("questionary", "rich.console", "typer", "virtualenv", "yaml"),
    *("gzip", "statistics", "tarfile", "tomllib"),
)


@dataclass
class Forked:
    """A running command; as much of `subprocess.Popen` as tests use."""

    args: Sequence[str]
    pid: int
    answers: socket.socket
    stdout: IO[str] | None
    stderr: IO[str] | None
    returncode: int | None = None
    read: dict[str, str] = field(default_factory=dict)
    drains: list[threading.Thread] = field(default_factory=list)

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code, or minus the signal that ended it."""
        if self.returncode is None:
            self.answers.settimeout(timeout)
            try:
                self.returncode = int(_line(self.answers))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0) from None
            self.answers.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it prints to its end, and wait for that: also of children it leaves."""
        until = None if timeout is None else time.monotonic() + timeout
        if not self.drains:
            self._drain()
        self.wait(timeout)
        for each in self.drains:
            each.join(None if until is None else max(until - time.monotonic(), 0))
            if each.is_alive():
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        for pipe in filter(None, (self.stdout, self.stderr)):
            pipe.close()
        return self.read.get("stdout", ""), self.read.get("stderr", "")

    def _drain(self) -> None:
        """Begin to read its output, so that it never waits for us."""

        def drain(name: str, pipe: IO[str]) -> None:
            self.read[name] = pipe.read()

        for name, pipe in (("stdout", self.stdout), ("stderr", self.stderr)):
            if pipe and not pipe.closed:
                self.drains.append(threading.Thread(target=drain, args=(name, pipe), daemon=True))
                self.drains[-1].start()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class ForkServer:
    """One interpreter that has imported some modules; it ends with the process that started it."""

    python: str
    modules: Sequence[str]
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="forkserver-")))

    def __post_init__(self) -> None:
        """Start it, and wait until it listens."""
        self.settings = _settings(os.environ)
        self.process = subprocess.Popen(
            [self.python, str(PROGRAM), str(self.address), *self.modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            cwd="/",
        )
        assert self.process.stdout
        assert self.process.stdout.readline(), f"{self.python} cannot import {self.modules}"
        atexit.register(self.end)

    @property
    def address(self) -> Path:
        return self.folder / "socket"

    def end(self) -> None:
        """End it: it stops when nobody holds its standard input open."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: Mapping[str, str],
        given: str = "",
        merged: bool = False,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python ARGUMENTS` to whatever end; `merged` puts errors among the output."""
        with ExitStack() as open_files:
            told, output, errors = (
                open_files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)
            )
            told.write(given)
            told.seek(0)
            files = (told, output, output if merged else errors)
            forked = self._fork(arguments, cwd, env, files)
            try:
                code = forked.wait(timeout)
            except BaseException:
                forked.kill()
                forked.wait()
                raise
            words = [_text(file) for file in (output, errors)]
        return subprocess.CompletedProcess(list(map(str, arguments)), code, *words)

    def start(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int | None = PIPE,
        stderr: int | None = None,
        session: bool = False,
    ) -> Forked:
        """Start `python ARGUMENTS`, its output in a pipe or (None) ours; `session`: as a leader."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        if stdout is None:
            forked = self._fork(arguments, cwd, env, (nothing, 1, 2), session=session)
            os.close(nothing)
            return forked
        reads, writes = os.pipe()
        errors: tuple[int, int] | None = os.pipe() if stderr == PIPE else None
        files = (nothing, writes, errors[1] if errors else writes)
        forked = self._fork(arguments, cwd, env, files, session=session)
        forked.stdout = os.fdopen(reads)
        forked.stderr = os.fdopen(errors[0]) if errors else None
        for each in {*files}:
            os.close(each)
        return forked

    def _fork(
        self,
        arguments: Sequence[str | Path],
        cwd: Path,
        env: Mapping[str, str],
        files: Sequence[int | IO[str]],
        *,
        session: bool = False,
    ) -> Forked:
        assert _settings(env) == self.settings, "Python reads these only when it starts"
        words = list(map(str, arguments))
        request = {"argv": words, "cwd": str(cwd), "env": dict(env), "session": session}
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.address))
        descriptors = [each if isinstance(each, int) else each.fileno() for each in files]
        socket.send_fds(connection, [b"!"], descriptors)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Forked(words, int(_line(connection)), connection, None, None)


def _settings(env: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter reads from its environment once, at its start; PYTHON_… is pyenv's."""
    read = {name: value for name, value in env.items() if name.startswith("PYTHON")}
    # Each command is given these two by the program itself.
    others = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHON_")
    return {name: read[name] for name in read if not name.startswith(others)}


def _line(connection: socket.socket) -> bytes:
    """Read one line, byte by byte: it is short, and nothing after it may be taken away."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        assert byte, "the fork server has ended"
        line += byte
    return line


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@cache
def fork_server(python: str, modules: tuple[str, ...]) -> ForkServer:
    """Return this process's one server for an interpreter and what it imports."""
    return ForkServer(python, modules)


def of_headstart() -> ForkServer:
    """Return the server for commands of Headstart, run by this Python."""
    return fork_server(sys.executable, OF_HEADSTART)
