"""What git's hooks and the pipeline ask: messages, names, and that a tag is the version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from workflow import messages, versions
from workflow.branches import BY_PROGRAMS, Branches
from workflow.errors import Refused
from workflow.releasing import PYPROJECT
from workflow.repository import Repository

_GONE = re.compile("0+")  # what git calls the commit of a branch that is deleted


def check_message(file: Path) -> None:
    """The message that git has written to a file: its hook commit-msg."""
    message = messages.written(file.read_text("utf-8", "replace"))
    if message:  # of an empty one git makes no commit
        messages.check(message)


def check_push(repository: Repository, branches: Branches, lines: Iterable[str]) -> None:
    """What git says of a push to its hook pre-push: local name, commit, remote name, commit."""
    for line in lines:
        _, commit, name, _ = line.split()
        if not _GONE.fullmatch(commit):
            _check_reference(repository, branches, name, commit)


def check_pipeline(
    repository: Repository, branches: Branches, environment: Mapping[str, str]
) -> None:
    """What GitHub says of a pull request, or of a tag that was pushed."""
    head = environment.get("GITHUB_HEAD_REF", "")
    if head:
        branches.check(head)
        branches.check_into(head, environment.get("GITHUB_BASE_REF", ""))
        _check_version(repository, branches, head, "HEAD")
        if not re.fullmatch(BY_PROGRAMS, head):
            messages.check(environment.get("TITLE", ""), "The title of the pull request")
    else:
        _check_reference(repository, branches, environment.get("GITHUB_REF", ""), "HEAD")


def _check_reference(repository: Repository, branches: Branches, name: str, commit: str) -> None:
    kind, _, short = name.removeprefix("refs/").partition("/")
    if kind == "heads":
        branches.check(short)
        _check_version(repository, branches, short, commit)
    elif kind == "tags" and re.match("v[0-9]", short):
        _require_version(repository, short.removeprefix("v"), short, commit)


def _check_version(repository: Repository, branches: Branches, name: str, commit: str) -> None:
    wanted = branches.version_of(name)
    if wanted is not None:
        _require_version(repository, wanted, name, commit)


def _require_version(repository: Repository, wanted: str, name: str, commit: str) -> None:
    version = versions.in_pyproject(repository.text(PYPROJECT, commit))
    if version != wanted:
        raise Refused(
            f"{name} is to be version {wanted}, and {PYPROJECT} has {version or 'none'} there."
        )
