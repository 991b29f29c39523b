"""What a step is: one idempotent change with a reason, a preview and a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NewType, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins

StepName = NewType("StepName", str)


@dataclass(frozen=True)
class Finding:
    """Something that is not as pinned (`broken`), or worth knowing (`notice`), and its repair."""

    step: StepName
    level: Literal["broken", "notice"]
    problem: str
    repair: str


@dataclass(frozen=True)
class Context:
    """What a step may use to change the machine."""

    pins: Pins
    facts: Facts
    run: Callable[[Sequence[str]], str]
    record: Callable[[Literal["proving", "proven"], str], None]


class Step(Protocol):
    """`needed` and `expect` are pure: together they are the plan. Only `run` changes anything."""

    @property
    def name(self) -> StepName: ...

    @property
    def title(self) -> str: ...

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        """Why it has to run, for people; None when there is nothing to do."""

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        """The facts as they will be after it."""

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        """What it runs, as a person would type it."""

    def run(self, context: Context) -> str:
        """Do it, and say what was done: in one line, and in more below it where they tell more.

        Interrupted anywhere, the next run must converge.
        """

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        """Look closely, trusting no exit code; changes nothing."""
