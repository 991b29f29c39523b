"""The releases that a project passes over: its people have said so, in a file of the project.

A release that is passed over is not offered. What it changes comes with the next one.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import yaml

from bootstrap.errors import Refused, UsageError
from bootstrap.language import Said
from bootstrap.project import releases
from bootstrap.project.commits import CommitOptions, MadeCommit, commit_file
from bootstrap.project.repository import Repository, locked

SKIPS = ".headstart/skip.yml"
_HEADER = (
    "# Releases of the template that are passed over; what they change comes with the next one.\n"
)


def skipped(project: Path) -> frozenset[tuple[int, ...]]:
    """The numbers of the releases that the project passes over."""
    path = project / SKIPS
    try:
        return _numbers(path.read_text(encoding="utf-8")) if path.is_file() else frozenset()
    except ValueError as error:
        why = (" ".join(str(error).split()),)
        step = "write: - 0.6.0"
        raise UsageError(
            Said("{skips} cannot be used.", skips=SKIPS), why=why, next=(step,)
        ) from error


def skip(
    repository: Repository, project: Path, version: str, own: str, options: CommitOptions
) -> MadeCommit:
    """Pass over a release, in a commit of its own; `own` is the project's version."""
    number = releases.number(version)
    if number is None:
        raise UsageError(
            Said("{version} is no release.", version=version),
            next=(Said("headstart versions lists them"),),
        )
    if (now := releases.number(own)) and number <= now:
        raise Refused(Said("The project has {own} already.", own=own), next=("headstart status",))
    path = project / SKIPS
    before = path.read_text(encoding="utf-8") if path.is_file() else _HEADER
    if number in (passed := skipped(project)):
        raise Refused(
            Said("{version} is passed over already.", version=_dotted(number)),
            next=("headstart status",),
        )
    message = f"Pass over the template {_dotted(number)}\n"
    name = repository.prefix + SKIPS
    text = _with(before, number, {*passed, number})
    with locked(repository):
        return commit_file(repository, name, text, message, options)


def _with(before: str, number: tuple[int, ...], versions: Iterable[tuple[int, ...]]) -> str:
    """The file with one release more, and with all that people have written in it.

    Only where its list is not one release a line, it is written anew, under the same comments.
    """
    lines = before.splitlines()
    items = [place for place, line in enumerate(lines) if line.lstrip().startswith("- ")]
    place = items[-1] + 1 if items else len(lines)
    indent = lines[place - 1].partition("-")[0] if items else ""
    text = _text([*lines[:place], indent + _item(number), *lines[place:]])
    with suppress(ValueError):
        if _numbers(text) == frozenset(versions):
            return text
    comments = [line for line in lines if line.lstrip().startswith("#")]
    return _text([*comments, *map(_item, sorted(versions))])


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _item(number: tuple[int, ...]) -> str:
    return f"- {_dotted(number)}"


def _dotted(number: tuple[int, ...]) -> str:
    return ".".join(map(str, number))


def _numbers(text: str) -> frozenset[tuple[int, ...]]:
    """The releases in the text of the file; ValueError says why there are none."""
    try:
        stated = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        raise ValueError(error) from error
    if not isinstance(stated, list):
        raise ValueError("it must be a list")  # noqa: TRY004 - it is what a person wrote
    return frozenset(map(_number, map(str, stated)))


def _number(stated: str) -> tuple[int, ...]:
    number = releases.number(stated)
    if number is None:
        raise ValueError(f"{stated} is no release")
    return number
