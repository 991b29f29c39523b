"""What the commands on many projects tell: for programs a document, for people a table."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.project.fleet import FleetEnding
from bootstrap.table import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bootstrap.project.fleet import ProjectStatus
    from bootstrap.table import Tone

_MOST = 3  # of the files with conflicts, so many are named in the table
_TONES: Mapping[FleetEnding, Tone] = {
    FleetEnding.BRANCHED: "good",
    FleetEnding.CONFLICTS: "bad",
    FleetEnding.FAILED: "bad",
}
_SUMMARY = {
    FleetEnding.CURRENT: "up to date",
    FleetEnding.CLEAN: "can be updated",
    FleetEnding.BRANCHED: "on a branch",
    FleetEnding.CONFLICTS: "with conflicts",
    FleetEnding.FAILED: "failed",
}


_PROJECT, _TEMPLATE = Column("project", gives_way=True), Column("template")


def of_status(standings: Sequence[ProjectStatus], here: Path, folders: str) -> Table:
    """How each project stands."""
    columns = (
        *(_PROJECT, _TEMPLATE),
        *(Column("behind", numbers=True), Column("differ", numbers=True), Column("an update")),
    )
    rows = [
        Row(
            _TONES.get(each.ending, "plain"),
            (_shown(each, here), each.version or "-", *_numbers(each), _would(each)),
            tuple(_notes(each)),
        )
        for each in standings
    ]
    ending = [_sum(standings)]
    if any(each.ending is FleetEnding.CLEAN for each in standings):
        ending.append(f"Next, touching no work tree: headstart fleet update{folders}")
    return Table(_document(standings), columns, rows, [*ending, *_settling(standings)])


def of_preview(standings: Sequence[ProjectStatus], here: Path, folders: str) -> Table:
    """How each update would end."""
    table = of_status(standings, here, folders)
    ending = [*_answered(standings), "Nothing was changed.", *table.ending]
    return Table(table.document, table.columns, table.rows, ending)


def of_update(standings: Sequence[ProjectStatus], here: Path, name: str) -> Table:
    """Which updates are on branches now, and what became of the others."""
    rows = [
        Row(
            _TONES.get(each.ending, "plain"),
            (_shown(each, here), _way(each), each.checked_out or "-", _has(each)),
            (*_named(each, name), *_notes(each)),
        )
        for each in standings
    ]
    columns = (_PROJECT, _TEMPLATE, Column("checked out", gives_way=True), Column("the update"))
    ending = [_sum(standings), *_answered(standings)]
    if any(each.ending is FleetEnding.BRANCHED for each in standings):
        pull = f"git push --set-upstream origin {name}, and a pull request"
        verified = f"git merge {name} && headstart update --verify"
        ending += [f"Next, in each: {verified}", f"or: {pull}"]
    return Table(_document(standings), columns, rows, [*ending, *_settling(standings)])


def _document(standings: Sequence[ProjectStatus]) -> dict[str, object]:
    counted = Counter(str(each.ending) for each in standings)
    return {"projects": [_told(each) for each in standings], "counts": dict(counted)}


def _told(each: ProjectStatus) -> dict[str, object]:
    path = os.fsencode(each.path).decode("utf-8", "replace")
    return asdict(each) | {"path": path}


def _shown(each: ProjectStatus, here: Path) -> str:
    """The path as short as it can be pasted, with nothing in it that a terminal obeys."""
    path = each.path.relative_to(here) if each.path.is_relative_to(here) else each.path
    return "".join(sign if sign.isprintable() else "?" for sign in str(path))


def _numbers(each: ProjectStatus) -> tuple[str, str]:
    if each.drifted is None:
        return "-", "-"
    return str(len(each.behind)), str(each.drifted)


def _way(each: ProjectStatus) -> str:
    return (
        f"{each.version} → {each.to}" if each.to not in {"", each.version} else each.version or "-"
    )


def _would(each: ProjectStatus) -> str:
    """What an update would do, or why there is none to tell of."""
    if each.ending is FleetEnding.CLEAN:
        return f"merges: {_files(each)}"
    return _has(each)


def _has(each: ProjectStatus) -> str:
    """What an update has come to."""
    if each.ending is FleetEnding.CONFLICTS:
        return f"{_count(len(each.conflicts), 'conflict')} in {_files(each)}"
    if each.branch is None:
        return _SUMMARY[each.ending]
    if each.branch.made:
        return f"branch made: {_files(each)}"
    on_top = f", with {_count(each.branch.on_top, 'commit')} on top" if each.branch.on_top else ""
    return f"branch was there{on_top}"


def _named(each: ProjectStatus, name: str) -> Iterator[str]:
    """The branch's name, where it is not that of all the others."""
    if each.branch and each.branch.name != name:
        yield each.branch.name


def _answered(standings: Sequence[ProjectStatus]) -> list[str]:
    """What nobody was asked: the template's defaults, for what it asks since those versions."""
    told = Counter(
        ", ".join(f"{name} = {value}" for name, value in each.new_answers.items())
        for each in standings
        if each.new_answers and each.ending is not FleetEnding.CONFLICTS
    )
    return [f"New answers in {_count(number, 'project')}: {said}" for said, number in told.items()]


def _notes(each: ProjectStatus) -> Iterator[str]:
    if each.conflicts:
        left = len(each.conflicts) - _MOST
        more = f" and {left} more" if left > 0 else ""
        yield ", ".join(each.conflicts[:_MOST]) + more
    if each.trouble:
        yield each.trouble.what
        yield from (f"  {line}" for line in each.trouble.why)
        yield from (f"→ {line}" for line in each.trouble.next)


def _sum(standings: Sequence[ProjectStatus]) -> str:
    counted = Counter(each.ending for each in standings)
    told = ", ".join(f"{counted[each]} {said}" for each, said in _SUMMARY.items() if counted[each])
    return f"{_count(len(standings), 'project')}: {told}."


def _settling(standings: Sequence[ProjectStatus]) -> list[str]:
    if any(each.ending is FleetEnding.CONFLICTS for each in standings):
        return ["Conflicts are settled by `headstart update` in that project."]
    return []


def _files(each: ProjectStatus) -> str:
    return _count(sum(each.counts.values()), "file")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
