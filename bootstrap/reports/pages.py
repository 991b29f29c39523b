"""What is on the page of a preview, of an update that was made, and of drift."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.project.outcomes import Outcome, advice
from bootstrap.reports import panels
from bootstrap.reports.aftermath import attention_facts
from bootstrap.reports.kinds import DRIFT, KINDS, reasons, since
from bootstrap.reports.page import Fact, File, Group, Page, Release, Told
from bootstrap.reports.prose import blocks
from bootstrap.reports.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.project.changelog import Section
    from bootstrap.project.diffs import Diffs, Side
    from bootstrap.project.drift import Drift, Drifted
    from bootstrap.project.outcomes import FileOutcome
    from bootstrap.project.update import AppliedUpdate, Project, Update
    from bootstrap.reports.page import Panel
    from bootstrap.reports.panels import Budget


def of_preview(project: Project, update: Update, diffs: Diffs, command: str) -> Page:
    """What an update would do; `command` is what does it."""
    if update.proposal.empty:
        return _up_to_date(project, update)
    conflicts = _conflicts(update)
    rest = f"{command} --diff" if command.startswith("headstart update") else ""
    return replace(
        _of_update(project, update, diffs, rest),
        standing="A preview: nothing was changed.",
        tone="alarm" if conflicts else "calm",
        warning=f"{conflicts} would be yours to settle." if conflicts else "",
        next=(Told("To do it", command),),
    )


def of_update(project: Project, applied: AppliedUpdate, diffs: Diffs) -> Page:
    """What an update has done."""
    update, commit = applied.update, applied.commit[:10]
    if update.proposal.empty:
        return _up_to_date(project, update)
    if not commit:
        return _begun(_of_update(project, update, diffs, "git diff HEAD --"), _conflicts(update))
    return replace(
        _of_update(project, update, diffs, f"git show {commit} --"),
        standing=f"Done: it is commit {commit}.",
        next=(
            Told("To prove it", "headstart update --verify"),
            Told("To go back", "headstart update --rollback"),
        ),
    )


def _begun(page: Page, conflicts: str) -> Page:
    return replace(
        page,
        standing="Begun: it is one commit when the conflicts are settled.",
        tone="alarm",
        warning=f"{conflicts} to settle.",
        next=(
            Told("When all are settled", "headstart update --continue"),
            Told("To take it all back", "headstart update --abort"),
        ),
    )


def of_drift(project: Project, drift: Drift, diffs: Side) -> Page:
    """How a project differs from what was rendered."""
    budget = panels.Budget()
    prefix = project.repository.prefix
    files = {each.path: _drifted(each, prefix, diffs, budget) for each in drift.files}
    return Page(
        project=visible(project.path.name),
        title=f"Drift from {drift.version}",
        standing=_drift_standing(drift),
        tone="alarm" if drift.unaccepted else "done",
        groups=tuple(_drift_groups(drift, files)),
    )


def _of_update(project: Project, update: Update, diffs: Diffs, rest: str) -> Page:
    to = f" → {update.after}" if update.available else ", with other answers"
    return Page(
        project=visible(project.path.name),
        title=f"{update.before}{to}",
        standing="",
        tone="done",
        releases=tuple(_release(section) for section in update.sections),
        facts=tuple(_facts(update)),
        groups=tuple(_groups(project, update, diffs, rest)),
    )


def _up_to_date(project: Project, update: Update) -> Page:
    return Page(
        project=visible(project.path.name),
        title=f"Up to date with {update.after}",
        standing="There is nothing to do.",
        tone="done",
    )


def _conflicts(update: Update) -> str:
    count = len(update.proposal.conflicts)
    return f"{count} conflict{'s' if count > 1 else ''}" if count else ""


def _release(section: Section) -> Release:
    _, _, body = section.text.partition("\n\n")
    return Release(section.version, visible(section.headline), blocks(body))


def _facts(update: Update) -> Iterator[Fact]:
    for each in update.new_answers:
        name, value = each.question.name, visible(each.shown_value)
        yield Fact("new answer", name, value, each.source)
    for name in update.dropped:
        yield Fact("no longer asked", visible(name))
    for name in update.settings.new:
        yield Fact("new setting", name, text="see .env.example")
    for name in update.settings.gone:
        yield Fact("setting that is no more", name)
    for pair in attention_facts(update.attention):
        yield Fact(pair.name, text=visible(pair.text))


def _groups(project: Project, update: Update, diffs: Diffs, rest: str) -> Iterator[Group]:
    budget = panels.Budget()  # is spent in the order of the kinds: conflicts are shown first
    for kind in KINDS:
        found = [each for each in update.proposal.files if each.outcome is kind.outcome]
        if found:
            files = tuple(_file(each, project, diffs, budget, rest) for each in found)
            title = kind.titled(len(found)).capitalize()
            yield Group(str(kind.outcome), kind.sign, title, kind.meaning, _SIDES, files)


_SIDES = ("File", "Template", "You")


def _file(each: FileOutcome, project: Project, diffs: Diffs, budget: Budget, rest: str) -> File:
    path = project.repository.path(each.path)
    more = f"{rest} {shlex.quote(path)}" if rest else ""
    told = advice(each, path) if each.outcome is Outcome.CONFLICT else ""
    return File(
        *_split(path),
        cells=(each.template, each.yours),
        reason=visible(each.reason),
        advice=visible(told),
        panels=panels.of_outcome(each, diffs, budget, visible(more)),
    )


def _drift_groups(drift: Drift, files: dict[str, File]) -> Iterator[Group]:
    for kind in DRIFT:
        found = tuple(files[each.path] for each in drift.files if kind.holds(each))
        if found:
            yield Group(kind.key, kind.sign, kind.key.capitalize(), kind.meaning, _SINCE, found)


_SINCE = ("File", "Since")


def _drifted(each: Drifted, prefix: str, diffs: Side, budget: Budget) -> File:
    patch = diffs.of(prefix + each.path)
    title = "From the render to your file"
    shown: tuple[Panel, ...] = (panels.panel(title, patch, budget),) if patch else ()
    return File(
        *_split(each.path),
        cells=(visible(since(each)),),
        reason=visible(" · ".join(reasons(each))),
        panels=shown,
    )


def _drift_standing(drift: Drift) -> str:
    differing, open_ = len(drift.files), len(drift.unaccepted)
    if not differing:
        return f"Every file is as {drift.version} rendered it."
    accepted = f", {differing - open_} accepted" if differing > open_ else ""
    return f"{open_} file{'s' if open_ != 1 else ''} differ{accepted}."


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = visible(path).rpartition("/")
    return folder + slash, name
