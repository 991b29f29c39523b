"""Run the commands of a step: clean environment, own process group, logged, no orphans."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bootstrap.errors import HeadstartError
from bootstrap.machine.causes import evident_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bootstrap.machine.pins import Pins

TAIL_LINES = 12
_PATIENCE = 5.0
_GLANCE = 0.2

# What a shell may carry in that would lead Python, pip or virtualenv somewhere else.
_MISLEADING = {
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONEXECUTABLE",
    "PYTHONSAFEPATH",
    "__PYVENV_LAUNCHER__",
}
_MISLEADING_PREFIXES = ("CONDA_", "PIP_", "VIRTUALENV_", "COV_CORE_", "PYTEST_")
# Where packages come from, and how to get there, is the machine's business and stays.
_KEPT = {
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_TIMEOUT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "PIP_CACHE_DIR",
    "PIP_NO_CACHE_DIR",
    "PIP_CONFIG_FILE",
    "PIP_KEYRING_PROVIDER",
    "VIRTUALENV_OVERRIDE_APP_DATA",
    "VIRTUALENV_EXTRA_SEARCH_DIR",
}


def clean_environment(inherited: Mapping[str, str], pins: Pins) -> dict[str, str]:
    """The variables of every command: as if the project's venv were activated, and only it."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _KEPT or not (name in _MISLEADING or name.startswith(_MISLEADING_PREFIXES))
    }
    path = os.pathsep.join((str(pins.venv / "bin"), inherited.get("PATH", os.defpath)))
    return kept | {
        "PATH": path,
        "VIRTUAL_ENV": str(pins.venv),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


@dataclass(frozen=True)
class Answer:
    code: int
    output: str


def ask(argv: Sequence[str], pins: Pins, *, seconds: float = 60) -> Answer:
    """Run a command that only looks; a missing program or a timeout is an answer too."""
    try:
        done = subprocess.run(
            argv,
            cwd=pins.root,
            env=clean_environment(os.environ, pins),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(124, f"no answer within {seconds:.0f} seconds")
    except OSError as error:
        return Answer(127, str(error))
    return Answer(done.returncode, done.stdout.decode(errors="replace").strip())


def look_up(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    given: str = "",
    seconds: float = 60,
) -> Answer:
    """Ask the machine, outside of any project; `given` is written to the command's input."""
    try:
        done = subprocess.run(
            argv,
            env=environment,
            input=given.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(124, f"no answer within {seconds:.0f} seconds")
    except OSError as error:
        return Answer(127, str(error))
    return Answer(done.returncode, done.stdout.decode(errors="replace").strip())


class CommandError(HeadstartError):
    """A command of a step ended with an error; `tail` holds the last lines it wrote."""

    def __init__(self, argv: Sequence[str], code: int, output: str, log: Path) -> None:
        tail = tuple(line for line in output.splitlines() if line.strip())[-TAIL_LINES:]
        cause = evident_cause(output)
        super().__init__(
            f"`{shlex.join(argv)}` {_ending(code)}.",
            why=((cause,) if cause else ()) + tail,
            next=(f"read the whole output: {log}", "headstart up, to continue from here"),
        )


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"failed with exit code {code}"


class CommandRecord(Protocol):
    """Who keeps track of running commands: a later run ends what a killed one left behind."""

    def command_started(self, argv: Sequence[str], process: ProcessId) -> None: ...
    def command_ended(self, code: int) -> None: ...


@dataclass(frozen=True)
class ProcessId:
    """A process, and when it began: numbers are reused, the pair is not."""

    pid: int
    began: str


@dataclass(frozen=True)
class Runner:
    """Runs the commands of one run, one after the other."""

    pins: Pins
    log: Path
    record: CommandRecord

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        watch: Callable[[], None] | None = None,
    ) -> str:
        """Run `argv` to its end and return its output, which the log keeps. Raises CommandError.

        `environment`, `cwd` and `log` are the project's own unless given. What `watch` raises, a
        few times a second, ends the command.
        """
        path = log or self.log
        with path.open("ab") as stream:
            stream.write(f"\n$ {shlex.join(argv)}\n".encode())
            stream.flush()
            start = stream.tell()
            process = subprocess.Popen(
                # The command waits at a gate until it is in the journal: killed before that,
                # the gate reads end of file and nothing has started.
                ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh", *argv),
                cwd=cwd or self.pins.root,
                env=environment or clean_environment(os.environ, self.pins),
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
            code = self._supervise(process, argv, watch)
        self.record.command_ended(code)
        output = path.read_bytes()[start:].decode(errors="replace")
        if code:
            raise CommandError(argv, code, output, path)
        return output

    def _supervise(
        self,
        process: subprocess.Popen[bytes],
        argv: Sequence[str],
        watch: Callable[[], None] | None,
    ) -> int:
        try:
            self.record.command_started(argv, identify(process.pid))
            if watch is None:
                process.communicate(b"go\n")
                return process.returncode
            return _watched(process, watch)
        except BaseException:
            _stop(process)
            raise


def _watched(process: subprocess.Popen[bytes], watch: Callable[[], None]) -> int:
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


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: ask as Ctrl-C would, insist, then make sure that nobody is left."""
    for request in (signal.SIGINT, signal.SIGTERM):
        signal_group(process.pid, request)
        try:
            process.wait(_PATIENCE)
            break
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def identify(pid: int) -> ProcessId:
    return ProcessId(pid, _began(pid))


def is_running(process: ProcessId) -> bool:
    return bool(process.began) and _began(process.pid) == process.began


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
    try:
        argv = ("/bin/ps", "-o", "lstart=", "-p", str(pid))
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
