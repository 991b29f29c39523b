"""Still as pinned? A shell stub answers in milliseconds: it knows what all of it looked like.

The stub says yes only while every file and folder the answer depends on is the very same: device,
inode, size, mode, time of change. Anything else is "not sure", and a close look decides. Whether a
venv has what a list of ranges or another tool's lock asks for, only that tool can tell: then there
is no answer here, and `doctor` asks it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.files import write_atomically
from bootstrap.lockfile import METADATA
from bootstrap.machine import pins
from bootstrap.processes import probe
from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Finding

STUB = "headstart-check"
_COARSE = 10_000_000  # nanoseconds; a file system's clock may be so much behind
# The .env, migrations and verification are the project's life; these are its pins.
_PINNED_STEPS = {"python", "venv", "pip", "packages"}
_GNU = ("-L", "-c", "%n %d:%i:%s:%.9Y:%.9Z:%f")
_BSD = ("-L", "-f", "%N %d:%i:%z:%Fm:%Fc:%p")
_TEXT = """\
#!/bin/sh
# Is {project} still as pinned? 0: yes. 1: no, or not sure, then `headstart check` looks closely.
# Made by `headstart check`, which rewrites it whenever it has looked.
[ "$0" -ef {stub} ] && {absent}[ "$({command} 2>&1)" = {expected} ] &&
[ $(({count})) = {files} ] && [ $(({count_newer})) = 0 ]
"""


@dataclass(frozen=True)
class CheckAnswer:
    """`broken` is what is not as pinned; `unknown` is what only an installer can tell."""

    pins: Pins
    broken: tuple[Finding, ...] = ()
    unknown: str = ""


def still_as_pinned(project: Path) -> CheckAnswer:
    """What is not as pinned: at once when the stub says yes, else by looking closely."""
    pinned = pins.read(project)
    if ask_stub(pinned):
        return CheckAnswer(pinned)
    glance = Glance.at(pinned)
    answer = _look(pinned)
    if answer == CheckAnswer(pinned):
        glance.keep(pinned)
    return answer


@dataclass(frozen=True)
class Glance:
    """What all of it looked like before a close look, and when (in ns of the epoch)."""

    since: int
    seen: str

    @classmethod
    def at(cls, pinned: Pins) -> Glance:
        return cls(time.time_ns() - _COARSE, _snapshot(pinned))

    def keep(self, pinned: Pins) -> None:
        """Let the stub say yes to this; what was looked at must still be what was seen before."""
        if self.seen and self.seen == _snapshot(pinned):
            stub = stub_path(pinned)
            write_atomically(stub, _stub(pinned, self.seen), mode=0o755)
            os.utime(stub, ns=(self.since, self.since))  # what changes from then on is newer


def remember(pinned: Pins, findings: Sequence[Finding], digest: str, glance: Glance) -> None:
    """What `doctor` has found to be as asked for, `check` may say; `digest` is from before it."""
    from bootstrap.machine.facts import gather  # noqa: PLC0415 - as below
    from bootstrap.machine.steps.packages import is_harmless, note  # noqa: PLC0415

    pinned_ones = (each for each in findings if each.step in _PINNED_STEPS)
    if any(not is_harmless(each) for each in pinned_ones):
        return
    packages = gather(pinned).packages
    if packages.why and not packages.sure and packages.lock == digest:
        note(pinned, digest)
    if not ask_stub(pinned):
        glance.keep(pinned)


def digest_of(project: Path) -> str:
    """What stands for everything that decides what is installed."""
    from bootstrap.machine import installers  # noqa: PLC0415 - as below
    from bootstrap.machine.installers.installer import digest  # noqa: PLC0415

    pinned = pins.read(project)
    return digest(installers.of(pinned), pinned)


def _look(pinned: Pins) -> CheckAnswer:
    """First at files alone; only what they leave open and can be asked quickly is asked."""
    from bootstrap.machine.facts import gather  # noqa: PLC0415 - a yes has no use for it
    from bootstrap.machine.steps import all_steps  # noqa: PLC0415
    from bootstrap.machine.steps.step import Finding  # noqa: PLC0415

    facts = gather(pinned, closely=True)
    steps = [step for step in all_steps() if step.name in _PINNED_STEPS]
    needed = {step: step.needed(pinned, facts) for step in steps}
    if broken := tuple(
        Finding(step.name, "broken", reason, step.remedy(facts))
        for step, reason in needed.items()
        if reason and not step.undecided(facts)
    ):
        return CheckAnswer(pinned, broken)
    if unknown := next((reason for reason in needed.values() if reason), ""):
        return CheckAnswer(pinned, unknown=unknown)
    # The stub has not said that nothing has changed.
    looks = (step.inspect(pinned, facts, strict=False, unchanged=False) for step in steps)
    found = [each for look in looks for each in look]
    return CheckAnswer(pinned, tuple(each for each in found if each.level == "broken"))


def stub_path(pinned: Pins) -> Path:
    """In the venv: with it goes the stub, and no stub says yes to nothing."""
    return pinned.venv / "bin" / STUB


def ask_stub(pinned: Pins) -> bool:
    return probe((str(stub_path(pinned)),)).code == 0


def watched(pinned: Pins) -> tuple[Path, ...]:
    """Everything that the answer depends on."""
    from bootstrap.machine.facts.venv import base_python  # noqa: PLC0415 - as for `_stub`

    base = base_python(pinned)
    library = base.parents[1] / "lib" / f"python{minor(pinned.python)}"
    site = pinned.site_packages
    return (
        *(pinned.root / name for name in (pins.TOOLCHAIN, pins.PYTHON_VERSION)),
        *(*_inputs(pinned), pinned.venv / "pyvenv.cfg", pinned.venv_python, base),
        *(library, library / "lib-dynload", site),
        *sorted(site.glob("*.dist-info")),
    )


def _inputs(pinned: Pins) -> tuple[Path, ...]:
    from bootstrap.machine import installers  # noqa: PLC0415 - what the stub knows needs none

    return installers.of(pinned).inputs(pinned)


def _unborn(pinned: Pins) -> tuple[Path, ...]:
    """Files that are not there, and would say what a package needs if they were."""
    folders = {path.parent for path in _inputs(pinned) if path.name in METADATA}
    return tuple(
        path for folder in folders for name in METADATA if not (path := folder / name).exists()
    )


def _files(pinned: Pins) -> tuple[str, ...]:
    """What lists the files of all packages; compiled ones come and go."""
    folders = (str(pinned.site_packages), str(stub_path(pinned).parent))
    others = ("!", "-type", "d", "!", "-name", "*.pyc", "!", "-name", f"{STUB}*")
    return (shutil.which("find") or "/usr/bin/find", *folders, *others)


def _snapshot(pinned: Pins) -> str:
    """What `stat` says of all of it; empty where something is missing or stat is another one."""
    done = probe(_command(pinned))
    return done.output if done.code == 0 and "." in done.output else ""


def _command(pinned: Pins) -> tuple[str, ...]:
    program = shutil.which("stat") or "/usr/bin/stat"
    return (program, *_form_of(program), "--", *map(str, watched(pinned)))


@cache
def _form_of(stat: str) -> tuple[str, ...]:
    """As it wants to be asked: with Homebrew's coreutils, the first on a Mac's PATH is GNU's."""
    return _GNU if probe((stat, *_GNU, "--", os.curdir)).code == 0 else _BSD


def _stub(pinned: Pins, seen: str) -> str:
    from bootstrap.machine.facts.venv import MARKER, base_python  # noqa: PLC0415 - nor for facts

    build = pyenv.prefix_of(base_python(pinned))
    absent = (pinned.venv / MARKER, pyenv.marker(build), *_unborn(pinned))
    count = shlex.join(_files(pinned))
    newer = f'{count} -cnewer "$0"'
    return _TEXT.format(
        stub=shlex.quote(str(stub_path(pinned))),
        count=f"$({count} | wc -l)",
        count_newer=f"$({newer} | wc -l)",
        files=len(probe(_files(pinned)).output.splitlines()),
        project=pinned.project,
        absent="".join(f"[ ! -e {shlex.quote(str(path))} ] && " for path in absent),
        command=shlex.join(_command(pinned)),
        expected=shlex.quote(seen),
    )
