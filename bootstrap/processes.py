"""Run commands: to ask something, or to their end with a log and nothing left running."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TIMED_OUT = 124
"""The code of a probe that was not answered in time."""
_PATIENCE = 5.0  # seconds that a command has to end when it is asked to
_ORPHAN_PATIENCE = 10.0
_GLANCE = 0.2


class ProbeResult(NamedTuple):
    code: int
    output: str


class CommandResult(NamedTuple):
    """How a command ended: its exit code, all that it wrote, how long it took."""

    code: int
    output: str
    seconds: float

    def tail(self, count: int) -> tuple[str, ...]:
        """The last lines that have something in them."""
        lines = (line.rstrip() for line in self.output.splitlines())
        return tuple(line for line in lines if line)[-count:]


class ProcessId(NamedTuple):
    """A process, and when it began: numbers are reused, the pair is not."""

    pid: int
    began: str


def probe(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    given: str = "",
    seconds: float = 60,
) -> ProbeResult:
    """Run a command that only looks; a missing program or a timeout is a result too.

    `given` is written to the command's input.
    """
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=environ,
            input=given.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ProbeResult(TIMED_OUT, f"no answer within {seconds:.0f} seconds")
    except OSError as error:
        return ProbeResult(127, str(error))
    return ProbeResult(done.returncode, done.stdout.decode(errors="replace").strip())


def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    log: Path,
    started: Callable[[ProcessId], None] = lambda _: None,
    watch: Callable[[], None] | None = None,
) -> CommandResult:
    """Run a command to its end, with nobody at the keyboard; what it writes is added to the log.

    Its process group is its own, and nothing of it outlives this call. `started` is called before
    the command begins. What `watch` raises, a few times a second, ends the command.
    """
    began = time.monotonic()
    with log.open("ab") as stream:
        stream.write(f"\n$ {shlex.join(argv)}\n".encode())
        stream.flush()
        start = stream.tell()
        process = subprocess.Popen(
            # The command waits at a gate until `started` has returned: where we are killed before
            # that, the gate reads end of file and nothing has started.
            ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh", *argv),
            cwd=cwd,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            started(identify(process.pid))
            code = _supervise(process, watch)
        except BaseException:
            _end(process)
            raise
    output = log.read_bytes()[start:].decode(errors="replace")
    return CommandResult(code, output, time.monotonic() - began)


def identify(pid: int) -> ProcessId:
    return ProcessId(pid, _began(pid))


def is_running(process: ProcessId) -> bool:
    return bool(process.began) and _began(process.pid) == process.began


def end_orphan(process: ProcessId) -> None:
    """End what outlived an earlier run, and all that it has started."""
    if not is_running(process):
        return
    deadline = time.monotonic() + _ORPHAN_PATIENCE
    while is_running(process):
        late = time.monotonic() > deadline
        _signal_group(process.pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.1)
    _signal_group(process.pid, signal.SIGKILL)


def _supervise(process: subprocess.Popen[bytes], watch: Callable[[], None] | None) -> int:
    if watch is None:
        process.communicate(b"go\n")
        return process.returncode
    if process.stdin:
        process.stdin.write(b"go\n")
        process.stdin.close()
    while True:
        try:
            code = process.wait(_GLANCE)
        except subprocess.TimeoutExpired:
            watch()
            continue
        watch()
        return code


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: ask as Ctrl-C would, insist, then make sure that nobody is left."""
    for request in (signal.SIGINT, signal.SIGTERM):
        _signal_group(process.pid, request)
        try:
            process.wait(_PATIENCE)
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _began(pid: int) -> str:
    """When the process `pid` began, in the words of this system; empty when it does not run."""
    try:
        # proc(5): the state follows the last parenthesis, the start time 19 fields later.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return _began_by_ps(pid)
    return "" if fields[0] == "Z" else fields[19]


def _began_by_ps(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    shown = probe(("/bin/ps", "-o", "lstart=", "-p", str(pid)))
    return "" if shown.code else shown.output
