"""How far a build is, by the lines of its log: phases, weighed by what earlier builds here took."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bootstrap import state
from bootstrap.files import write_atomically
from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Callable

# Phase, the line that begins it, and the lines that are counted in it.
_PHASES = (
    ("download", r"^Downloading |^-> ", r"^-> "),
    ("unpack", r"^Installing Python-", r"^patching file"),
    ("configure", r"^checking build system type", r"^checking "),
    (
        "compile",
        r"^(?:configure: |config\.status: )?creating Makefile",
        r"^(?:gcc|clang|cc)\b.* -c |^building '",
    ),
    ("install", r"^Creating directory .*/bin$", r"^/\S*install -c|^Creating directory|install-sh"),
    ("bytecode", r"^Listing '", r"^Compiling '"),
    ("pip", r"^Looking in links|ensurepip --root", r"^(?:Processing|Installing|Successfully)"),
)
_BEGINS = tuple(re.compile(begins) for _, begins, _ in _PHASES)
_COUNTED = tuple(re.compile(counted) for _, _, counted in _PHASES)
NAMES = tuple(name for name, _, _ in _PHASES)


@dataclass(frozen=True)
class PastBuild:
    """A successful build: all its seconds, and per phase its seconds and the lines it wrote."""

    version: str
    seconds: float
    phases: dict[str, tuple[float, int]]


# A plain build of 3.13.5 on two cores: shares of its time, and the lines of each phase.
_FIRST = PastBuild(
    "3.13.5",
    261.0,
    {
        "download": (2.0, 1),
        "unpack": (2.0, 1),
        "configure": (24.0, 758),
        "compile": (179.0, 345),
        "install": (14.6, 2702),
        "bytecode": (34.7, 1744),
        "pip": (6.5, 3),
    },
)
_NEVER_DONE = 0.99
_HISTORY = "builds.json"


@dataclass(frozen=True)
class Advance:
    """`left` is in seconds, and None before this machine has built a Python."""

    fraction: float
    phase: str
    left: float | None


@dataclass
class Progress:
    """Fed with lines; monotone, and never complete before the build says so."""

    earlier: PastBuild | None
    clock: Callable[[], float] = time.monotonic
    _phase: int = field(default=0, init=False)
    _lines: list[int] = field(default_factory=lambda: [0] * len(_PHASES), init=False)
    _began: list[float | None] = field(default_factory=lambda: [None] * len(_PHASES), init=False)
    _reached: float = field(default=0.0, init=False)

    def feed(self, line: str) -> None:
        for index in range(len(_PHASES) - 1, self._phase, -1):
            if _BEGINS[index].search(line):
                self._phase = index
                break
        if self._began[self._phase] is None:
            self._began[self._phase] = self.clock()
        if _COUNTED[self._phase].search(line):
            self._lines[self._phase] += 1

    @property
    def advance(self) -> Advance:
        expected = self.earlier or _FIRST
        seconds = [expected.phases.get(name, (0.0, 0))[0] for name in NAMES]
        lines = max(expected.phases.get(NAMES[self._phase], (0.0, 0))[1], 1)
        within = min(self._lines[self._phase] / lines, 1.0)
        done = sum(seconds[: self._phase]) + within * seconds[self._phase]
        self._reached = max(self._reached, min(done / (sum(seconds) or 1.0), _NEVER_DONE))
        left = (1 - self._reached) * expected.seconds if self.earlier else None
        return Advance(self._reached, NAMES[self._phase], left)

    def learned(self, version: str, seconds: float) -> PastBuild:
        """What this build, now done, teaches for the next."""
        end = self.clock()
        phases: dict[str, tuple[float, int]] = {}
        for index in reversed(range(len(_PHASES))):
            began = self._began[index]
            if began is not None:
                phases[NAMES[index]] = (round(end - began, 2), self._lines[index])
                end = began
        return PastBuild(version, round(seconds, 2), phases)


def latest(version: str) -> PastBuild | None:
    """The last successful build of this minor version, else of any."""
    found = [PastBuild(**row) for row in _rows() if row.get("phases")]
    same = [build for build in found if minor(build.version) == minor(version)]
    return next(reversed(same or found), None)


def remember(build: PastBuild) -> None:
    _append(asdict(build))


def plain_failed(version: str) -> bool:
    """Whether the last word on the plain build of `version` is that it fails here."""
    return any(row.get("failed") == version for row in _rows())


def remember_failure(version: str) -> None:
    if not plain_failed(version):
        _append({"failed": version})


def _rows() -> list[dict[str, Any]]:
    try:
        rows = json.loads((state.state_dir() / _HISTORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _append(row: dict[str, object]) -> None:
    folder = state.private_dir(state.state_dir())
    write_atomically(folder / _HISTORY, json.dumps([*_rows(), row][-20:]), mode=0o600)
