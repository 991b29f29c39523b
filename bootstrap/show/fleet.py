"""What the commands on many projects report."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode
from bootstrap.language import Said, shown
from bootstrap.project.fleet import FleetEnding
from bootstrap.show.items import Column, ReportTable, TableRow
from bootstrap.show.report import Report
from bootstrap.show.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bootstrap.project.fleet import ProjectStatus
    from bootstrap.show.items import Item

_MOST = 3  # files with conflicts that are named in the table
_SIGNS = {FleetEnding.BRANCHED: "✓", FleetEnding.CONFLICTS: "✗", FleetEnding.FAILED: "✗"}
_SUMMARY = {
    FleetEnding.CURRENT: Said("up to date"),
    FleetEnding.CLEAN: Said("can be updated"),
    FleetEnding.BRANCHED: "on a branch",
    FleetEnding.CONFLICTS: Said("with conflicts"),
    FleetEnding.FAILED: "failed",
}
_PROJECT, _TEMPLATE = Column("project", shrinks=True), Column("template")
_STATUS_COLUMNS = (
    *(_PROJECT, _TEMPLATE),
    *(Column("behind", numeric=True), Column("differ", numeric=True), Column(Said("an update"))),
)
_UPDATE_COLUMNS = (
    _PROJECT,
    _TEMPLATE,
    Column(Said("checked out"), shrinks=True),
    Column(Said("the update")),
)


def status(statuses: Sequence[ProjectStatus], here: Path, folders: str) -> Report:
    """The state of each project."""
    endings = {each.ending for each in statuses}
    code = ExitCode.DONE if endings == {FleetEnding.CURRENT} else ExitCode.UPDATE_AVAILABLE
    code = ExitCode.FAILED if FleetEnding.FAILED in endings else code
    items: Sequence[Item] = (
        _status_table(statuses, here),
        "",
        *_status_ending(statuses, folders),
    )
    return Report(items, _document(statuses), code)


def preview(statuses: Sequence[ProjectStatus], here: Path, folders: str) -> Report:
    """How each update would end."""
    ending = [Said("Nothing was changed."), *_status_ending(statuses, folders)]
    items: Sequence[Item] = (_status_table(statuses, here), "", *_new_answers(statuses), *ending)
    return Report(items, _document(statuses), _exit_code(statuses))


def updated(statuses: Sequence[ProjectStatus], here: Path, name: str) -> Report:
    """Which updates are on branches now, and what became of the others."""
    rows = [
        TableRow(
            _SIGNS.get(each.ending, " "),
            (_path(each, here), _versions(each), each.checked_out or "-", _result(each)),
            (*_branch_name(each, name), *_notes(each)),
        )
        for each in statuses
    ]
    ending = [_summary(statuses), *_new_answers(statuses)]
    if any(each.ending is FleetEnding.BRANCHED and not each.pushed for each in statuses):
        pull = Said("or: {push}, and a pull request", push=f"git push --set-upstream origin {name}")
        verified = f"git merge {name} && headstart update --verify"
        ending += [Said("Next, in each: {verified}", verified=verified), pull]
    items: Sequence[Item] = (
        ReportTable(_UPDATE_COLUMNS, rows),
        "",
        *ending,
        *_conflict_advice(statuses),
    )
    return Report(items, _document(statuses), _exit_code(statuses))


def _exit_code(statuses: Sequence[ProjectStatus]) -> ExitCode:
    endings = {each.ending for each in statuses}
    failed = {FleetEnding.CONFLICTS, FleetEnding.FAILED} & endings
    return ExitCode.FAILED if failed else ExitCode.DONE


def _document(statuses: Sequence[ProjectStatus]) -> dict[str, object]:
    counts = Counter(str(each.ending) for each in statuses)
    projects = [asdict(each) | {"path": _decodable(each.path)} for each in statuses]
    return {"projects": projects, "counts": dict(counts)}


def _decodable(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _status_table(statuses: Sequence[ProjectStatus], here: Path) -> ReportTable:
    rows = [
        TableRow(
            _SIGNS.get(each.ending, " "),
            (_path(each, here), each.version or "-", *_numbers(each), _forecast(each)),
            tuple(_notes(each)),
        )
        for each in statuses
    ]
    return ReportTable(_STATUS_COLUMNS, rows)


def _status_ending(statuses: Sequence[ProjectStatus], folders: str) -> Iterator[str]:
    yield _summary(statuses)
    if any(each.ending is FleetEnding.CLEAN for each in statuses):
        yield Said(
            "Next, without touching any work tree: headstart fleet update{folders}", folders=folders
        )
    yield from _conflict_advice(statuses)


def _path(each: ProjectStatus, here: Path) -> str:
    """The path as short as it can be pasted, with nothing in it that a terminal obeys."""
    path = each.path.relative_to(here) if each.path.is_relative_to(here) else each.path
    return "".join(sign if sign.isprintable() else "?" for sign in str(path))


def _numbers(each: ProjectStatus) -> tuple[str, str]:
    if each.drifted is None:
        return "-", "-"
    return str(len(each.behind)), str(each.drifted)


def _versions(each: ProjectStatus) -> str:
    if each.to in {"", each.version}:
        return each.version or "-"
    return f"{each.version} → {each.to}"


def _forecast(each: ProjectStatus) -> str:
    """What an update would do, or why there is none."""
    if each.ending is FleetEnding.CLEAN:
        return Said("merges: {files}", files=_files(each))
    return _result(each)


def _result(each: ProjectStatus) -> str:
    if each.ending is FleetEnding.CONFLICTS:
        return f"{count(len(each.conflicts), 'conflict')} in {_files(each)}"
    if each.branch is None:
        return _SUMMARY[each.ending]
    if each.branch.made:
        return Said("branch created: {files}{pushed}", files=_files(each), pushed=_pushed(each))
    on_top = (
        Said(", with {on_top} on top", on_top=count(each.branch.on_top, "commit"))
        if each.branch.on_top
        else ""
    )
    return Said("branch exists{on_top}{pushed}", on_top=on_top, pushed=_pushed(each))


def _pushed(each: ProjectStatus) -> str:
    if each.pushed is None:
        return Said(", but not pushed") if each.ending is FleetEnding.FAILED else ""
    return (
        Said(", pushed to {remote}", remote=each.pushed.remote)
        if each.pushed.new
        else Said(", is at {remote}", remote=each.pushed.remote)
    )


def _branch_name(each: ProjectStatus, name: str) -> Iterator[str]:
    """The branch's name, where it differs from that of the others."""
    if each.branch and each.branch.name != name:
        yield each.branch.name


def _new_answers(statuses: Sequence[ProjectStatus]) -> Iterator[str]:
    """The template's defaults, for questions that are new since the projects' versions."""
    counts = Counter(
        ", ".join(f"{name} = {value}" for name, value in each.new_answers.items())
        for each in statuses
        if each.new_answers and each.ending is not FleetEnding.CONFLICTS
    )
    for answers, number in counts.items():
        yield Said(
            "New answers in {number}: {answers}", number=count(number, "project"), answers=answers
        )


def _notes(each: ProjectStatus) -> Iterator[str]:
    if each.request:
        if each.request.new:
            yield Said("opened: {url}", url=each.request.url)
        else:
            yield Said("is there: {url}", url=each.request.url)
    if each.conflicts:
        left = len(each.conflicts) - _MOST
        more = f" and {left} more" if left > 0 else ""
        yield ", ".join(each.conflicts[:_MOST]) + more
    if each.trouble:
        yield each.trouble.what
        yield from (f"  {shown(line)}" for line in each.trouble.why)
        yield from (f"→ {shown(line)}" for line in each.trouble.next)


def _summary(statuses: Sequence[ProjectStatus]) -> str:
    found = Counter(each.ending for each in statuses)
    parts = (f"{found[each]} {words}" for each, words in _SUMMARY.items() if found[each])
    return f"{count(len(statuses), 'project')}: {', '.join(parts)}."


def _conflict_advice(statuses: Sequence[ProjectStatus]) -> Iterator[str]:
    if any(each.ending is FleetEnding.CONFLICTS for each in statuses):
        yield Said("Conflicts are resolved by `headstart update` in that project.")


def _files(each: ProjectStatus) -> str:
    return count(sum(each.counts.values()), "file")
