"""The releases that a project passes over: its people have said so, in a file of the project.

A release that is passed over is not offered. What it changes comes with the next one.
"""

from pathlib import Path

import yaml

from bootstrap.errors import Refused, UsageError
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
    if not path.is_file():
        return frozenset()
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except (ValueError, yaml.YAMLError) as error:
        raise _unusable(" ".join(str(error).split())) from error
    if not isinstance(stated, list):
        raise _unusable("it must be a list")
    return frozenset(_number(str(each)) for each in stated)


def skip(
    repository: Repository, project: Path, version: str, own: str, options: CommitOptions
) -> MadeCommit:
    """Pass over a release, in a commit of its own; `own` is the project's version."""
    number = releases.number(version)
    if number is None:
        raise UsageError(f"{version} is no release.", next=("headstart versions lists them",))
    if (now := releases.number(own)) and number <= now:
        raise Refused(f"The project has {own} already.", next=("headstart status",))
    versions = sorted({*skipped(project), number})
    lines = "".join(f"- {'.'.join(map(str, each))}\n" for each in versions)
    message = f"Pass over the template {'.'.join(map(str, number))}\n"
    name = repository.prefix + SKIPS
    with locked(repository):
        return commit_file(repository, name, f"{_HEADER}{lines}", message, options)


def _number(stated: str) -> tuple[int, ...]:
    number = releases.number(stated)
    if number is None:
        raise _unusable(f"{stated} is no release")
    return number


def _unusable(why: str) -> UsageError:
    return UsageError(f"{SKIPS} cannot be used.", why=(why,), next=("write: - 0.6.0",))
