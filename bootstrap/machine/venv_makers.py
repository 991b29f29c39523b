"""Who makes a virtual environment with exactly the pinned pip: uv, virtualenv, or an old Python.

virtualenv runs in this process: another Python that imports it would take as long as its work.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError
from bootstrap.machine.installers.installer import program
from bootstrap.machine.runner import CommandError, clean_environment
from bootstrap.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext

_OLDEST_OF_VIRTUALENV = (3, 9)
_OLDEST_OF_UV = (3, 8)


def commands(python: Path, pins: Pins) -> tuple[Argv, ...]:
    """What makes it, as a person would type it."""
    if uv := _uv(pins):
        return _by_uv(uv, python, pins)
    return (_by_python(python, pins, pins.pip),)


def make(context: StepContext, python: Path, fresh: Callable[[], None]) -> None:
    """Make it in a place that `fresh` empties before each attempt.

    Where the exact pip cannot be had so, virtualenv seeds its own, which the pip step replaces: it
    trusts a downloaded one only after asking the public index for its digest, and cannot seed one
    that is behind a mirror named in pip's own configuration file.
    """
    pins = context.pins
    fresh()
    if uv := _uv(pins):
        try:
            for command in _by_uv(uv, python, pins):
                context.run(command)
        except CommandError:
            fresh()
        else:
            return
    try:
        _run(context, _by_python(python, pins, pins.pip))
    except HeadstartError:
        fresh()
        _run(context, _by_python(python, pins, "embed"))


def _uv(pins: Pins) -> str | None:
    """uv where the project installs by it, it is here already, and it knows the Python."""
    if pins.installer != "uv" or numbers(pins.python) < _OLDEST_OF_UV:
        return None
    return shutil.which(program(pins, "uv"))


def _by_uv(uv: str, python: Path, pins: Pins) -> tuple[Argv, ...]:
    quiet = ("--quiet", "--no-config", "--python")
    make = (uv, "venv", "--no-project", "--allow-existing", *quiet, str(python), str(pins.venv))
    return (
        make,
        (uv, "pip", "install", *quiet, str(pins.venv_python), f"pip=={pins.pip}"),
    )


def _by_python(python: Path, pins: Pins, pip: str) -> Argv:
    """`pip` is an exact version, or `embed`.

    virtualenv has dropped the oldest Pythons: those make their own, with the pip they carry.
    """
    if numbers(pins.python) < _OLDEST_OF_VIRTUALENV:
        return (str(python), "-m", "venv", str(pins.venv))
    return (
        *(sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update"),
        *("--python", str(python), "--pip", pip, "--no-setuptools", str(pins.venv)),
    )


def _run(context: StepContext, command: Argv) -> None:
    if command[1:3] != ("-m", "virtualenv"):
        context.run(command)
        return
    from virtualenv import cli_run  # noqa: PLC0415 - 0.1 s, and only here

    environ = clean_environment(os.environ, context.pins)
    try:
        with _told_to_nobody():
            cli_run([*command[3:]], setup_logging=False, env=environ)
    except OSError:
        raise
    except (Exception, SystemExit) as error:
        raise _failed(command, str(error)) from error


@contextmanager
def _told_to_nobody() -> Iterator[None]:
    """What it logs on the way, its error says too."""
    silence = logging.NullHandler()
    logging.getLogger().addHandler(silence)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(silence)


def _failed(command: Argv, said: str) -> HeadstartError:
    from bootstrap.machine.diagnosis.causes import cause_of_command  # noqa: PLC0415 - yaml

    cause = cause_of_command(said)
    last = [line.strip() for line in said.splitlines() if line.strip()][-1:]
    return HeadstartError(
        "virtualenv could not make the environment.",
        why=((cause.sentence,) if cause else ()) + tuple(last),
        next=(cause.repair if cause else ()) + (shlex.join(command), "headstart up"),
    )
