"""What `drift` tells."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootstrap.project.drift import Drift, Drifted


def of_drift(drift: Drift) -> Report:
    """How a project differs from what was rendered."""
    document = {
        "version": drift.version,
        "files": [asdict(each) for each in drift.files],
        "unaccepted": len(drift.unaccepted),
    }
    lines = [line for each in drift.files for line in _drifted(each)]
    return Report(document, lines or [f"Every file is as {drift.version} rendered it."])


def _drifted(each: Drifted) -> Iterable[str]:
    since = f"{each.commit} {each.date} {each.author}: {each.subject}" if each.commit else ""
    yield f"  {each.path}  {each.how} {each.note}".rstrip()
    if since:
        yield f"      {since}"
    if each.template_changes_it:
        yield "      the newest template changes it too"
    if each.accepted:
        yield f"      accepted: {each.accepted}"
