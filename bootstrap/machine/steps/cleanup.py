"""The last step: earlier environments go, now that their successor is verified."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.machine.steps.step import Finding, StepName
from bootstrap.machine.steps.venv import remove

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Cleanup:
    name = StepName("cleanup")
    title = "Clean-up"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if not facts.venv.aside:
            return None
        return f"the successor of {pins.shown(facts.venv.aside[-1])} works"

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, venv=replace(facts.venv, aside=()))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(f"rm -r {shlex.quote(str(path))}" for path in facts.venv.aside)

    def run(self, context: Context) -> str:
        for path in context.facts.venv.aside:
            remove(path)
        return f"removed {', '.join(path.name for path in context.facts.venv.aside)}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        return tuple(
            Finding(self.name, "notice", f"{pins.shown(path)} is no longer used", "headstart up")
            for path in facts.venv.aside
        )
