"""The virtual environment, at its pinned place, from the pinned interpreter."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bootstrap.errors import Refused
from bootstrap.files import remove, write_atomically
from bootstrap.language import Said, joined
from bootstrap.machine import venv_makers
from bootstrap.machine.facts import made_files
from bootstrap.machine.facts.packages import PackagesFact, PipFact
from bootstrap.machine.facts.venv import (
    ADJUSTED,
    MARKER,
    OWNER,
    SYSTEM_SITE,
    VenvFact,
    VenvState,
    base_python,
    own,
    set_aside,
)
from bootstrap.machine.runner import probe_project
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.facts import Facts
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import StepContext
    from bootstrap.machine.venv_makers import Made

_REPLACED = {VenvState.WRONG_PYTHON, VenvState.BROKEN, VenvState.DAMAGED, VenvState.MOVED}


class VenvStep(Step):
    name = StepName("venv")
    title = Said("Virtual environment")

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        return reason(facts.venv, pins)

    def refusal(self, pins: Pins, facts: Facts) -> Refused | None:
        return _not_ours(pins, facts.venv)

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        aside = facts.venv.aside
        if facts.venv.state in ADJUSTED:
            return replace(facts, venv=VenvFact(VenvState.READY, pins.python, aside))
        if facts.venv.state in _REPLACED:
            aside += (pins.venv.with_name(f"{pins.venv.name}.aside-TIMESTAMP"),)
        return replace(
            facts,
            venv=VenvFact(VenvState.READY, pins.python, aside),
            pip=PipFact(pins.pip),
            packages=PackagesFact(facts.packages.lock, Said("the venv is new")),
        )

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        if facts.python.executable is None:
            return ()
        if facts.venv.state is VenvState.OPEN:
            return (
                Said(
                    "set {setting} = false in {file}",
                    setting=SYSTEM_SITE,
                    file=pins.shown(pins.venv / "pyvenv.cfg"),
                ),
            )
        if facts.venv.state is VenvState.UNCLAIMED:
            return (f"write {pins.root} into {pins.shown(pins.venv / OWNER)}",)
        create = map(shlex.join, venv_makers.commands(facts.python.executable, pins))
        if facts.venv.state in _REPLACED:
            old = shlex.quote(str(pins.venv))
            return (f"mv {old} {old}.aside-TIMESTAMP", *create)
        return tuple(create)

    def run(self, context: StepContext) -> str:
        pins, fact = context.pins, context.facts.venv
        if fact.state in ADJUSTED:
            return _adjust(pins, fact)
        if fact.state in _REPLACED:
            aside = aside_name(pins.venv, datetime.now(UTC))
            pins.venv.rename(aside)
            context.changed("set-aside", str(aside), str(pins.venv))
        try:
            made = _create(context)
        except BaseException:
            _restore(pins.venv)
            raise
        own(pins)
        made_files.keep(pins)
        context.changed("venv", str(pins.venv))
        context.runner.journal.write("venv-made", **made._asdict())
        former = fact.version or Said("a broken one")
        replaced = Said(", replacing {former}", former=former) if fact.state in _REPLACED else ""
        instead = (
            (Said("by {by}, because uv said: {because}", by=made.by, because=made.because),)
            if made.because
            else ()
        )
        venv = pins.shown(pins.venv)
        told = Said("{venv} with Python {python}", venv=venv, python=pins.python)
        return joined((joined((told, replaced), ""), *instead), "\n")

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        answer = probe_project((str(pins.venv_python), "-V"), pins)
        if answer.output != f"Python {pins.python}":
            problem = f"{pins.venv_python} -V says {answer.output!r}, not Python {pins.python}"
            return (self.broken(problem, "headstart doctor --fix"),)
        return _verify_base(self.name, pins, facts.python.executable)


class CleanupStep(Step):
    """The last step: earlier venvs go, now that the new one is verified."""

    name = StepName("cleanup")
    title = Said("Clean-up")
    deferrable = True

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if not facts.venv.aside:
            return None
        return Said(
            "the new environment works, and {file} is no longer needed",
            file=pins.shown(facts.venv.aside[-1]),
        )

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, venv=facts.venv._replace(aside=()))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(f"rm -r {shlex.quote(str(path))}" for path in facts.venv.aside)

    def run(self, context: StepContext) -> str:
        for path in context.facts.venv.aside:
            remove(path)
        return f"removed {', '.join(path.name for path in context.facts.venv.aside)}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        return tuple(
            self.notice(Said("{file} is no longer used", file=pins.shown(path)), "headstart up")
            for path in facts.venv.aside
        )


def reason(fact: VenvFact, pins: Pins) -> str | None:
    """What is wrong with the venv, for people."""
    where = pins.shown(pins.venv)
    return {
        VenvState.READY: None,
        VenvState.ABSENT: Said("{where} does not exist", where=where),
        VenvState.INCOMPLETE: Said("the creation of {where} was interrupted", where=where),
        VenvState.FOREIGN: Said("{where} is in the way: it is no virtual environment", where=where),
        VenvState.WRONG_PYTHON: f"{where} has Python {fact.version}, not {pins.python}",
        VenvState.BROKEN: Said(
            "{where} has lost its interpreter{gone}", where=where, gone=_gone(fact.elsewhere)
        ),
        VenvState.DAMAGED: Said(
            "{where} has lost bin/{name}, or it leads elsewhere",
            where=where,
            name=_name(fact.elsewhere),
        ),
        VenvState.MOVED: Said(
            "{where} was made in {elsewhere}, and its scripts still lead there",
            where=where,
            elsewhere=fact.elsewhere,
        ),
        VenvState.OPEN: Said("{where} also sees the packages of the Python under it", where=where),
        VenvState.OTHERS: Said(
            "{where} is the environment of another project, {elsewhere}",
            where=where,
            elsewhere=fact.elsewhere,
        ),
        VenvState.UNCLAIMED: f"{where} {_named(fact.elsewhere)}",
    }[fact.state]


def _gone(base: Path | None) -> str:
    """Homebrew keeps a version in a folder of its own, which the next one replaces."""
    if base is None:
        return ""
    by_homebrew = Said(", and Homebrew has another version now") if "Cellar" in base.parts else ""
    return Said(": {base} is gone{by_homebrew}", base=base, by_homebrew=by_homebrew)


def _name(program: Path | None) -> str:
    return program.name if program else "…"


def _named(former: Path | None) -> str:
    if former is None:
        return Said("does not say which project it is for, so another could take it")
    return Said(
        "says that it is for {former}, which is gone, so another project could take it",
        former=former,
    )


def _not_ours(pins: Pins, fact: VenvFact) -> Refused | None:
    """Why nothing is done with what is there; pure."""
    where = shlex.quote(str(pins.venv))
    if fact.state is VenvState.FOREIGN:
        return Refused(
            Said("{venv} is there, but it is no virtual environment.", venv=pins.venv),
            why=(Said("Headstart touches only what it made itself."),),
            next=(Said("see what it is, and move it away: {where}", where=where), "headstart up"),
        )
    if fact.state is VenvState.OTHERS:
        return Refused(
            Said("{venv} is the environment of another project.", venv=pins.venv),
            why=(
                Said(
                    "It was made for {elsewhere}, which has the same name and Python.",
                    elsewhere=fact.elsewhere,
                ),
            ),
            next=(
                Said("give this project a folder of its own: venv.root in toolchain.yml"),
                Said("or, where the other one is no longer used: rm -r {where}", where=where),
            ),
        )
    return None


def _adjust(pins: Pins, fact: VenvFact) -> str:
    own(pins)
    if fact.state is VenvState.UNCLAIMED:
        return Said("{file} is known to be this project's", file=pins.shown(pins.venv))
    _close(pins)
    return Said("{file} sees no packages outside of it any more", file=pins.shown(pins.venv))


def _close(pins: Pins) -> None:
    """The same venv, without what is installed for every Python of its kind."""
    path = pins.venv / "pyvenv.cfg"
    closed = re.sub(rf"(?im)^({SYSTEM_SITE}\s*=).*$", r"\1 false", path.read_text(encoding="utf-8"))
    write_atomically(path, closed, mode=0o644)


def aside_name(venv: Path, at: datetime) -> Path:
    """A free name for the old venv; it cannot work there, but it can be moved back."""
    name = f"{venv.name}.aside-{at:%Y%m%d%H%M%S}"
    names = (name, *(f"{name}-{count}" for count in range(1, 100)))
    return next(path for each in names if not os.path.lexists(path := venv.with_name(each)))


def _create(context: StepContext) -> Made:
    python, venv = context.facts.python.executable, context.pins.venv
    if python is None:
        raise Refused(
            Said("Python {python} is not there.", python=context.pins.python),
            next=("headstart up",),
        )
    made = venv_makers.make(context, python, lambda: _fresh(venv))
    (venv / MARKER).unlink()
    return made


def _fresh(venv: Path) -> None:
    """Empty and marked. The marker is never gone before the rest, so a kill leaves it telling."""
    venv.mkdir(parents=True, exist_ok=True)
    (venv / MARKER).touch()
    for path in venv.iterdir():
        if path.name != MARKER:
            remove(path)


def _restore(venv: Path) -> None:
    """Put back what was set aside; what we could not finish goes."""
    if (venv / MARKER).exists():
        _fresh(venv)
        (venv / MARKER).unlink()
        venv.rmdir()
    if not os.path.lexists(venv) and (earlier := set_aside(venv)):
        earlier[-1].rename(venv)


def _verify_base(step: StepName, pins: Pins, python: Path | None) -> tuple[Finding, ...]:
    """The venv must use the interpreter that the python step found, by whatever path."""
    base = base_python(pins)
    if python is None or (base.exists() and python.exists() and base.samefile(python)):
        return ()
    problem = f"{pins.shown(pins.venv)} uses {base}, not {python}"
    repair = Said(
        "to move it over: mv {folder} elsewhere, then: headstart up",
        folder=shlex.quote(str(pins.venv)),
    )
    return (Finding(step, "notice", problem, repair),)
