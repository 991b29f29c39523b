"""What `drift` reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode
from bootstrap.language import Said, shown
from bootstrap.show.items import FileGroup, FileRow, Files, Pair
from bootstrap.show.report import Report
from bootstrap.show.update import doubt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.project.drift import Drift, Drifted
    from bootstrap.show.items import Item


_KINDS = (  # each with its sign and what it means; accepted differences are a kind of their own
    ("edited", "±", Said("no longer as rendered")),
    ("moved", "→", Said("moved to another path")),
    ("deleted", "\N{MINUS SIGN}", Said("no longer there")),
    ("accepted", "✓", Said("accepted in .headstart/drift.yml")),
)


def drift(drift: Drift, *, fail: bool) -> Report:
    """How a project differs from what was rendered; `fail` makes unaccepted drift a failure."""
    document = {
        "version": drift.version,
        "files": [asdict(each) for each in drift.files],
        "drifted": len(drift.files),
        "unaccepted": len(drift.unaccepted),
        "formatted": list(drift.formatted),
        "doubt": asdict(drift.doubt) if drift.doubt else None,
    }
    code = ExitCode.DRIFT if fail and drift.unaccepted else ExitCode.DONE
    return Report([*doubt(drift.doubt), _files(drift), *_formatted(drift)], document, code)


def groups(drift: Drift) -> tuple[FileGroup, ...]:
    """The files of each kind, the unaccepted first."""
    found = []
    for kind, sign, meaning in _KINDS:
        rows = tuple(_row(each) for each in drift.files if _key(each) == kind)
        if rows:
            found.append(FileGroup(kind, sign, kind, meaning, rows))
    return tuple(found)


def _key(each: Drifted) -> str:
    return "accepted" if each.accepted else each.how


def _files(drift: Drift) -> Item:
    if not drift.files:
        return Said("Every file is as {version} rendered it.", version=drift.version)
    return Files(groups(drift), tuple(line for each in drift.files for line in _lines(each)))


def _formatted(drift: Drift) -> Iterator[Item]:
    if drift.formatted:
        yield Pair(
            Said("Only formatted differently, which is not drift"), ", ".join(drift.formatted)
        )


def _row(each: Drifted) -> FileRow:
    note = (each.note,) if each.note else ()
    return FileRow(each.path, (_since(each), *note, *_remarks(each)), cells=(_since(each),))


def _lines(each: Drifted) -> Iterator[str]:
    yield f"  {each.path}  {each.how} {shown(each.note)}".rstrip()
    yield f"      {shown(_since(each))}"
    yield from (f"      {shown(remark)}" for remark in _remarks(each))


def _since(each: Drifted) -> str:
    """The commit that last changed the file."""
    if not each.commit:
        return Said("changed, and not committed")
    return f"{each.commit} {each.date} {each.author}: {each.subject}"


def _remarks(each: Drifted) -> Iterator[str]:
    if each.template_changes_it:
        yield Said("the newest template changes it too")
    if each.accepted:
        yield Said("accepted: {accepted}", accepted=each.accepted)
