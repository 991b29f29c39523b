"""What a build of Python needs: installed by Homebrew, or named to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError, Refused
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.building.preflight import Obstacle
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.build import BuildFact
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Tools:
    name = StepName("tools")
    title = "Build tools"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact = facts.build
        if fact is None or not fact.obstacles:
            return None
        told = "; ".join(dict.fromkeys(each.detail for each in fact.obstacles))
        return f"Python {pins.python} cannot be built here yet: {told}"

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, build=facts.build and replace(facts.build, obstacles=()))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        return repairs(facts.build, pins.python) if facts.build else ()

    def run(self, context: Context) -> str:
        """Homebrew installs as the user it belongs to; everything else is for a person to do."""
        fact = context.facts.build
        if fact is None:
            return "nothing is to be built"
        formulae = installable(fact)
        if not formulae:
            raise _refusal(fact, context.pins.python)
        context.run(("brew", "install", *formulae))
        for formula in formulae:
            context.changed("formula", formula)
        return f"installed {', '.join(formulae)}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        fact = facts.build
        if fact is None:
            return ()
        repair = " && ".join(repairs(fact, pins.python)) or "headstart up"
        return tuple(Finding(self.name, "broken", each.detail, repair) for each in fact.obstacles)


def installable(fact: BuildFact) -> tuple[str, ...]:
    """The formulae that take every obstacle away; none where an obstacle is of another kind."""
    if fact.platform.system != "macos" or fact.platform.brew is None:
        return ()
    needed = [_packages(each, fact) for each in fact.obstacles]
    return tuple(dict.fromkeys(name for names in needed for name in names)) if all(needed) else ()


def repairs(fact: BuildFact, python: str) -> tuple[str, ...]:
    """The exact commands, packages in one of them."""
    from bootstrap.machine.diagnosis import causes, diagnose  # noqa: PLC0415 - only where it is built

    family = fact.platform.family
    packages = tuple(
        dict.fromkeys(name for each in fact.obstacles for name in _packages(each, fact))
    )
    install = diagnose.install_command(packages, family) if packages else ""
    others = [each for each in fact.obstacles if not install or not _packages(each, fact)]
    lines = [
        line
        for each in others
        for line in diagnose.repair(causes.cause_named(each.cause), family, python)
        if not line.startswith("pyenv install")
    ]
    return tuple(dict.fromkeys((*([install] if install else []), *lines)))


def _packages(obstacle: Obstacle, fact: BuildFact) -> tuple[str, ...]:
    from bootstrap.machine.diagnosis.causes import cause_named  # noqa: PLC0415 - only where it is built

    return cause_named(obstacle.cause).packages.get(fact.platform.family, ())


def _refusal(fact: BuildFact, python: str) -> HeadstartError:
    details = tuple(dict.fromkeys(each.detail for each in fact.obstacles))
    return Refused(
        f"Python {python} cannot be built on this machine yet ({fact.platform.name}).",
        why=details,
        next=(*repairs(fact, python), "headstart up"),
        cause=fact.obstacles[0].cause,
    )
