"""What a step is: one idempotent change with a reason, a preview and a check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NewType, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootstrap.machine.building.progress import Advance
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.runner import Runner

StepName = NewType("StepName", str)
ChangeKind = Literal[
    "venv", "file", "python", "formula", "set-aside", "interpreter", "profile", "address"
]


class RecordChange(Protocol):
    def __call__(self, kind: ChangeKind, what: str, to: str = "") -> None: ...


@dataclass(frozen=True)
class Finding:
    """Something that is not as pinned (`broken`), or worth knowing (`notice`), and its repair."""

    step: StepName
    level: Literal["broken", "notice"]
    problem: str
    repair: str


@dataclass(frozen=True)
class StepContext:
    """What a step may use to change the machine.

    `advance` and `tell` are for who watches; `agrees` asks them before something outside of the
    project's own places changes, and nobody's silence is a yes. `changed` writes into the
    journal what `undo` needs: the kind of a change, the path or name it is about; for what was set
    aside, where from; for an interpreter in a list and lines in a profile, which; for an address in
    a file, the one before and the one after.
    """

    pins: Pins
    facts: Facts
    runner: Runner
    advance: Callable[[Advance], None]
    tell: Callable[[str], None]
    record: Callable[[Literal["proving", "proven"], str], None]
    changed: RecordChange
    agrees: Callable[[str], bool]

    def run(self, argv: Sequence[str]) -> str:
        return self.runner.run(argv)


class Step(ABC):
    """`needed` and `expect` are pure: together they are the plan. Only `run` changes anything.

    `prepares` names the step that this one is only there for: it is taken with it. What is
    `deferrable` breaks nothing while it is needed.
    """

    name: ClassVar[StepName]
    title: ClassVar[str]
    prepares: ClassVar[str] = ""
    deferrable: ClassVar[bool] = False

    @abstractmethod
    def needed(self, pins: Pins, facts: Facts) -> str | None:
        """Why it has to run, for people; None when there is nothing to do."""

    @abstractmethod
    def expect(self, pins: Pins, facts: Facts) -> Facts:
        """The facts as they will be after it."""

    @abstractmethod
    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        """What it runs, as a person would type it."""

    @abstractmethod
    def run(self, context: StepContext) -> str:
        """Do it, and say what was done: in one line, and in more below it where they tell more.

        Interrupted anywhere, the next run must converge.
        """

    @abstractmethod
    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        """Look closely, trusting no exit code; changes nothing."""
