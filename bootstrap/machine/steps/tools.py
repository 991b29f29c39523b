"""What has to be on the machine first: by Homebrew, or named to a person.

That is what the Brewfile names, what a build of Python needs, and the tool that installs packages.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said, joined
from bootstrap.machine.facts.platform import (
    BREWFILE,
    HomebrewFact,
    brew_command,
    homebrews,
    is_macos,
    is_translated,
)
from bootstrap.machine.installers.tools import GET, absent
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.machine.building.preflight import BuildFact, Obstacle
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext


PYENV = "pyenv"
_UNINSTALL = "https://docs.brew.sh/FAQ#how-do-i-uninstall-homebrew"


class ToolsStep(Step):
    name = StepName("tools")
    title = Said("Build tools")
    prepares = "python"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact = facts.build
        if fact and fact.site is None and installable(fact):
            return Said("Python {python} must be built, and there is no pyenv", python=pins.python)
        if fact and fact.obstacles:
            obstacles = joined(dict.fromkeys(each.detail for each in fact.obstacles))
            return Said(
                "Python {python} cannot be built here yet: {obstacles}",
                python=pins.python,
                obstacles=obstacles,
            )
        if tool := facts.packages.no_tool:
            return Said("{tool}, which installs the packages, is not on PATH", tool=tool)
        missing = facts.homebrew.missing
        return (
            Said(
                "{brewfile} names what is not installed: {names}",
                brewfile=BREWFILE,
                names=", ".join(missing),
            )
            if missing
            else None
        )

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        packages = facts.packages._replace(no_tool="")
        facts = replace(facts, homebrew=HomebrewFact(), packages=packages)
        fact = facts.build
        if fact is None:
            return facts
        from bootstrap.machine.building.preflight import Site  # noqa: PLC0415 - only where it is built

        site = fact.site or Site(
            pins.python, Path(PYENV), pyenv.root(os.environ), fact.platform, {}
        )
        return replace(facts, build=replace(fact, obstacles=(), site=site))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        if formulae := wanted(facts):
            return (shlex.join(install_command(formulae)),)
        if tool := facts.packages.no_tool:
            return (GET[tool],)
        return repairs(facts.build, pins.python) if facts.build else ()

    def run(self, context: StepContext) -> str:
        """Homebrew installs as the user it belongs to; everything else is for a person to do."""
        fact = context.facts.build
        formulae = wanted(context.facts)
        if not formulae and not (fact and fact.obstacles) and context.facts.packages.no_tool:
            raise absent(context.facts.packages.no_tool)
        if not formulae:
            if fact is None:
                return Said("nothing has to be built")
            raise _refusal(fact, context.pins.python)
        install(context, formulae)
        done = f"installed {', '.join(formulae)}"
        if fact and fact.site is None:
            # Only now, with a pyenv, is it known what else the build will need.
            from bootstrap.machine.building.preflight import look  # noqa: PLC0415 - only where it is built

            facts = replace(context.facts, build=look(context.pins), homebrew=HomebrewFact())
            if self.needed(context.pins, facts):
                return f"{done}\n{self.run(replace(context, facts=facts))}"
        return done

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        found = tuple(
            self.broken(
                Said("{name} is not installed", name=name),
                shlex.join(install_command((name,))),
            )
            for name in facts.homebrew.missing
        )
        fact = facts.build
        if fact is None:
            return found
        repair = " && ".join(repairs(fact, pins.python)) or "headstart up"
        return found + tuple(self.broken(each.detail, repair) for each in fact.obstacles)

    def inspect(
        self, pins: Pins, facts: Facts, *, strict: bool, unchanged: bool
    ) -> tuple[Finding, ...]:
        found = super().inspect(pins, facts, strict=strict, unchanged=unchanged)
        notices = _of_another_chip() if is_macos() else ()
        return found + tuple(self.notice(problem, way_out) for problem, way_out in notices)


def _of_another_chip() -> Iterator[tuple[str, str]]:
    """What is for Intel where the chip is Apple's, and the way out."""
    if is_translated():
        yield (
            Said(
                "this shell runs under Rosetta: what is built in it is for Intel, "
                "the chip is Apple's"
            ),
            "arch -arm64 zsh -l",
        )
    brews = homebrews()
    for other in brews[1:]:
        yield (
            Said(
                "there is a second Homebrew, in {prefix}: used is the one in {used}",
                prefix=other.prefix,
                used=brews[0].prefix,
            ),
            Said(
                "take {parent} out of PATH, or remove it: {uninstall}",
                parent=other.program.parent,
                uninstall=_UNINSTALL,
            ),
        )


def install_command(formulae: tuple[str, ...]) -> tuple[str, ...]:
    return (*brew_command(), "install", *formulae)


def install(context: StepContext, formulae: tuple[str, ...]) -> None:
    """Homebrew is everybody's on this machine, so somebody has to agree."""
    named = ", ".join(formulae)
    by_hand = shlex.join(install_command(formulae))
    if not context.agrees(f"Install {named} with Homebrew?"):
        raise Refused(
            Said("Installing {named} with Homebrew was not approved.", named=named),
            next=("headstart up --yes", Said("or by hand: {by_hand}", by_hand=by_hand)),
        )
    context.run(install_command(formulae))
    for formula in formulae:
        context.changed("formula", formula)


def wanted(facts: Facts) -> tuple[str, ...]:
    """The formulae to install; none where the build has an obstacle that no formula takes away."""
    fact = facts.build
    needed = installable(fact) if fact else ()
    if fact and not needed and (fact.obstacles or fact.site is None):
        return ()
    return tuple(dict.fromkeys((*needed, *facts.homebrew.missing)))


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
        return (shlex.join(install_command((PYENV,))),)
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
        Said(
            "Python {python} cannot be built on this machine yet ({name}).",
            python=python,
            name=fact.platform.name,
        ),
        why=details,
        next=(*repairs(fact, python), "headstart up"),
        cause=fact.obstacles[0].cause,
    )
