"""The commands of `python -m migrate`, in modules by what they have in common."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass

from migrate.project import Run

Declare = Callable[[ArgumentParser], object]


@dataclass(frozen=True)
class Command:
    """What runs, and what it is told."""

    run: Callable[[Run], None]
    arguments: tuple[Declare, ...]


def command(*arguments: Declare) -> Callable[[Callable[[Run], None]], Command]:
    """Make a function the command of its name; its docstring is its help."""
    return lambda run: Command(run, arguments)


def flag(name: str, text: str) -> Declare:
    """Declare a switch."""
    return lambda parser: parser.add_argument(name, action="store_true", help=text)


def option(name: str, default: float, text: str) -> Declare:
    """Declare a number with its default."""
    what = f"{text} (default: {default:g})"
    return lambda parser: parser.add_argument(
        name, type=type(default), default=default, metavar="N", help=what
    )


def value(name: str, text: str, default: str | None = None) -> Declare:
    """Declare a text: a position with a default, or an option that may be left out."""
    if name.startswith("-"):
        return lambda parser: parser.add_argument(name, default=default, metavar="X", help=text)
    nargs = "?" if default is not None else None
    return lambda parser: parser.add_argument(name, nargs=nargs, default=default, help=text)
