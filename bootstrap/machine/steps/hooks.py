"""The git hooks of pre-commit, installed by the project's own pre-commit."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.machine.facts.hooks import CONFIG, NO_HOOKS
from bootstrap.machine.facts.packages import distributions
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Hooks:
    name = StepName("hooks")
    title = "Git hooks"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return f"{CONFIG} has hooks that git does not run yet" if facts.hooks.missing else None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, hooks=NO_HOOKS)

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(_install(pins)),)

    def run(self, context: Context) -> str:
        """With the pre-commit of the lock, else with the one on PATH."""
        context.run(_install(context.pins))
        return "pre-commit runs before each commit"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        if not facts.hooks.missing:
            return ()
        return (Finding(self.name, "broken", "git does not run pre-commit", "headstart up"),)


def _install(pins: Pins) -> tuple[str, ...]:
    locked = pins.site_packages.is_dir() and "pre-commit" in {x.name for x in distributions(pins)}
    program = (str(pins.venv_python), "-m", "pre_commit") if locked else ("pre-commit",)
    return (*program, "install")
