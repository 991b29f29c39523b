"""How one project stands, and its update on a branch: whatever fails is told, not raised."""

import shlex
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import branches, releases, update
from bootstrap.project.fleet import Ending, ProjectStatus, Trouble, Work
from bootstrap.project.merge import ANSWERS
from bootstrap.project.repository import locked, require_idle
from bootstrap.project.update import Project, Target, Update


def of_project(work: Work) -> ProjectStatus:
    """How one project stands after the work. Whatever fails is told, not raised."""
    known = ProjectStatus(work.path)
    try:
        _check_project(work.path)
        opened = update.open_project(work.path)
        known = replace(known, version=opened.recorded.version)
        to = _target(opened, work.to)
        if to is None:
            return replace(known, ending=Ending.CURRENT)
        known = replace(known, to=to.template.version)
        if work.on_branch:
            name = work.branch or branches.default_name(to.template.version)
            return _branched(known, opened, to, name)
        return _looked_at(known, opened, to)
    except HeadstartError as error:
        return _failed(known, error)
    except OSError as error:
        return _failed(known, _unreadable(error))
    except Exception as error:  # noqa: BLE001 - one failing project stops none of the others
        told = f"{type(error).__name__}: {error}"
        return _failed(known, HeadstartError("Headstart itself failed.", why=(told,)))


def _target(project: Project, to: str | None) -> Target | None:
    """Where its update leads; nowhere for a project that is there, or further, already."""
    wanted = releases.number(to) if to else None
    if wanted and (project.recorded.number or ()) > wanted:
        return None
    return update.target(project, to, [])


def _looked_at(known: ProjectStatus, project: Project, to: Target) -> ProjectStatus:
    with update.prepared(project, to, ask=False) as (_, found):
        return _told(known, found, project)


def _branched(known: ProjectStatus, project: Project, to: Target, name: str) -> ProjectStatus:
    if project.recorded.number and known.version == known.to:
        return replace(known, ending=Ending.CURRENT)
    repository = project.repository
    with locked(repository):
        require_idle(repository)
        with update.prepared(project, to, ask=False) as (scratch, found):
            told = _told(known, found, project)
            if told.ending is not Ending.CLEAN:
                return told
            name = branches.name_in(repository, name)
            branch = branches.make(scratch, found.proposal, to.message, name)
            return replace(told, ending=Ending.BRANCHED, branch=branch)


def _told(known: ProjectStatus, found: Update, project: Project) -> ProjectStatus:
    conflicts = tuple(project.repository.path(each.path) for each in found.proposal.conflicts)
    return replace(
        known,
        ending=_ending(found),
        behind=tuple(section.version for section in found.sections),
        drifted=found.proposal.drifted,
        counts=dict(found.proposal.counts),
        conflicts=conflicts,
        new_answers={each.question.name: each.shown_value for each in found.new_answers},
        checked_out=branches.checked_out(project.repository),
    )


def _ending(found: Update) -> Ending:
    if found.proposal.conflicts:
        return Ending.CONFLICTS
    return Ending.CURRENT if found.proposal.empty else Ending.CLEAN


def _check_project(path: Path) -> None:
    if not (path / ANSWERS).is_file():
        raise Refused(
            "There is no project here that Headstart has rendered.",
            why=(f"no folder in it has {ANSWERS}",),
            next=("name another folder", f"a new one: headstart new {path.name}"),
        )


def _failed(known: ProjectStatus, error: HeadstartError) -> ProjectStatus:
    closer = f"look closer: headstart status --debug --project {shlex.quote(str(known.path))}"
    trouble = Trouble(error.what, error.why, error.next or (closer,))
    return replace(known, ending=Ending.FAILED, trouble=trouble)


def _unreadable(error: OSError) -> HeadstartError:
    why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return HeadstartError(
        "Its files cannot be read or written.",
        why=(why,),
        next=("make them yours, or the disk writable, then run the same command again",),
    )
