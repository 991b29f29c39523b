"""What a build of Python needs: installed by Homebrew, or named to a person."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.errors import HeadstartError, Refused
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.building.preflight import Obstacle
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.build import BuildFact
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


PYENV = "pyenv"


class Tools:
    name = StepName("tools")
    title = "Build tools"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact = facts.build
        if fact is None:
            return None
        if fact.site is None and installable(fact):
            return f"Python {pins.python} is to be built, and there is no pyenv"
        if not fact.obstacles:
            return None
        told = "; ".join(dict.fromkeys(each.detail for each in fact.obstacles))
        return f"Python {pins.python} cannot be built here yet: {told}"

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        fact = facts.build
        if fact is None:
            return facts
        from bootstrap.machine.building.preflight import Site  # noqa: PLC0415 - only where it is built

        site = fact.site or Site(
            pins.python, Path(PYENV), pyenv.root(os.environ), fact.platform, {}
        )
        return replace(facts, build=replace(fact, obstacles=(), site=site))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        return repairs(facts.build, pins.python) if facts.build else ()

    def run(self, context: Context) -> str:
        """Homebrew installs as the user it belongs to; everything else is for a person to do."""
        from bootstrap.machine.facts.build import look  # noqa: PLC0415 - only where it is built

        fact = context.facts.build
        if fact is None:
            return "nothing is to be built"
        formulae = installable(fact)
        if not formulae:
            raise _refusal(fact, context.pins.python)
        context.run(("brew", "install", *formulae))
        for formula in formulae:
            context.changed("formula", formula)
        if formulae == (PYENV,):
            # Only now can be told what else the build will need.
            facts = replace(context.facts, build=look(context.pins))
            if self.needed(context.pins, facts):
                return f"installed {PYENV}\n{self.run(replace(context, facts=facts))}"
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
    if fact.site is None:
        return (PYENV,)
    needed = [_packages(each, fact) for each in fact.obstacles]
    return tuple(dict.fromkeys(name for names in needed for name in names)) if all(needed) else ()


def repairs(fact: BuildFact, python: str) -> tuple[str, ...]:
    """The exact commands, packages in one of them."""
    if fact.site is None and installable(fact):
        return (f"brew install {PYENV}",)
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
