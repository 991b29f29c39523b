"""The proof that all of it works: the project's own commands, once per combination."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context

Policy = Literal["when-changed", "always"]


@dataclass(frozen=True)
class Proof:
    policy: Policy = "when-changed"
    name = StepName("proof")
    title = "Proof"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if not pins.proof:
            return None
        if self.policy == "always":
            return "you asked for it"
        if facts.proof.proven:
            return None
        return "this combination of Python, packages and migrations has not been proven here"

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, proof=replace(facts.proof, proven=True))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(shlex.join(command) for command in pins.proof)

    def run(self, context: Context) -> str:
        context.record("proving", context.facts.proof.fingerprint)
        told = [line for command in context.pins.proof for line in _prove(context, command)]
        context.record("proven", context.facts.proof.fingerprint)
        return "\n".join(("it works", *told))

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        if facts.proof.proven or not pins.proof:
            return ()
        problem = "this combination of pins has not been proven here"
        return (Finding(self.name, "broken", problem, "headstart up"),)


def _prove(context: Context, command: tuple[str, ...]) -> tuple[str, ...]:
    """Run a command of the proof; return its name and what it told."""
    return (_short(command), *(f"  {line}" for line in telling(context.run(command))))


def telling(output: str) -> list[str]:
    """The lines that say what a command has proven: each it has ticked off, else its last."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return [line for line in lines if line.startswith("✓")] or lines[-1:]


def _short(command: tuple[str, ...]) -> str:
    program = "python" if command[0].endswith("/bin/python") else command[0]
    return shlex.join((program, *command[1:]))
