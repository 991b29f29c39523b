"""What the project's own commands do: migrate its database, and verify that all of it works."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bootstrap.errors import Refused
from bootstrap.language import Said, joined
from bootstrap.machine.facts.migrations import MigrationsFact
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext

VerifyPolicy = Literal["when-changed", "always"]
_COMBINATION = Said("combination of Python, packages and migrations")


class MigrationsStep(Step):
    name = StepName("migrations")
    title = Said("Migrations")

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.migrations.why

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, migrations=MigrationsFact(facts.migrations.heads, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(pins.migrations.command),) if pins.migrations else ()

    def run(self, context: StepContext) -> str:
        if taken := context.facts.migrations.taken:
            repair = Said("stop that program, or change the port in DATABASE_URL")
            what = Said("The database cannot be migrated: its port is taken.")
            raise Refused(what, why=(taken.shown,), next=(repair, "headstart up"))
        if context.pins.migrations:
            context.run(context.pins.migrations.command)
        return Said("the database is at {heads}", heads=", ".join(context.facts.migrations.heads))

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        heads = facts.migrations.heads
        forked = Said(
            "the migrations have {number} heads: {heads}", number=len(heads), heads=", ".join(heads)
        )
        return tuple(
            self.broken(problem, repair)
            for problem, repair in (
                (facts.migrations.why, "headstart up"),
                (
                    len(heads) > 1 and forked,
                    f"{pins.venv_python} -m alembic merge heads",
                ),
            )
            if problem
        )


@dataclass(frozen=True)
class VerificationStep(Step):
    """The project's own commands show that all of it works, once for each combination."""

    policy: VerifyPolicy = "when-changed"
    name = StepName("verification")
    title = Said("Verification")

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if not pins.verification:
            return None
        if self.policy == "always":
            return Said("you asked for it")
        if facts.verification.passed:
            return None
        return Said(
            "this {combination} is not yet verified on this machine", combination=_COMBINATION
        )

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, verification=facts.verification._replace(passed=True))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(shlex.join(command) for command in pins.verification)

    def run(self, context: StepContext) -> str:
        fingerprint = context.facts.verification.fingerprint
        context.runner.journal.verification_started(fingerprint)
        lines = [line for argv in context.pins.verification for line in _verified(context, argv)]
        context.runner.journal.verification_passed(fingerprint)
        return joined((Said("it works"), *lines), "\n")

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        if facts.verification.passed or not pins.verification:
            return ()
        problem = Said("this combination of pins is not yet verified on this machine")
        return (self.broken(problem),)


def telling(output: str) -> list[str]:
    """The lines that say what a command has verified: each it has ticked off, else its last."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return [line for line in lines if line.startswith("✓")] or lines[-1:]


def _verified(context: StepContext, argv: Argv) -> tuple[str, ...]:
    """Run a command; return its name and its telling lines."""
    program = "python" if argv[0].endswith("/bin/python") else argv[0]
    name = shlex.join((program, *argv[1:]))
    return (name, *(f"  {line}" for line in telling(context.run(argv))))
