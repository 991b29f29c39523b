"""Many projects at once: the status of each, and its update on a branch. One that fails stops none.

Only the workers of the pool render: the process that a person has started does without Copier.
"""

import os
import re
import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said
from bootstrap.paths import real_path
from bootstrap.project import branches, changelog, drift, pool, publish, releases, update
from bootstrap.project.answers_file import ANSWERS, is_headstart
from bootstrap.project.branches import Branch
from bootstrap.project.commits import CommitOptions
from bootstrap.project.pool import Crash
from bootstrap.project.publish import Description, PullRequest, Pushed
from bootstrap.project.repository import locked, require_idle
from bootstrap.project.update import PreparedUpdate, Project, Target
from bootstrap.system import of_system

_SOURCE = re.compile(r"^_src_path:\s*['\"]?(.*?)['\"]?\s*$", re.MULTILINE)
_BARE_REPOSITORY = {"HEAD", "objects", "refs"}


class FleetEnding(StrEnum):
    """How an update of a project would end, or has ended."""

    CURRENT = "up-to-date"
    CLEAN = "clean"
    CONFLICTS = "conflicts"
    BRANCHED = "branched"
    FAILED = "failed"


@dataclass(frozen=True)
class Work:
    """What to do with one project: look at it, or put its update on a branch."""

    path: Path
    to: str | None = None
    on_branch: bool = False
    branch: str | None = None
    sign: bool = True
    push: bool = False
    request: bool = False


@dataclass(frozen=True)
class Trouble:
    """Why a project has no status, and what to do."""

    what: str
    why: tuple[str, ...]
    next: tuple[str, ...]


@dataclass(frozen=True)
class ProjectStatus:
    """The status of one project. `behind` are the versions that it does not have yet."""

    path: Path
    ending: FleetEnding = FleetEnding.FAILED
    version: str = ""
    to: str = ""
    behind: tuple[str, ...] = ()
    drifted: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    new_answers: Mapping[str, str] = field(default_factory=dict)
    checked_out: str = ""
    branch: Branch | None = None
    pushed: Pushed | None = None
    request: PullRequest | None = None
    trouble: Trouble | None = None


def project_statuses(works: Sequence[Work], jobs: int) -> Iterator[ProjectStatus]:
    """Work on `jobs` projects at once; yield each status when it is done."""
    for work, done in pool.each(project_status, works, jobs=jobs, key=_key):
        yield _crashed(work, done) if isinstance(done, Crash) else done


def _key(work: Work) -> Path:
    """Updates in one repository go one after the other; looking can always run."""
    return _repository_of(work.path) if work.on_branch else work.path


def _repository_of(project: Path) -> Path:
    """Guess a project's work tree, without running git."""
    above = (project, *project.parents)
    return next((folder for folder in above if (folder / ".git").exists()), project)


def _crashed(work: Work, crash: Crash) -> ProjectStatus:
    how = (
        signal.Signals(-crash.code).name
        if crash.code < 0
        else Said("exit code {code}", code=crash.code)
    )
    what = Said("The process that worked on it died: {how}.", how=how)
    again = (Said("run the same command again: what is done is done"),)
    return ProjectStatus(work.path, trouble=Trouble(what, (), again))


# -- which projects --------------------------------------------------------------------------------


def find_projects(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The projects in these folders, each once, by real path.

    A folder without any is returned itself, so that it is reported.
    """
    tops = {real_path(folder.expanduser()) for folder in folders}
    return tuple(sorted({project for top in tops for project in list(_projects(top)) or [top]}))


def _projects(top: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(top):
        here = Path(name)
        is_project = ANSWERS in files and _is_ours(here / ANSWERS)
        if is_project:
            yield here
        if {*folders, *files} >= _BARE_REPOSITORY:
            folders.clear()
        folders[:] = [each for each in folders if _is_entered(here / each, in_project=is_project)]


def _is_ours(answers: Path) -> bool:
    """Whether a project is of this template, even if its answers are broken."""
    try:
        found = _SOURCE.search(answers.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return True  # its status will say why it cannot be read
    return found is not None and is_headstart(found[1])


def _is_entered(folder: Path, *, in_project: bool) -> bool:
    """Whether to look for projects in a folder: not in caches, packages and test data."""
    name = folder.name
    if name.startswith(".") or name == "node_modules" or (in_project and name == "tests"):
        return False
    return not (folder / "pyvenv.cfg").is_file()


# -- one project, in a worker ----------------------------------------------------------------------


def project_status(work: Work) -> ProjectStatus:
    """Work on one project. A failure is part of its status, and never raised."""
    known = ProjectStatus(work.path)
    try:
        _require_project(work.path)
        project = update.open_project(work.path)
        known = replace(known, version=project.version)
        to = _target(project, work.to)
        if to is None:
            return replace(known, ending=FleetEnding.CURRENT)
        known = replace(known, to=to.template.version)
        if work.on_branch:
            known = _branched(known, project, to, work)
            return _published(known, project, to, work)
        with update.prepare(project, to) as prepared:
            return _predicted(known, prepared, project)
    except HeadstartError as error:
        return _failed(known, error)
    except OSError as error:
        return _failed(known, of_system(error))
    except Exception as error:  # noqa: BLE001 - one failing project stops none of the others
        why = f"{type(error).__name__}: {error}"
        return _failed(known, HeadstartError(Said("Headstart itself failed."), why=(why,)))


def _require_project(path: Path) -> None:
    if not (path / ANSWERS).is_file():
        raise Refused(
            Said("There is no project here that Headstart has rendered."),
            why=(Said("no folder in it has {answers}", answers=ANSWERS),),
            next=(
                Said("name another folder"),
                Said("a new one: headstart new {name}", name=path.name),
            ),
        )


def _target(project: Project, to: str | None) -> Target | None:
    """The target of the update; None if the project has it already, or a newer one."""
    wanted = releases.number(to) if to else None
    if wanted and (project.answers_file.number or ()) > wanted:
        return None
    return update.target(project, to)


def _branched(known: ProjectStatus, project: Project, to: Target, work: Work) -> ProjectStatus:
    if project.answers_file.number and known.version == known.to:
        return replace(known, ending=FleetEnding.CURRENT)
    repository = project.repository
    with locked(repository):
        require_idle(repository)
        with update.prepare(project, to) as prepared:
            status = _predicted(known, prepared, project)
            if status.ending is not FleetEnding.CLEAN:
                return status
            name = branches.name_in(repository, work.branch or branches.default_name(known.to))
            how = CommitOptions(sign=work.sign)
            proposal = prepared.update.proposal
            made = branches.make(prepared.scratch, proposal, to.message, name, how)
            return replace(status, ending=FleetEnding.BRANCHED, branch=made)


def _published(known: ProjectStatus, project: Project, to: Target, work: Work) -> ProjectStatus:
    """Push the branch, and open its request, where that is asked for."""
    if known.branch is None or not work.push:
        return known
    name, repository = known.branch.name, project.repository
    try:
        known = replace(known, pushed=publish.push(repository, name))
        if work.request and known.pushed:
            sections = changelog.sections_between(known.version, known.to)
            text = "\n\n".join(f"## {each.version}\n\n{each.text}" for each in sections)
            about = Description(to.title, f"{text}\n\nVerify it: `headstart update --verify`\n")
            opened = publish.request(repository, known.pushed.remote, name, about)
            known = replace(known, request=opened)
    except HeadstartError as error:
        return _failed(known, error)
    return known


def _predicted(known: ProjectStatus, prepared: PreparedUpdate, project: Project) -> ProjectStatus:
    found, path = prepared.update, project.repository.path
    proposal = found.proposal
    ending = FleetEnding.CURRENT if proposal.empty else FleetEnding.CLEAN
    return replace(
        known,
        ending=FleetEnding.CONFLICTS if proposal.conflicts else ending,
        behind=tuple(section.version for section in found.sections),
        drifted=len(drift.difference(prepared.scratch, prepared.base).changes),
        counts=dict(proposal.counts),
        conflicts=tuple(path(each.path) for each in proposal.conflicts),
        new_answers={each.question.name: each.shown_value for each in found.new_answers},
        checked_out=branches.checked_out(project.repository),
    )


def _failed(known: ProjectStatus, error: HeadstartError) -> ProjectStatus:
    closer = Said(
        "look closer: headstart status --debug --project {project}",
        project=shlex.quote(str(known.path)),
    )
    trouble = Trouble(error.what, error.why, error.next or (closer,))
    return replace(known, ending=FleetEnding.FAILED, trouble=trouble)
