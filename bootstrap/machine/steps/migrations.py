"""The database at the head of the project's migrations."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.machine.facts.migrations import MigrationsFact
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context


class Migrations:
    name = StepName("migrations")
    title = "Migrations"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.migrations.why

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, migrations=MigrationsFact(facts.migrations.heads, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(pins.migrations.command),) if pins.migrations else ()

    def run(self, context: Context) -> str:
        if context.pins.migrations:
            context.run(context.pins.migrations.command)
        return f"the database is at {', '.join(context.facts.migrations.heads)}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        return tuple(
            Finding(self.name, "broken", problem, repair)
            for problem, repair in (
                (facts.migrations.why, "headstart up"),
                (_forked(facts.migrations.heads), f"{pins.venv_python} -m alembic merge heads"),
            )
            if problem
        )


def _forked(heads: tuple[str, ...]) -> str | None:
    return f"the migrations have {len(heads)} heads: {', '.join(heads)}" if len(heads) > 1 else None
