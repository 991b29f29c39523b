"""The exact interpreter: found, or built by pyenv and verified."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said
from bootstrap.machine.facts.interpreter import defect
from bootstrap.machine.facts.python import another_patch
from bootstrap.machine.pins import PYTHON_VERSION
from bootstrap.machine.runner import CommandError
from bootstrap.machine.steps.step import Finding, Step, StepName
from bootstrap.versions import minor

if TYPE_CHECKING:
    from bootstrap.machine.building.preflight import BuildFact
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext


class PythonStep(Step):
    name = StepName("python")
    title = "Python"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if facts.python.executable:
            return None
        return facts.python.defect or Said(
            "Python {python} is not on this machine", python=pins.python
        )

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        root = facts.python.pyenv or pyenv.root(os.environ)
        executable = root / "versions" / pins.python / "bin" / f"python{minor(pins.python)}"
        found = facts.python._replace(executable=executable, provider="pyenv", defect=None)
        return replace(facts, python=found, build=None)

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        if pins.provider == "uv":
            return (shlex.join(uv_install(pins.python)),)
        fact = facts.build
        if fact is None or fact.site is None:
            return (*get_pyenv(fact)[:1], f"pyenv install {pins.python}")
        from bootstrap.machine.building import attempts  # noqa: PLC0415 - only where it is built

        attempt = attempts.first(fact, pins.python)
        variables = "".join(f"{name}='{value}' " for name, value in attempt.variables.items())
        prefix = fact.site.prefix
        old = (f"mv {prefix} {prefix}.aside-TIMESTAMP",) if os.path.lexists(prefix) else ()
        return (
            *old,
            f"{variables}pyenv install {pins.python}",
        )

    def run(self, context: StepContext) -> str:
        if context.pins.provider == "uv":
            context.run(uv_install(context.pins.python))
            return Said("{python}, prebuilt by uv", python=context.pins.python)
        fact = context.facts.build
        reason = self.needed(context.pins, context.facts) or ""
        if context.pins.provider == "system":
            raise _refusal(reason, context.pins.python)
        if fact is None or fact.site is None:
            raise Refused(
                Said("{reason}, and there is no pyenv to build it.", reason=reason),
                next=get_pyenv(fact),
            )
        from bootstrap.machine.building.build import Builder  # noqa: PLC0415 - only where it is built

        folder = context.runner.log.with_suffix("")
        builder = Builder(fact, fact.site, context.runner, folder, context.advance, context.tell)
        try:
            built = builder.build()
        except HeadstartError as failed:
            return _from_uv(context, failed)
        context.changed("python", str(fact.site.prefix))
        return built

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        executable = facts.python.executable
        if executable is None:
            return ()
        wrong = defect(executable, pins.python)
        if wrong is None:
            return ()
        problem = Said("{executable} cannot be used: {wrong}", executable=executable, wrong=wrong)
        return (self.broken(problem, "headstart doctor --fix"),)


def _refusal(reason: str, version: str) -> Refused:
    """Homebrew and distributions have one patch release at a time: the pinned one may be gone."""
    here = another_patch(version)
    instead = (
        (
            Said(
                "or pin the one that is here: echo {here} >{file}",
                here=here,
                file=PYTHON_VERSION,
            ),
        )
        if here
        else ()
    )
    return Refused(
        Said("{reason}, and this project uses the system's own.", reason=reason),
        next=(
            Said("install Python {version} so that PATH finds it", version=version),
            *instead,
            "headstart up",
        ),
    )


def uv_install(version: str) -> tuple[str, ...]:
    return ("uv", "python", "install", version)


def _from_uv(context: StepContext, failed: HeadstartError) -> str:
    """The last rung: the same exact version, prebuilt, where uv is here and has it."""
    if shutil.which("uv") is None:
        raise failed
    context.tell(Said("{what} uv may have a prebuilt one", what=failed.what))
    try:
        context.run(uv_install(context.pins.python))
    except CommandError:
        raise failed from None
    return Said(
        "{python}, prebuilt by uv, because: {what}", python=context.pins.python, what=failed.what
    )


def get_pyenv(fact: BuildFact | None) -> tuple[str, ...]:
    """What a person types to get pyenv."""
    macos = fact is not None and fact.platform.system == "macos"
    get = "brew install pyenv" if macos else "curl -fsSL https://pyenv.run | bash"
    return (get, "headstart up")
