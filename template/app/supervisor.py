"""Programs that are started together, started again together, and end together.

A guard, a process of its own, ends them should this one be killed before it could.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

# The pid is the guard's before the program begins: there is no moment in which nobody knows of it.
# What the terminal sends is the supervisor's to answer, which asks its programs to end.
START = 'trap "" INT HUP; echo "started $$" >&0; exec "$@" <{stdin}'
PAUSE_SECONDS = 0.05
# Killed processes are gone after this, or nobody collects them.
KILLED_SECONDS = 2.0
# What the guard grants: nobody waits for the work of what it ends.
GUARD_SECONDS = 5.0


@dataclass(frozen=True)
class Program:
    """What is started. Who is `interactive` reads from the terminal; the others lead a group."""

    name: str
    command: Sequence[str]
    interactive: bool = False
    files: Collection[int] = ()


class Supervisor:
    """Starts programs, and leaves none behind, however this process ends."""

    def __init__(
        self, programs: Sequence[Program], patience: float, is_urgent: Callable[[], bool]
    ) -> None:
        """Let a program take `patience` seconds for its end, unless it is urgent."""
        self._programs = programs
        self._patience = patience
        self._is_urgent = is_urgent
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = _start_guard()

    def start(self) -> None:
        """Start every program."""
        for program in self._programs:
            self._processes[program.name] = self._started(program)

    def ended(self) -> tuple[str, int] | None:
        """Return the name and the exit code of a program that has ended by itself."""
        codes = ((name, process.poll()) for name, process in self._processes.items())
        return next(((name, code) for name, code in codes if code is not None), None)

    def stop(self) -> None:
        """End every program, and what it has started in its group."""
        _end(self._remaining, self._patience, self._is_urgent)
        for process in self._processes.values():
            with suppress(BrokenPipeError):  # somebody has ended the guard
                os.write(self._guard, f"ended {process.pid}\n".encode())
        self._processes.clear()

    def _started(self, program: Program) -> subprocess.Popen[bytes]:
        stdin = os.ttyname(0) if program.interactive and os.isatty(0) else os.devnull
        return subprocess.Popen(
            ["/bin/sh", "-c", START.format(stdin=stdin), "sh", *program.command],
            stdin=self._guard,
            pass_fds=program.files,
            process_group=None if program.interactive else 0,
        )

    def _remaining(self) -> list[int]:
        processes = self._processes.values()
        return _existing((process.pid, process.poll() is None) for process in processes)


def _start_guard() -> int:
    """Fork the guard, while this process has one thread; return the pipe that it reads."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        _stand_guard(reading)
    os.close(reading)
    return writing


def _stand_guard(pipe: int) -> NoReturn:
    """Wait until nobody can write to the pipe, and end whom the supervisor has not ended."""
    os.setsid()
    pids: set[int] = set()
    with os.fdopen(pipe) as lines:
        for line in lines:
            what, pid = line.split()
            (pids.add if what == "started" else pids.discard)(int(pid))
    _end(lambda: _existing((pid, _signal(pid, 0)) for pid in pids), GUARD_SECONDS)
    os._exit(0)


def _existing(pids: Iterable[tuple[int, bool]]) -> list[int]:
    """Return whom to send a signal: a process that runs, or the group that it has left behind."""
    return [pid if runs else -pid for pid, runs in pids if runs or _signal(-pid, 0)]


def _end(
    remaining: Callable[[], Sequence[int]],
    patience: float,
    is_urgent: Callable[[], bool] = lambda: False,
) -> None:
    """Ask all that remain to end, and kill who still does after the patience."""
    late = time.monotonic() + patience
    for pid in remaining():
        _signal(pid, signal.SIGTERM)
    while (left := remaining()) and time.monotonic() < late + KILLED_SECONDS:
        if is_urgent() or time.monotonic() > late:
            for pid in left:
                _signal(pid, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)


def _signal(pid: int, number: int) -> bool:
    """Send a signal; return whether there is such a process, or group for a negative number."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        return True
    return False
