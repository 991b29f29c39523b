"""Run the commands of a project: in its own process environment, journaled, with a log."""

from __future__ import annotations

import os
import shlex
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import processes
from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.machine.pip_settings import pip_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bootstrap.machine.journal import Journal
    from bootstrap.machine.pins import Pins
    from bootstrap.processes import CommandResult, ProbeResult

_TAIL = 12

# What a shell may carry in that would lead Python, pip or virtualenv somewhere else.
_MISLEADING = {
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"),
    *("PYTHONUSERBASE", "PYTHONEXECUTABLE", "PYTHONSAFEPATH", "__PYVENV_LAUNCHER__"),
}
_MISLEADING_PREFIXES = ("CONDA_", "PIP_", "VIRTUALENV_", "COV_CORE_", "PYTEST_")
_KEPT = {"VIRTUALENV_OVERRIDE_APP_DATA", "VIRTUALENV_EXTRA_SEARCH_DIR"}


def clean_environment(inherited: Mapping[str, str], pins: Pins) -> dict[str, str]:
    """The variables of every command: as if the project's venv were activated, and only it."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _KEPT or not (name in _MISLEADING or name.startswith(_MISLEADING_PREFIXES))
    }
    path = os.pathsep.join((str(pins.venv / "bin"), inherited.get("PATH", os.defpath)))
    return {
        **kept,
        **pip_settings(inherited),
        "PATH": path,
        "VIRTUAL_ENV": str(pins.venv),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def probe_project(argv: Sequence[str], pins: Pins, *, seconds: float = 60) -> ProbeResult:
    """Run a command of the project that only looks."""
    environ = clean_environment(os.environ, pins)
    return processes.probe(argv, environ=environ, cwd=pins.root, seconds=seconds)


class CommandError(HeadstartError):
    """A command of a step ended with an error; its last lines say why."""

    def __init__(self, argv: Sequence[str], result: CommandResult, log: Path) -> None:
        from bootstrap.machine.diagnosis.causes import cause_of_command  # noqa: PLC0415 - yaml

        cause = cause_of_command(result.output)
        super().__init__(
            Said("`{command}` {ended}.", command=shlex.join(argv), ended=_ending(result.code)),
            why=((cause.sentence,) if cause else ()) + result.tail(_TAIL),
            next=(cause.repair if cause else ())
            + (
                Said("read the whole output: {log}", log=log),
                Said("headstart up, to continue from here"),
            ),
        )


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"failed with exit code {code}"


@dataclass(frozen=True)
class Runner:
    """Runs the commands of one run of `up`, one after the other.

    The journal has each of them before it begins: a later run ends what a killed one left behind.
    """

    pins: Pins
    log: Path
    journal: Journal

    def run(
        self,
        argv: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        watch: Callable[[], None] | None = None,
    ) -> str:
        """Run `argv` to its end and return its output, which the log keeps. Raises CommandError.

        `environ`, `cwd` and `log` are the project's own unless given. What `watch` raises, a few
        times a second, ends the command.
        """
        path = log or self.log
        result = processes.run(
            argv,
            environ=environ or clean_environment(os.environ, self.pins),
            cwd=cwd or self.pins.root,
            log=path,
            started=lambda process: self.journal.command_started(argv, process),
            watch=watch,
        )
        self.journal.command_ended(result.code)
        if result.code:
            raise CommandError(argv, result, path)
        return result.output
