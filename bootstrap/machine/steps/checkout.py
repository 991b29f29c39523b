"""What a fresh checkout lacks: its `.env`, with secrets of its own, and git hooks."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.errors import HeadstartError
from bootstrap.files import create_atomically
from bootstrap.machine.facts.checkout import HOOKS_CONFIG, DotenvFact, HooksFact
from bootstrap.machine.facts.packages import distributions
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext
    from bootstrap.machine.toolchain import Argv

_SECRET_BYTES = 48


class DotenvStep(Step):
    """The `.env` is created once from the example."""

    name = StepName("dotenv")
    title = ".env"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if pins.dotenv is None or facts.dotenv.exists:
            return None
        return f"{pins.shown(pins.dotenv.file)} does not exist"

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, dotenv=DotenvFact(exists=True))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        if pins.dotenv is None:
            return ()
        file, example = pins.shown(pins.dotenv.file), pins.shown(pins.dotenv.example)
        names = ", ".join(pins.dotenv.secrets)
        drawn = f", with a random {names}" if names else ""
        return (f"create {file} from {example}{drawn}",)

    def run(self, context: StepContext) -> str:
        pinned = context.pins.dotenv
        if pinned is None:
            return "no .env is pinned"
        file, example = context.pins.shown(pinned.file), context.pins.shown(pinned.example)
        try:
            text = pinned.example.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise HeadstartError(
                f"{file} cannot be created: there is no {example}.",
                next=(f"restore {example}, or write {file} yourself", "headstart up"),
            ) from None
        try:
            create_atomically(pinned.file, fill(text, pinned.secrets, _draw), mode=0o600)
        except FileExistsError:
            return f"{file} was there already"
        context.changed("file", str(pinned.file))
        return f"{file} from {example}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        if pins.dotenv is None or not facts.dotenv.missing:
            return ()
        file = pins.shown(pins.dotenv.file)
        names = ", ".join(facts.dotenv.missing)
        problem = f"{file} lacks {names}, which {pins.shown(pins.dotenv.example)} has"
        return (self.notice(problem, f"add to {file}: {names}"),)


class HooksStep(Step):
    """Hooks of pre-commit, installed by the project's own pre-commit."""

    name = StepName("hooks")
    title = "Git hooks"

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        missing = facts.hooks.missing
        return f"{HOOKS_CONFIG} has hooks that git does not run yet" if missing else None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, hooks=HooksFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join(_install_hooks(pins)),)

    def run(self, context: StepContext) -> str:
        context.run(_install_hooks(context.pins))
        return "pre-commit runs before each commit"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        if not facts.hooks.missing:
            return ()
        return (self.broken("git does not run pre-commit"),)


def fill(example: str, names: Sequence[str], draw: Callable[[], str]) -> str:
    """The example with a drawn value for each name; a name it does not set is added."""
    text = example
    for name in names:
        line = f"{name}={draw()}"
        pattern = rf"^[ \t]*(?:#[ \t]*)?(?:export[ \t]+)?{re.escape(name)}[ \t]*=.*$"
        if match := re.search(pattern, text, flags=re.MULTILINE):
            text = text[: match.start()] + line + text[match.end() :]
        else:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
    return text


def _draw() -> str:
    import secrets  # noqa: PLC0415 - a no-op has no use for it

    return secrets.token_urlsafe(_SECRET_BYTES)


def _install_hooks(pins: Pins) -> Argv:
    """With the pre-commit of the lock, else with the one on PATH."""
    locked = pins.site_packages.is_dir() and "pre-commit" in {x.name for x in distributions(pins)}
    program = (str(pins.venv_python), "-m", "pre_commit") if locked else ("pre-commit",)
    return (*program, "install")
