"""What `up` would do in a project that is somewhere else for now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError
from bootstrap.machine.apply import look_ahead

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.plan import PlannedStep


@dataclass(frozen=True)
class Forecast:
    """The steps that `up` would take, or why it would take none."""

    steps: tuple[PlannedStep, ...] = ()
    refused: str = ""
    why: tuple[str, ...] = ()


def preview(here: Path, there: Path) -> Forecast:
    """Look ahead in the project that is `here`, and say it of where it will be; touches nothing."""

    def moved(text: str) -> str:
        return text.replace(str(here), str(there))

    try:
        _, plan = look_ahead(here)
    except HeadstartError as refused:
        return Forecast((), moved(refused.what), tuple(map(moved, refused.why)))
    steps = (
        replace(step, reason=moved(step.reason), commands=tuple(map(moved, step.commands)))
        for step in plan.steps
    )
    return Forecast(tuple(steps))
