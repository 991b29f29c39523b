"""pip itself, in the venv: exactly the pinned one."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap.language import Said
from bootstrap.machine.facts.packages import PipFact, distributions
from bootstrap.machine.runner import CommandError, probe_project
from bootstrap.machine.steps.step import Finding, Step, StepName
from bootstrap.versions import minor

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext


class PipStep(Step):
    """Exactly the pinned pip, changed in place."""

    name = StepName("pip")
    title = "pip"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if facts.pip.version == pins.pip:
            return None
        if facts.pip.version is None:
            return Said("the venv has no working pip")
        return Said(
            "pip {version} is installed, {pip} is pinned", version=facts.pip.version, pip=pins.pip
        )

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        return replace(facts, pip=PipFact(pins.pip))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return (shlex.join((*pins.venv_pip, *_pip_install(pins))),)

    def run(self, context: StepContext) -> str:
        pins = context.pins
        from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

        if context.strict:
            records.remove_strays(pins)  # which may be what keeps pip from working
        is_misplaced = any(each.name == "pip" for each in records.misplaced(pins))
        _forget_pip(pins, even_whole=is_misplaced)
        try:
            if context.repairs:
                _force_pip(context)
            else:
                context.run((*pins.venv_pip, *_pip_install(pins)))
        except CommandError:
            _force_pip(context)
        return f"{context.facts.pip.version or 'none'} → {pins.pip}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:  # noqa: ARG002
        version = probe_project((*pins.venv_pip, "-V"), pins)
        # What runs before every Python may have said something too.
        if not any(line.split()[:2] == ["pip", pins.pip] for line in version.output.splitlines()):
            return (
                self._broken(
                    pins,
                    Said(
                        "pip -V says {output}, not pip {pip}",
                        output=repr(version.output),
                        pip=pins.pip,
                    ),
                ),
            )
        # Some pips answer -V and die at everything else (23.0.1 on Python 3.12).
        listing = probe_project((*pins.venv_pip, "list"), pins)
        if listing.code:
            return (
                self._broken(
                    pins,
                    Said(
                        "pip {pip} does not work: {output}",
                        pip=pins.pip,
                        output=listing.output[-200:],
                    ),
                ),
            )
        return ()

    def inspect(
        self,
        pins: Pins,
        facts: Facts,
        *,
        strict: bool,  # noqa: ARG002
        unchanged: bool,
    ) -> tuple[Finding, ...]:
        if unchanged:
            return ()
        from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

        altered = records.altered(pins, of_pip=True)
        return self.verify(pins, facts) or tuple(self._broken(pins, each.shown) for each in altered)

    def _broken(self, pins: Pins, problem: str) -> Finding:
        """What runs before every Python may be what keeps pip from working."""
        from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

        strictly = any(map(records.is_customizer, records.strays(pins)))
        return self.broken(problem, f"headstart doctor --fix{' --strict' if strictly else ''}")


def _pip_install(pins: Pins) -> Argv:
    return ("install", "--progress-bar", "off", f"pip=={pins.pip}")


def _force_pip(context: StepContext) -> None:
    """The pip in there may be missing, damaged, or one that cannot work on this Python."""
    forced = ("--force-reinstall", "--no-deps")
    python = (str(context.pins.venv_python), *_another_pip(context))
    context.run((*python, *_pip_install(context.pins), *forced))


def _forget_pip(pins: Pins, *, even_whole: bool) -> None:
    """What has metadata is there for an installer, whether it works or not."""
    for each in distributions(pins):
        if each.name == "pip" and (even_whole or not each.complete):
            shutil.rmtree(each.folder)


def _another_pip(context: StepContext) -> tuple[str, ...]:
    """A pip that works on this Python: virtualenv carries a wheel that runs as it is.

    virtualenv has dropped the oldest Pythons: those get the pip they carry themselves.
    """
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - rarely needed

    wheel = get_embed_wheel("pip", minor(context.pins.python))
    if wheel is not None:
        return (f"{wheel.path}/pip",)
    _forget_pip(context.pins, even_whole=True)
    context.run((str(context.pins.venv_python), "-m", "ensurepip"))
    return ("-m", "pip")
