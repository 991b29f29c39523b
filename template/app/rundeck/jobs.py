"""What Rundeck is told: the commands as jobs, their arguments as options of the job.

A job is a script, for a script can leave out what nobody has filled in; what was filled in reaches
it by the environment, and no shell reads it as anything but a word. An id follows from project and
command, so that a second import changes the same job.
"""

from __future__ import annotations

import argparse
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from app import commands
from app.settings import Project

Json = dict[str, object]

# What serves or proves until somebody ends it, and what writes the project's own files.
NO_JOBS = {"api", "dev", "worker", "smoke", "gateway", "rundeck"}
# Migrations are another program, which the app does not import.
MIGRATIONS = {
    ("status",): "Show which version the database has, and which revisions are pending.",
    ("upgrade",): "Bring the database to the newest revision.",
    ("check", "--db"): "Compare the database with the models.",
}
PATTERNS: dict[Callable[..., object], str] = {UUID: "[0-9a-fA-F-]{36}", int: "[0-9]+"}
WORD = r"[^-\s]\S*"
TEXT = r"[^-].*"
TIMEOUT = "1h"
NESTED = argparse._SubParsersAction  # noqa: SLF001


@dataclass(frozen=True)
class Leaf:
    """A command that does something: its words, what it is for, and its arguments."""

    words: tuple[str, ...]
    text: str
    arguments: tuple[Action, ...] = ()


def jobs(project: Project) -> list[Json]:
    """Return the definitions of all jobs, in the order of their names."""
    made = [_job(project, "app", leaf) for leaf in leaves()]
    made += [_job(project, "migrate", Leaf(words, text)) for words, text in MIGRATIONS.items()]
    return sorted(made, key=lambda job: str(job["name"]))


def leaves() -> Iterator[Leaf]:
    """Yield the operators' commands; one whose answer is a secret is no job: Rundeck keeps it."""
    for command in commands.found():
        name = command.__name__.rpartition(".")[2]
        if name not in NO_JOBS:
            parser = ArgumentParser(description=(command.__doc__ or "").partition("\n")[0])
            command.declare(parser)
            yield from _below(parser, (name,), parser.description or "")


def _below(parser: ArgumentParser, words: tuple[str, ...], text: str) -> Iterator[Leaf]:
    # argparse has no other way.
    actions = [each for each in parser._actions if each.dest != "help"]  # noqa: SLF001
    nested = [each for each in actions if isinstance(each, NESTED)]
    for each in nested:
        texts = {choice.dest: choice.help or "" for choice in each._choices_actions}  # noqa: SLF001
        for name, below in each.choices.items():
            yield from _below(below, (*words, name), texts.get(name, text))
    if not nested and not parser.get_default("shows_secret"):
        yield Leaf(words, text, tuple(actions))


def _job(project: Project, program: str, leaf: Leaf) -> Json:
    name = " ".join(leaf.words if program == "app" else (program, *leaf.words))
    return {
        "name": name,
        "uuid": str(uuid5(NAMESPACE_URL, f"{project.name}/{program}/{' '.join(leaf.words)}")),
        "group": project.name,
        "description": leaf.text,
        "loglevel": "INFO",
        "executionEnabled": True,
        "scheduleEnabled": True,
        "multipleExecutions": False,
        "timeout": TIMEOUT,
        **({"options": [_option(each) for each in leaf.arguments]} if leaf.arguments else {}),
        "sequence": {
            "keepgoing": False,
            "strategy": "node-first",
            "commands": [{"script": _script(program, leaf)}],
        },
    }


def _option(argument: Action) -> Json:
    return {
        "name": _name(argument),
        "description": argument.help or _name(argument).replace("_", " "),
        "required": argument.required and argument.nargs != "*",
        **_accepted(argument),
    }


def _accepted(argument: Action) -> Json:
    """What may be filled in; a flag has one value, and is not set without it."""
    if argument.nargs == 0:
        return {"values": ["yes"], "enforced": True}
    if argument.choices:
        return {"values": [str(each) for each in argument.choices], "enforced": True}
    if _is_repeated(argument):
        word = PATTERNS.get(_type(argument), WORD)
        return {"regex": f"{word}( +{word})*"}
    return {"regex": PATTERNS.get(_type(argument), TEXT)}


def _type(argument: Action) -> Callable[..., object]:
    if isinstance(argument.default, int):
        return int  # whatever else reads it, as one that has bounds
    return argument.type if callable(argument.type) else str


def _is_repeated(argument: Action) -> bool:
    appends = isinstance(argument, argparse._AppendAction)  # noqa: SLF001
    return appends or argument.nargs in ("*", "+")


def _name(argument: Action) -> str:
    """The long form: several flags may set one and the same thing."""
    return (argument.option_strings or [argument.dest])[-1].lstrip("-").replace("-", "_")


def _script(program: str, leaf: Leaf) -> str:
    # Without -f a star that somebody fills in would be the names of files.
    lines = ["set -euf", f"set -- {' '.join(leaf.words)}", *map(_line, leaf.arguments)]
    return "\n".join([*lines, f'${{RD_GLOBALS_APP_EXEC:-}} python -m {program} "$@"', ""])


def _line(argument: Action) -> str:
    """The line that adds an argument where it is filled in."""
    variable = f"RD_OPTION_{_name(argument).upper()}"
    filled_in = "${" + variable + ":-}"
    said = f" {argument.option_strings[-1]}" if argument.option_strings else ""
    if _is_repeated(argument):
        return f'for word in {filled_in}; do set -- "$@"{said} "$word"; done'
    value = "" if argument.nargs == 0 else f' "${variable}"'
    return f'if [ -n "{filled_in}" ]; then set -- "$@"{said}{value}; fi'
