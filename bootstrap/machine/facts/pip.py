"""Which pip is in the virtual environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.machine.facts.packages import distributions
from bootstrap.machine.facts.venv import VenvFact, VenvState

if TYPE_CHECKING:
    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class PipFact:
    """`version` is None when there is no pip, or a half-installed one."""

    version: str | None


def look(pins: Pins, venv: VenvFact) -> PipFact:
    if venv.state is not VenvState.READY:
        return PipFact(None)
    pips = [each for each in distributions(pins) if each.name == "pip"]
    healthy = len(pips) == 1 and pips[0].complete
    return PipFact(pips[0].version if healthy else None)
