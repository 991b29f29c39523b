"""What the commands on a project's template tell: for programs a document, for people lines."""

from bootstrap.reports.drift import of_drift
from bootstrap.reports.report import Report
from bootstrap.reports.update import (
    of_aborted,
    of_continued,
    of_difference,
    of_preview,
    of_status,
    of_update,
)

__all__ = [
    "Report",
    "of_aborted",
    "of_continued",
    "of_difference",
    "of_drift",
    "of_preview",
    "of_status",
    "of_update",
]
