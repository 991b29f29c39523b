"""Running a project's own commands: logged, with nobody at the keyboard, no orphans left."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 5.0  # seconds that a command has to end when it is asked to
_TAIL = 20
# What a make hands on to one below it, which this is not: it would announce its folders, for one.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code, the last lines it wrote, how long it took."""

    code: int
    tail: tuple[str, ...]
    seconds: float


def run(argv: tuple[str, ...], cwd: Path, environ: Mapping[str, str], log: Path) -> Finished:
    """Run a command to its end; what it writes is added to the log. Ctrl-C ends it and all of its.

    Its process group is its own, so that nothing that it has started outlives it.
    """
    began = time.monotonic()
    with log.open("ab") as stream:
        stream.write(f"\n$ {shlex.join(argv)}\n".encode())
        stream.flush()
        start = stream.tell()
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={name: value for name, value in environ.items() if name not in _OF_MAKE},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            return Finished(127, (str(error),), 0.0)
        try:
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    tail = tuple(line.rstrip() for line in lines if line.strip())[-_TAIL:]
    return Finished(code, tail, time.monotonic() - began)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: ask as Ctrl-C would, insist, then make sure that nobody is left."""
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, request)
            process.wait(_PATIENCE)
        except (ProcessLookupError, PermissionError):
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
    process.wait()
