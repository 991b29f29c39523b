"""Record the template and the answers that a project's files come from.

For a project whose answers file is gone, was edited, or never was Headstart's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bootstrap.errors import UsageError
from bootstrap.project import adoption, answers_file, asking, git, rollback
from bootstrap.project.adoption import ProjectOrigin
from bootstrap.project.answers import SourcedValue
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.commits import CommitOptions, MadeCommit, commit_file
from bootstrap.project.questions import Value
from bootstrap.project.repository import (
    TRAILER,
    Repository,
    locked,
)
from bootstrap.project.trees import scratch_repository

_MARKS_A_PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Link:
    """What is recorded (`former`: the answers file, as far as it can be read), and what is so."""

    former: Mapping[str, Value]
    origin: ProjectOrigin

    @property
    def version(self) -> str:
        """The recorded version; empty where there is none."""
        return str(self.former.get("_commit", ""))

    @property
    def recorded(self) -> Mapping[str, Value]:
        """The recorded answers."""
        return _answers(self.former)

    @property
    def found(self) -> Mapping[str, Value]:
        """The answers that would be recorded."""
        return _answers(_read(self.origin.text))

    @property
    def agrees(self) -> bool:
        """Whether all that was found is recorded already."""
        return self.former == _read(self.origin.text)


def locate(folder: Path) -> Path:
    """The project that `folder` is in, though it may have no answers file."""
    try:
        return answers_file.locate(folder)
    except UsageError:
        top = Path(git.query("rev-parse", "--show-toplevel", cwd=folder) or folder)
    above = [each for each in (folder, *folder.parents) if each.is_relative_to(top)]
    return next((each for each in above if (each / _MARKS_A_PROJECT).is_file()), top)


def find(
    repository: Repository, folder_name: str, version: str | None, data: Sequence[str]
) -> Link:
    """Find what the project's files come from, and compare it with what is recorded."""
    rollback.require_finished(repository)
    answers_file.require_file(repository)
    former = _committed(repository)
    stated = {name: SourcedValue(each, "recorded") for name, each in _answers(former).items()}
    with scratch_repository(repository) as scratch:
        stated |= asking.parse_pairs(data)
        recorded = str(former.get("_commit", ""))
        found = adoption.find(scratch, folder_name, stated, version=version, recorded=recorded)
        return Link(former, found)


def record(repository: Repository, link: Link, options: CommitOptions) -> MadeCommit:
    """Write what was found into the answers file, in a commit of its own."""
    version = link.origin.template.version
    message = f"Link the project to the template {version}\n\n{TRAILER}: {version}\n"
    with locked(repository):
        name = repository.prefix + ANSWERS
        return commit_file(repository, name, link.origin.text, message, options)


def _committed(repository: Repository) -> Mapping[str, Value]:
    """What the committed answers file has, as far as it can be read."""
    shown = git.call("show", f"HEAD:{repository.prefix}{ANSWERS}", cwd=repository.top)
    return _read(shown.out) if shown.code == 0 else {}


def _read(text: str) -> Mapping[str, Value]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}


def _answers(content: Mapping[str, Value]) -> Mapping[str, Value]:
    return {name: value for name, value in content.items() if not str(name).startswith("_")}
