"""What `drift` tells."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.reports.kinds import DRIFT, reasons, since
from bootstrap.reports.report import Files, Group, Pair, Report, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bootstrap.project.drift import Drift, Drifted
    from bootstrap.reports.report import Item


def of_drift(drift: Drift) -> Report:
    """How a project differs from what was rendered."""
    document = {
        "version": drift.version,
        "files": [asdict(each) for each in drift.files],
        "unaccepted": len(drift.unaccepted),
        "formatted": list(drift.formatted),
    }
    return Report(document, [_files(drift), *_formatted(drift)])


def _files(drift: Drift) -> Item:
    if not drift.files:
        return f"Every file is as {drift.version} rendered it."
    lines = tuple(line for each in drift.files for line in _lines(each))
    return Files(tuple(_groups(drift)), lines)


def _formatted(drift: Drift) -> Iterator[Item]:
    if drift.formatted:
        yield Pair("Only formatted otherwise, which is no drift", ", ".join(drift.formatted))


def _groups(drift: Drift) -> Iterator[Group]:
    """What nobody has accepted comes last."""
    for kind in reversed(DRIFT):
        rows = tuple(_row(each) for each in drift.files if kind.holds(each))
        if rows:
            yield Group(kind.key, kind.sign, kind.key, kind.meaning, rows)


def _row(each: Drifted) -> Row:
    return Row(each.path, (since(each), *reasons(each)))


def _lines(each: Drifted) -> Iterable[str]:
    yield f"  {each.path}  {each.how} {each.note}".rstrip()
    if each.commit:
        yield f"      {since(each)}"
    if each.template_changes_it:
        yield "      the newest template changes it too"
    if each.accepted:
        yield f"      accepted: {each.accepted}"
