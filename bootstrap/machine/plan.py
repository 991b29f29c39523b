"""What is missing, in which order and why: a pure fold of the steps over the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootstrap.errors import Refused
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Step, StepName


@dataclass(frozen=True)
class PlannedStep:
    """`usual_seconds` is how long it took on this machine before, if it ever ran."""

    name: StepName
    title: str
    reason: str
    commands: tuple[str, ...]
    usual_seconds: float | None


class Plan(NamedTuple):
    """The steps still needed, and the facts as they will be after them."""

    steps: tuple[PlannedStep, ...]
    expected: Facts

    @property
    def usual_seconds(self) -> float | None:
        """How long all of it usually takes; None while any step has never run here."""
        known = [step.usual_seconds for step in self.steps if step.usual_seconds is not None]
        return sum(known) if len(known) == len(self.steps) else None


def plan(pins: Pins, facts: Facts, steps: Sequence[Step], usual: Mapping[str, float]) -> Plan:
    """Each step is asked in view of what the steps before it will have done."""
    planned: list[PlannedStep] = []
    for step in steps:
        if reason := step.needed(pins, facts):
            commands = step.commands(pins, facts)
            planned.append(
                PlannedStep(step.name, step.title, reason, commands, usual.get(step.name))
            )
            facts = step.expect(pins, facts)
    return Plan(tuple(planned), facts)


def refusal(pins: Pins, facts: Facts, steps: Sequence[Step]) -> Refused | None:
    """Why `up` would stop, before it does anything; None where every needed step can be taken."""
    needed = (step for step in steps if step.needed(pins, facts))
    return next((refused for step in needed if (refused := step.refusal(pins, facts))), None)


def repair(refused: Refused | None) -> str:
    """What brings back what a step is needed for: what has to be done first, or `up` itself."""
    return refused.next[0] if refused else "headstart up"
