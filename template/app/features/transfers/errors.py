"""What exports and imports refuse alike."""

from __future__ import annotations

from http import HTTPStatus

from app.core.errors import ProblemError


class Gone(ProblemError):
    """What was asked for was here, and will not be again."""

    status = HTTPStatus.GONE


class Stopped(Exception):
    """An attempt must write no more: what it works on was cancelled, or is another attempt's."""
