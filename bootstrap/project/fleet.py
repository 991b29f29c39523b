"""Many projects at once: how each stands, and its update on a branch. One that fails stops none.

Only the workers look closely (`standing`): the process that a person has started renders nothing,
and does without copier's imports.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bootstrap.project import checkouts, workers
from bootstrap.project.branches import Branch
from bootstrap.project.workers import Crash


class Ending(StrEnum):
    """How an update of a project would end, or has ended."""

    CURRENT = "up-to-date"
    CLEAN = "clean"
    CONFLICTS = "conflicts"
    BRANCHED = "branched"
    FAILED = "failed"


@dataclass(frozen=True)
class Work:
    """What to do with one project: look at it, or put its update on a branch, named or not."""

    path: Path
    to: str | None = None
    on_branch: bool = False
    branch: str | None = None


@dataclass(frozen=True)
class Trouble:
    """Why there is nothing else to tell of a project, and what to do."""

    what: str
    why: tuple[str, ...]
    next: tuple[str, ...]


@dataclass(frozen=True)
class ProjectStatus:
    """What is told of one project. `behind` are the versions it has not got yet."""

    path: Path
    ending: Ending = Ending.FAILED
    version: str = ""
    to: str = ""
    behind: tuple[str, ...] = ()
    drifted: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    new_answers: Mapping[str, str] = field(default_factory=dict)
    checked_out: str = ""
    branch: Branch | None = None
    trouble: Trouble | None = None


def project_statuses(works: Sequence[Work], jobs: int) -> Iterator[ProjectStatus]:
    """How each stands, in the order in which they are done; `jobs` of them at once."""
    for work, done in workers.each(_looked_at, works, jobs=jobs, apart=_apart):
        yield _crashed(work, done) if isinstance(done, Crash) else done


def _looked_at(work: Work) -> ProjectStatus:
    """In a worker."""
    from bootstrap.project.standing import of_project  # noqa: PLC0415 - heavy: copier

    return of_project(work)


def _apart(work: Work) -> Path:
    """Two updates in one repository go one after the other; looking is never in the way."""
    return checkouts.repository_of(work.path) if work.on_branch else work.path


def _crashed(work: Work, crash: Crash) -> ProjectStatus:
    how = signal.Signals(-crash.code).name if crash.code < 0 else f"exit code {crash.code}"
    what = f"The process that worked on it died: {how}."
    again = ("run the same command again: what is done is done",)
    return ProjectStatus(work.path, trouble=Trouble(what, (), again))
