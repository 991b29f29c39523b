"""The exact interpreter: found, or refused with the command that installs it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.errors import Refused
from bootstrap.machine.process import ask
from bootstrap.machine.steps.step import Finding, StepName

if TYPE_CHECKING:
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.python import PythonFact
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Context

# pyenv reports success with these missing, when their headers were not there at build time.
MODULES = ("ssl", "zlib", "sqlite3", "bz2", "lzma", "ctypes", "readline", "hashlib")
_TRY_IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    try: importlib.import_module(name)
    except ImportError: print(name)
"""


class Python:
    name = StepName("python")
    title = "Python"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if facts.python.executable:
            return None
        return facts.python.defect or f"Python {pins.python} is not on this machine"

    def expect(self, pins: Pins, facts: Facts) -> Facts:
        root = facts.python.pyenv or pyenv.root(os.environ)
        minor = pins.python.rpartition(".")[0]
        executable = root / "versions" / pins.python / "bin" / f"python{minor}"
        found = replace(facts.python, executable=executable, provider="pyenv", defect=None)
        return replace(facts, python=found)

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        return install_commands(pins.python, facts.python, sys.platform)

    def run(self, context: Context) -> str:
        reason = self.needed(context.pins, context.facts)
        raise Refused(
            f"{reason}, and Headstart does not build it.",
            next=(*self.commands(context.pins, context.facts), "headstart up"),
        )

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        executable = facts.python.executable
        if executable is None:
            return ()
        answer = ask((str(executable), "-V"), pins)
        if answer.output != f"Python {pins.python}":
            problem = f"{executable} -V says {answer.output!r}, not Python {pins.python}"
            return (self._broken(problem, pins),)
        answer = ask((str(executable), "-I", "-c", _TRY_IMPORTS, *MODULES), pins)
        if answer.code:
            return (self._broken(f"{executable} does not run: {answer.output}", pins),)
        missing = answer.output.split()
        if not missing:
            return ()
        return (self._broken(f"{executable} was built without {', '.join(missing)}", pins),)

    def _broken(self, problem: str, pins: Pins) -> Finding:
        repair = f"install what it was built without, then: pyenv install --force {pins.python}"
        return Finding(self.name, "broken", problem, repair)


def install_commands(version: str, fact: PythonFact, platform: str) -> tuple[str, ...]:
    """What a person has to type to get this Python."""
    if fact.defect:
        return (f"pyenv uninstall --force {version}", f"pyenv install {version}")
    if fact.pyenv:
        return (f"pyenv install {version}",)
    get_pyenv = (
        "brew install pyenv" if platform == "darwin" else "curl -fsSL https://pyenv.run | bash"
    )
    return (get_pyenv, f"pyenv install {version}")
