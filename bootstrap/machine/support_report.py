"""A file about one machine for whoever helps from afar: facts and findings, and nobody's data."""

from __future__ import annotations

import getpass
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import __version__
from bootstrap.files import write_atomically
from bootstrap.machine import undo
from bootstrap.machine.apply import look_ahead
from bootstrap.machine.check import ask_stub
from bootstrap.machine.facts import platform
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.step import Finding

NAME = "headstart-report.md"
_SECONDS = 20
_RUNS = 5
_SHORTEST_NAME = 3  # a shorter one is in too many words

# What differs between machines, and decides whether a step works there.
_EVERYWHERE = (
    ("uname", "-srm"),
    ("git", "--version"),
    ("pyenv", "--version"),
    ("pyenv", "versions", "--bare"),
    ("uv", "--version"),
    ("docker", "compose", "version"),
    ("locale",),
)
_ON_A_MAC = (
    ("sw_vers",),
    ("sysctl", "-n", "sysctl.proc_translated"),
    ("xcode-select", "-p"),
    ("pkgutil", "--pkg-info=com.apple.pkg.CLTools_Executables"),
    ("xcrun", "--sdk", "macosx", "--show-sdk-version"),
    ("clang", "--version"),
    ("brew", "--version"),
    ("brew", "list", "--versions"),
)


@dataclass(frozen=True)
class Redaction:
    """What a person's machine says about the person, and what stands there instead."""

    words: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pins: Pins) -> Redaction:
        home, user, host = str(Path.home()), getpass.getuser(), socket.gethostname()
        names = ((user, "USER"), (host, "HOST"), (host.partition(".")[0], "HOST"))
        return cls(
            (
                (re.escape(str(pins.root)), "PROJECT-FOLDER"),
                (re.escape(home), "~"),
                *(
                    (rf"(?<![\w.]){re.escape(name)}(?![\w])", instead)
                    for name, instead in (*names, (pins.project, "PROJECT"))
                    if len(name) >= _SHORTEST_NAME
                ),
                (r"://[^/@\s]+@", "://…@"),
                (r"[\w.+-]+@[\w-]+\.[\w.-]+", "EMAIL"),
            )
        )

    def __call__(self, text: str) -> str:
        for pattern, instead in self.words:
            text = re.sub(pattern, instead, text)
        return text


def write(pins: Pins, findings: Sequence[Finding]) -> Path:
    """Write it into the project's folder, over an earlier one; return where it is."""
    path = pins.root / NAME
    text = "\n".join(_lines(pins, findings))
    write_atomically(path, Redaction.of(pins)(text) + "\n", mode=0o600)
    return path


def _lines(pins: Pins, findings: Sequence[Finding]) -> Iterator[str]:
    machine = platform.look()
    yield f"# Headstart {__version__} on {machine.name}, {machine.machine}"
    yield f"\nRuns on Python {sys.version.split()[0]}; pinned: {pins.python}, pip {pins.pip}"
    yield f"\nThe stub of `check` says {'yes' if ask_stub(pins) else 'no, or is not there'}"
    yield "\n## Findings\n"
    for each in findings:
        yield f"- {each.level} · {each.step}: {each.problem} → {each.repair}"
    if not findings:
        yield "none"
    yield "\n## What `up` would do\n"
    for step in look_ahead(pins.root)[1].steps:
        yield f"- {step.name}: {step.reason}"
        yield from (f"  - `{command}`" for command in step.commands)
    yield "\n## The last runs\n"
    for run in undo.runs(pins.root)[-_RUNS:]:
        yield f"- {run.at} · {run.ending}: {', '.join(run.steps) or 'nothing'}"
    yield "\n## The machine\n"
    for argv in (*_EVERYWHERE, *(_ON_A_MAC if machine.system == "macos" else ())):
        yield from _answered(argv)
    if machine.brews:
        prefixes = ", ".join(str(each.prefix) for each in machine.brews)
        yield f"Homebrews, of which the first is used: {prefixes}"
    yield from _file_system(pins)


def _answered(argv: tuple[str, ...]) -> Iterator[str]:
    answer = probe(argv, seconds=_SECONDS)
    yield f"`{' '.join(argv)}` → {answer.code}"
    if answer.output:
        yield f"```\n{answer.output.strip()}\n```"


def _file_system(pins: Pins) -> Iterator[str]:
    other = pins.root / "TOOLCHAIN.YML"
    says = "does not tell" if other.exists() else "tells"
    yield f"The file system of the project {says} capitals from small letters."
