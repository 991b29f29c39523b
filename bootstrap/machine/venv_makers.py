"""Who makes a virtual environment with exactly the pinned pip: uv, virtualenv, or an old Python.

uv does it in a fifth of the time, where it is here and would take pip from the same place.
virtualenv runs in this process: another Python that imports it would take as long as its work.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.machine.installers.installer import program
from bootstrap.machine.pip_settings import as_told_to_uv
from bootstrap.machine.runner import CommandError, clean_environment
from bootstrap.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext

_OLDEST_OF_VIRTUALENV = (3, 9)
_OLDEST_OF_UV = (3, 8)


class Made(NamedTuple):
    """By whom; and why not by who was tried first, in that one's own words."""

    by: str
    because: str = ""


class _Uv(NamedTuple):
    program: str
    environ: Mapping[str, str]


def commands(python: Path, pins: Pins) -> tuple[Argv, ...]:
    """What makes it, as a person would type it."""
    if uv := _uv(pins):
        return _by_uv(uv.program, python, pins)
    return (_by_python(python, pins, pins.pip),)


def make(context: StepContext, python: Path, fresh: Callable[[], None]) -> Made:
    """Make it in a place that `fresh` empties before each attempt."""
    fresh()
    uv = _uv(context.pins)
    if uv is None:
        return Made(_make_by_python(context, python, fresh))
    try:
        for command in _by_uv(uv.program, python, context.pins):
            context.runner.run(command, environ=uv.environ)
    except CommandError as failed:
        fresh()
        return Made(
            _make_by_python(context, python, fresh), because=(failed.why or (failed.what,))[-1]
        )
    return Made("uv")


def _make_by_python(context: StepContext, python: Path, fresh: Callable[[], None]) -> str:
    """Where the exact pip cannot be had so, virtualenv seeds its own, which the pip step replaces.

    It trusts a downloaded one only after asking the public index for its digest, and cannot seed
    one that is behind a mirror named in pip's own configuration file.
    """
    command = _by_python(python, context.pins, context.pins.pip)
    try:
        _run(context, command)
    except HeadstartError:
        fresh()
        _run(context, _by_python(python, context.pins, "embed"))
    return command[2]  # of `python -m virtualenv`, or `venv`


def _uv(pins: Pins) -> _Uv | None:
    """uv, where it is here already, knows the Python, and takes pip from where pip would.

    One in the project's own venv goes with it.
    """
    if numbers(pins.python) < _OLDEST_OF_UV:
        return None
    is_installer = pins.installer == "uv"
    found = shutil.which(program(pins, "uv") if is_installer else "uv")
    if found is None or Path(found).is_relative_to(pins.venv):
        return None
    environ = os.environ if is_installer else as_told_to_uv(os.environ)
    return None if environ is None else _Uv(found, clean_environment(environ, pins))


def _by_uv(uv: str, python: Path, pins: Pins) -> tuple[Argv, ...]:
    quiet = ("--quiet", "--no-config", "--python")
    return (
        (uv, "venv", "--no-project", "--allow-existing", *quiet, str(python), str(pins.venv)),
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
    import logging  # noqa: PLC0415 - virtualenv has loaded it

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
        Said("virtualenv could not make the environment."),
        why=((cause.sentence,) if cause else ()) + tuple(last),
        next=(cause.repair if cause else ()) + (shlex.join(command), "headstart up"),
    )
