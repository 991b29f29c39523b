"""The exact interpreter: found, or built by pyenv and verified."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.errors import Refused
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.build import BuildFact
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Python:
    name = StepName("python")
    title = "Python"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if facts.python.executable:
            return None
        return facts.python.defect or f"Python {pins.python} is not on this machine"

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        root = facts.python.pyenv or pyenv.root(os.environ)
        minor = pins.python.rpartition(".")[0]
        executable = root / "versions" / pins.python / "bin" / f"python{minor}"
        found = replace(facts.python, executable=executable, provider="pyenv", defect=None)
        return replace(facts, python=found, build=None)

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        fact = facts.build
        if fact is None or fact.site is None:
            return ()
        from bootstrap.machine.building import attempts  # noqa: PLC0415 - only where it is built

        attempt = attempts.first(fact, pins.python)
        variables = "".join(f"{name}='{value}' " for name, value in attempt.environment.items())
        prefix = fact.site.prefix
        old = (f"mv {prefix} {prefix}.aside-TIMESTAMP",) if os.path.lexists(prefix) else ()
        return (*old, f"{variables}pyenv install {pins.python}")

    def run(self, context: Context) -> str:
        fact = context.facts.build
        reason = self.needed(context.pins, context.facts) or ""
        if fact is None or fact.site is None:
            raise Refused(f"{reason}, and there is no pyenv to build it.", next=get_pyenv(fact))
        from bootstrap.machine.building.build import Builder  # noqa: PLC0415 - only where it is built

        folder = context.runner.log.with_suffix("")
        builder = Builder(fact, fact.site, context.runner, folder, context.advance, context.tell)
        built = builder.build()
        context.changed("python", str(fact.site.prefix))
        return built

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        executable = facts.python.executable
        if executable is None:
            return ()
        from bootstrap.machine.building import verify  # noqa: PLC0415 - a no-op has no use for it

        wrong = verify.defect(executable, pins.python)
        if wrong is None:
            return ()
        problem = f"{executable} cannot be used: {wrong}"
        return (Finding(self.name, "broken", problem, "headstart doctor --fix"),)


def get_pyenv(fact: BuildFact | None) -> tuple[str, ...]:
    """What a person types to get pyenv."""
    macos = fact is not None and fact.platform.system == "macos"
    get = "brew install pyenv" if macos else "curl -fsSL https://pyenv.run | bash"
    return (get, "headstart up")
