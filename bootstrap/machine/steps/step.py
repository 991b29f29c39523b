"""What a step is: one idempotent change with a reason, a preview and a check."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NewType

from bootstrap.machine.journal import identity

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
    project's own places changes, and nobody's silence is a yes. One that `repairs` believes nothing
    that a quick look says; when `strict`, it removes what the project does not ask for.
    """

    pins: Pins
    facts: Facts
    runner: Runner
    advance: Callable[[Advance], None]
    tell: Callable[[str], None]
    agrees: Callable[[str], bool]
    repairs: bool = False
    strict: bool = False

    def run(self, argv: Sequence[str]) -> str:
        return self.runner.run(argv)

    def changed(self, kind: ChangeKind, what: str, to: str = "") -> None:
        """Note for `undo` what changed: a path or a name.

        `to` is where something set aside was; for an edit, what its module wants to know.
        """
        self.runner.journal.write("changed", kind=kind, what=what, identity=identity(what), to=to)


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

    def undecided(self, facts: Facts) -> bool:  # noqa: ARG002
        """Whether `needed` only says that it is not known; then `verify` decides."""
        return False

    def remedy(self, facts: Facts) -> str:  # noqa: ARG002
        """What brings what is `needed`."""
        return "headstart up"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        """Look closely, trusting no exit code; changes nothing."""
        return ()

    def inspect(
        self,
        pins: Pins,
        facts: Facts,
        *,
        strict: bool,  # noqa: ARG002
        unchanged: bool,  # noqa: ARG002
    ) -> tuple[Finding, ...]:
        """Look even more closely: at what one that has just run has left right.

        With `strict`, what the project does not ask for is broken too, and not only worth knowing.
        Where the venv is `unchanged` since the last such look, that need not be looked at again.
        """
        return self.verify(pins, facts)

    def hints(self, pins: Pins) -> tuple[Finding, ...]:  # noqa: ARG002
        """What is worth knowing besides, and takes a while: `doctor` alone asks."""
        return ()

    def broken(self, problem: str, repair: str = "headstart up") -> Finding:
        return Finding(self.name, "broken", problem, repair)

    def notice(self, problem: str, repair: str) -> Finding:
        return Finding(self.name, "notice", problem, repair)
