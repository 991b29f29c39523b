"""The operators' commands: every module here is one, found by being here.

A command says what it does in the first line of its docstring, declares its arguments in `declare`
and does it in `run`. Heavy imports belong into `run`: every command pays for those at the top.
"""

from __future__ import annotations

import pkgutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast


class Command(Protocol):
    """What a module of this package has."""

    __name__: str
    __doc__: str | None

    def declare(self, parser: ArgumentParser) -> None:
        """Add the command's arguments."""

    def run(self, arguments: Namespace) -> None:
        """Do it; end the process with a non-zero code where it fails."""


def found() -> Iterator[Command]:
    """Yield every command, in the order of names; raises TypeError for a file that is none."""
    for module in pkgutil.iter_modules(__path__):
        command = import_module(f"{__name__}.{module.name}")
        for function in ("declare", "run"):
            if not hasattr(command, function):
                raise TypeError(f"app/commands/{module.name}.py is no command: no {function}()")
        yield cast("Command", command)
