"""A report as a page for a browser: what is on it, apart from how it looks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootstrap.language import Said
from bootstrap.show import drift as drift_view
from bootstrap.show import update as update_view
from bootstrap.show.diff_panels import Budget, panel, panels_of
from bootstrap.show.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootstrap.project.changelog import Section
    from bootstrap.project.diffs import Diffs, Side
    from bootstrap.project.drift import Drift
    from bootstrap.project.update import AppliedUpdate, Project, Update
    from bootstrap.show.diff_panels import Panel
    from bootstrap.show.items import FileGroup, Pair


class NextCommand(NamedTuple):
    """A command, and what it is for."""

    purpose: str
    command: str


@dataclass(frozen=True)
class Page:
    """Everything on the page, in its order; `panels` are the diffs of each path."""

    project: str
    title: str
    status: str
    tone: Literal["calm", "done", "alarm"] = "done"
    warning: str = ""
    next: tuple[NextCommand, ...] = ()
    sections: tuple[Section, ...] = ()
    pairs: tuple[Pair, ...] = ()
    columns: tuple[str, ...] = ("File", "Template", "You")
    groups: tuple[FileGroup, ...] = ()
    panels: Mapping[str, tuple[Panel, ...]] = field(default_factory=dict)


def preview(project: Project, update: Update, diffs: Diffs, command: str, rest: str) -> Page:
    """What an update would do; `command` does it, and `rest` with a path shows all of a file."""
    if update.proposal.empty:
        return _up_to_date(project, update)
    conflicts = _conflicts(update)
    return replace(
        _update(project, update, diffs, rest),
        status=Said("A preview: nothing was changed."),
        tone="alarm" if conflicts else "calm",
        warning=Said("{conflicts} would be yours to resolve.", conflicts=conflicts)
        if conflicts
        else "",
        next=(NextCommand(Said("To do it"), command),),
    )


def updated(project: Project, applied: AppliedUpdate, diffs: Diffs) -> Page:
    """What an update has done."""
    update, commit = applied.update, applied.commit[:10]
    if update.proposal.empty:
        return _up_to_date(project, update)
    if not commit:
        return replace(
            _update(project, update, diffs, "git diff HEAD --"),
            status=Said("Begun: it becomes one commit when the conflicts are resolved."),
            tone="alarm",
            warning=Said("{conflicts} to resolve.", conflicts=_conflicts(update)),
            next=(
                NextCommand(Said("When all are resolved"), "headstart update --continue"),
                NextCommand(Said("To undo all of it"), "headstart update --abort"),
            ),
        )
    return replace(
        _update(project, update, diffs, f"git show {commit} --"),
        status=Said("Done: it is commit {commit}.", commit=commit),
        next=(
            NextCommand(Said("To verify it"), "headstart update --verify"),
            NextCommand(Said("To go back"), "headstart update --rollback"),
        ),
    )


def drift(project: Project, drift: Drift, diffs: Side) -> Page:
    """How a project differs from what was rendered."""
    budget = Budget()
    prefix = project.repository.prefix
    found = ((each.path, diffs.of(prefix + each.path)) for each in drift.files)
    return Page(
        project=project.path.name,
        title=Said("Drift from {version}", version=drift.version),
        status=_drift_status(drift),
        tone="alarm" if drift.unaccepted else "done",
        columns=("File", "Since"),
        groups=drift_view.groups(drift),
        panels={
            path: (panel(Said("From the render to your file"), patch, budget),)
            for path, patch in found
            if patch
        },
    )


def _drift_status(drift: Drift) -> str:
    differing, unaccepted = len(drift.files), len(drift.unaccepted)
    if not differing:
        return Said("Every file is as {version} rendered it.", version=drift.version)
    accepted = f", {differing - unaccepted} accepted" if differing > unaccepted else ""
    return f"{count(unaccepted, 'file')} differ{accepted}."


def _update(project: Project, update: Update, diffs: Diffs, rest: str) -> Page:
    to = f" → {update.after}" if update.available else Said(", with other answers")
    groups = update_view.groups(update, project.repository)
    return Page(
        project=project.path.name,
        title=f"{update.before}{to}",
        status="",
        sections=update.sections,
        pairs=tuple(update_view.pairs(update)),
        groups=groups,
        panels=_panels(project, update, groups, diffs, rest),
    )


def _panels(
    project: Project, update: Update, groups: Sequence[FileGroup], diffs: Diffs, rest: str
) -> Mapping[str, tuple[Panel, ...]]:
    """The diffs of each file, in the order of the page: conflicts are the first to get room."""
    budget = Budget()
    files = {project.repository.path(each.path): each for each in update.proposal.files}
    panels = {}
    for path in (row.path for group in groups for row in group.rows):
        command = f"{rest} {shlex.quote(path)}" if rest else ""
        panels[path] = panels_of(files[path], diffs, budget, command)
    return panels


def _up_to_date(project: Project, update: Update) -> Page:
    return Page(
        project.path.name,
        Said("Up to date with {after}", after=update.after),
        Said("There is nothing to do."),
    )


def _conflicts(update: Update) -> str:
    conflicts = update.proposal.conflicts
    return count(len(conflicts), "conflict") if conflicts else ""
