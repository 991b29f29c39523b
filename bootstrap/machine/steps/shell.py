"""PATH in a person's own shell: the lines are shown, and written only when they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.language import Said, joined
from bootstrap.machine.edits import shell_profile
from bootstrap.machine.facts.shell import ShellFact, stamp
from bootstrap.machine.steps.step import Step, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext


@dataclass(frozen=True)
class ShellStep(Step):
    """`yes`: the lines are wanted, although they were only shown before."""

    yes: bool = False
    name = StepName("shell")
    title = Said("Shell")

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact = facts.shell
        if not fact.folders or (fact.shown and not (self.yes and fact.profiles)):
            return None
        folders = ", ".join(pins.shown(each) for each in fact.folders)
        return Said("PATH of your shell lacks {folders}", folders=folders)

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, shell=ShellFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        where = _named(pins, facts.shell)
        return (Said("add to {where}, when you agree:", where=where), *lines(facts.shell))

    def run(self, context: StepContext) -> str:
        fact = context.facts.shell
        added = lines(fact)
        named = _named(context.pins, fact)
        question = joined((Said("Add to {named}:", named=named), *added, "Agreed?"), "\n      ")
        if not fact.profiles or not context.agrees(question):
            stamp(fact.folders).touch(mode=0o600)
            left = Said("left as it is; add to {named}, or: headstart up --yes", named=named)
            return joined((left, *added), "\n")
        for profile in fact.profiles:
            shell_profile.add(profile, added)
            context.changed("profile", str(profile), "\n".join(added))
        return Said(
            "{number} lines are in {named}; a new terminal reads them",
            number=len(added),
            named=named,
        )


def _named(pins: Pins, fact: ShellFact) -> str:
    return " and ".join(map(pins.shown, fact.profiles)) or Said("your shell's profile")


def lines(fact: ShellFact) -> tuple[str, ...]:
    return tuple(f'export PATH="{_from_home(each)}:$PATH"' for each in fact.folders)


def _from_home(folder: Path) -> str:
    home = Path.home()
    return f"$HOME/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
