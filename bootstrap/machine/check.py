"""Still as pinned? A shell stub answers in milliseconds: it knows what all of it looked like.

The stub says yes only while every file and folder the answer depends on is the very same: device,
inode, size, mode, time of change. Anything else is "not sure", and a close look decides.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.files import write_atomically
from bootstrap.machine import pins
from bootstrap.processes import probe
from bootstrap.versions import minor

if TYPE_CHECKING:
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Finding

STUB = "headstart-check"
# The .env, migrations and verification are the project's life; these are its pins.
_PINNED_STEPS = {"python", "venv", "pip", "packages"}
_FORMAT = (
    ("-L", "-f", "%N %d:%i:%z:%Fm:%Fc:%p") if sys.platform == "darwin" else
    ("-L", "-c", "%n %d:%i:%s:%.9Y:%.9Z:%f")
)  # fmt: skip
_TEXT = """\
#!/bin/sh
# Is {project} still as pinned? 0: yes. 1: no, or not sure, then `headstart check` looks closely.
# Made by `headstart check`, which rewrites it whenever it has looked.
{absent}[ "$({command} 2>&1)" = {expected} ]
"""


def still_as_pinned(project: Path) -> tuple[Pins, tuple[Finding, ...]]:
    """What is not as pinned: at once when the stub says yes, else by looking closely."""
    pinned = pins.read(project)
    if ask_stub(pinned):
        return pinned, ()
    from bootstrap.machine.apply import examine  # noqa: PLC0415 - a yes has no use for it

    seen = _snapshot(pinned)
    _, findings = examine(project)
    broken = tuple(
        each for each in findings if each.level == "broken" and each.step in _PINNED_STEPS
    )
    # What was looked at must be what was seen before and after the look.
    if not broken and seen and seen == _snapshot(pinned):
        write_atomically(stub_path(pinned), _stub(pinned, seen), mode=0o755)
    return pinned, broken


def stub_path(pinned: Pins) -> Path:
    """In the venv: with it goes the stub, and no stub says yes to nothing."""
    return pinned.venv / "bin" / STUB


def ask_stub(pinned: Pins) -> bool:
    return probe((str(stub_path(pinned)),)).code == 0


def watched(pinned: Pins) -> tuple[Path, ...]:
    """Everything that the answer depends on."""
    base = Path(os.path.realpath(pinned.venv_python))
    library = base.parents[1] / "lib" / f"python{minor(pinned.python)}"
    site = pinned.site_packages
    return (
        *(pinned.root / name for name in (pins.TOOLCHAIN, pins.PYTHON_VERSION)),
        *(pinned.lock, pinned.venv / "pyvenv.cfg", pinned.venv_python, base),
        *(library, library / "lib-dynload", site),
        *sorted(site.glob("*.dist-info")),
    )


def _snapshot(pinned: Pins) -> str:
    """What `stat` says of all of it; empty where something is missing or stat is another one."""
    done = probe(_command(pinned))
    return done.output if done.code == 0 and "." in done.output else ""


def _command(pinned: Pins) -> tuple[str, ...]:
    return (shutil.which("stat") or "/usr/bin/stat", *_FORMAT, "--", *map(str, watched(pinned)))


def _stub(pinned: Pins, seen: str) -> str:
    from bootstrap.machine.facts.venv import MARKER  # noqa: PLC0415 - nor for all facts

    base = Path(os.path.realpath(pinned.venv_python))
    absent = (pinned.venv / MARKER, pyenv.marker(base.parents[1]))
    return _TEXT.format(
        project=pinned.project,
        absent="".join(f"[ ! -e {shlex.quote(str(path))} ] && " for path in absent),
        command=shlex.join(_command(pinned)),
        expected=shlex.quote(seen),
    )
