"""What `up` did here, line by line: append-only, synced to disk before the next thing happens."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, NewType, NoReturn

from bootstrap import state
from bootstrap.errors import Refused
from bootstrap.files import exclusive, text_of
from bootstrap.language import Said
from bootstrap.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

RunId = NewType("RunId", str)
JournalEntry = dict[str, str | int | float]
RunEnding = Literal["done", "failed", "interrupted"]

_RECENT = 5
_ENDINGS: dict[str, RunEnding] = {"done": "done", "failed": "failed"}
# What version 0.5.0 and earlier called things. These names stay in journals: the steps' are read,
# those of a verification's two events are written too. `pins` reads the same two in toolchain.yml.
_RENAMED = {"environment": "dotenv", "proof": "verification"}
_VERIFYING, _VERIFIED = "proving", "proven"


class Unfinished(NamedTuple):
    """An earlier run that did not end well: in which step, and what may still run of it."""

    run: str
    step: str
    ending: Literal["failed", "interrupted"]
    orphan: ProcessId | None


@dataclass(frozen=True)
class Journal:
    """The journal of one run."""

    path: Path
    run: RunId

    @classmethod
    def begin(cls, root: Path) -> Journal:
        """The journal of a new run."""
        return cls(path_of(root), RunId(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"))

    def write(self, event: str, **details: str | float) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "run": self.run, "event": event, **details}
        _append(self.path, json.dumps(entry, ensure_ascii=False))

    def command_started(self, argv: Sequence[str], process: ProcessId) -> None:
        self.write("command-started", program=argv[0], pid=process.pid, began=process.began)

    def command_ended(self, code: int) -> None:
        self.write("command-ended", code=code)

    def verification_started(self, fingerprint: str) -> None:
        self.write(_VERIFYING, fingerprint=fingerprint)

    def verification_passed(self, fingerprint: str) -> None:
        self.write(_VERIFIED, fingerprint=fingerprint)


def _append(path: Path, line: str) -> None:
    """One line, durable. A torn last line, left by a power cut, is closed first."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, ("\n" * bool(torn) + line + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(root: Path) -> Path:
    return state.project_state(root) / "journal.jsonl"


def entries_of(root: Path) -> tuple[JournalEntry, ...]:
    return entries_in(path_of(root))


def entries_in(path: Path, word: str = "") -> tuple[JournalEntry, ...]:
    """Every whole entry that has the word somewhere; what a power cut tore is skipped.

    A journal is long by and by, and most looks are for a few of its lines.
    """
    return _decoded(line for line in text_of(path).splitlines() if word in line)


def last_run(root: Path) -> tuple[JournalEntry, ...]:
    """The entries of the run that began last."""
    lines = text_of(path_of(root)).splitlines()
    starts = [index for index, line in enumerate(lines) if '"run-started"' in line]
    return _decoded(lines[starts[-1] :] if starts else ())


def _decoded(lines: Iterable[str]) -> tuple[JournalEntry, ...]:
    return tuple(entry for line in lines if (entry := _decode(line)))


def _decode(line: str) -> JournalEntry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "event" in entry else None


def was_verified(root: Path, fingerprint: str) -> bool:
    """Whether the last word on `fingerprint` is that its verification passed."""
    words = [
        entry["event"]
        for entry in entries_in(path_of(root), fingerprint)
        if entry["event"] in {_VERIFYING, _VERIFIED} and entry.get("fingerprint") == fingerprint
    ]
    return words[-1:] == [_VERIFIED]


def unfinished(entries: Sequence[JournalEntry]) -> Unfinished | None:
    """The last run, if it did not end well."""
    starts = [index for index, entry in enumerate(entries) if entry["event"] == "run-started"]
    if not starts:
        return None
    last = entries[starts[-1] :]
    ending = ending_of(last)
    if ending == "done":
        return None
    steps = [str(entry["step"]) for entry in last if entry["event"] == "step-started"]
    return Unfinished(
        run=str(last[0].get("run", "")),
        step=current_name(steps[-1]) if steps else "",
        ending=ending or "interrupted",
        orphan=_left_running(last) if ending is None else None,
    )


def ending_of(entries: Sequence[JournalEntry]) -> RunEnding | None:
    """How a run ended; None where it was killed."""
    written = next((each["ending"] for each in entries if each["event"] == "run-ended"), None)
    if written is None:
        return None
    return _ENDINGS.get(str(written), "interrupted")


def current_name(step: str) -> str:
    """What a step is called now, whatever the version was that wrote its name."""
    return _RENAMED.get(step, step)


def identity(path: str) -> str:
    """Which folder or file it is, so that another one of that name is never taken for it."""
    try:
        seen = Path(path).lstat()
    except (OSError, ValueError):
        return ""
    edited = "" if Path(path).is_dir() else f":{seen.st_mtime_ns}"
    return f"{seen.st_dev}:{seen.st_ino}{edited}"


def _left_running(entries: Sequence[JournalEntry]) -> ProcessId | None:
    commands = [entry for entry in entries if str(entry["event"]).startswith("command-")]
    if not commands or commands[-1]["event"] == "command-ended":
        return None
    return ProcessId(int(commands[-1]["pid"]), str(commands[-1]["began"]))


def usual_seconds() -> dict[str, float]:
    """The median of the latest durations of each step, over all projects of this machine."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for path in sorted(state.projects_dir().glob("*/journal.jsonl")):
        for entry in entries_in(path, '"step-done"'):
            if entry["event"] == "step-done":
                seconds[current_name(str(entry["step"]))].append(float(entry["seconds"]))
    return {step: round(_median(each[-_RECENT:]), 3) for step, each in seconds.items()}


def _median(values: Sequence[float]) -> float:
    """As `statistics` has it, which loads fractions and decimals for it."""
    ordered, last = sorted(values), len(values) - 1
    return (ordered[last // 2] + ordered[len(values) // 2]) / 2


def only_one(root: Path) -> AbstractContextManager[None]:
    """Hold the project for this process; a second `up` is refused, with the number of the first."""
    folder = state.private_dir(state.project_state(root))
    return exclusive(folder / "up.lock", _refuse)


def _refuse(holder: str) -> NoReturn:
    raise Refused(
        Said("Another `headstart up` is at work here (process {holder}).", holder=holder),
        next=(Said("wait until it is done, then run: headstart up"),),
    )
