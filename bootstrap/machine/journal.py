"""What `up` did here, line by line: append-only, synced to disk before the next thing happens."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NewType, NoReturn

from bootstrap import state
from bootstrap.errors import Refused
from bootstrap.files import exclusive
from bootstrap.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

RunId = NewType("RunId", str)
Entry = dict[str, str | int | float]
Ending = Literal["done", "failed", "interrupted"]

_RECENT = 5


@dataclass(frozen=True)
class Unfinished:
    """An earlier run that did not end well: in which step, and what may still run of it."""

    run: str
    step: str
    ending: Literal["failed", "interrupted"]
    orphan: ProcessId | None


@dataclass(frozen=True)
class Journal:
    """The journal of one run; satisfies `runner.CommandRecord`."""

    path: Path
    run: RunId

    def write(self, event: str, **details: str | float) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "run": self.run, "event": event, **details}
        _append(self.path, json.dumps(entry, ensure_ascii=False))

    def command_started(self, argv: Sequence[str], process: ProcessId) -> None:
        self.write("command-started", program=argv[0], pid=process.pid, began=process.began)

    def command_ended(self, code: int) -> None:
        self.write("command-ended", code=code)


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


def new_run() -> RunId:
    return RunId(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")


def read(path: Path) -> tuple[Entry, ...]:
    """Every whole entry; what a power cut tore is skipped."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(entry for line in text.splitlines() if (entry := _decode(line)))


def _decode(line: str) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "event" in entry else None


def was_proven(root: Path, fingerprint: str) -> bool:
    """Whether the last word on `fingerprint` is that its proof passed."""
    words = [
        entry["event"]
        for entry in read(path_of(root))
        if entry["event"] in {"proving", "proven"} and entry.get("fingerprint") == fingerprint
    ]
    return words[-1:] == ["proven"]


def unfinished(entries: Sequence[Entry]) -> Unfinished | None:
    """The last run, if it did not end well."""
    starts = [index for index, entry in enumerate(entries) if entry["event"] == "run-started"]
    if not starts:
        return None
    last = entries[starts[-1] :]
    ending = next((str(each["ending"]) for each in last if each["event"] == "run-ended"), None)
    if ending == "done":
        return None
    steps = [str(entry["step"]) for entry in last if entry["event"] == "step-started"]
    return Unfinished(
        run=str(last[0].get("run", "")),
        step=steps[-1] if steps else "",
        ending="failed" if ending == "failed" else "interrupted",
        orphan=_left_running(last) if ending is None else None,
    )


def _left_running(entries: Sequence[Entry]) -> ProcessId | None:
    commands = [entry for entry in entries if str(entry["event"]).startswith("command-")]
    if not commands or commands[-1]["event"] == "command-ended":
        return None
    return ProcessId(int(commands[-1]["pid"]), str(commands[-1]["began"]))


def usual_seconds() -> dict[str, float]:
    """The median of the latest durations of each step, over all projects of this machine."""
    from statistics import median  # noqa: PLC0415 - a no-op has no use for it

    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for path in sorted(state.projects_dir().glob("*/journal.jsonl")):
        for entry in read(path):
            if entry["event"] == "step-done":
                seconds[str(entry["step"])].append(float(entry["seconds"]))
    return {step: round(median(each[-_RECENT:]), 3) for step, each in seconds.items()}


def only_one(root: Path) -> AbstractContextManager[None]:
    """Hold the project for this process; a second `up` is refused, with the number of the first."""
    folder = state.private_dir(state.project_state(root))
    return exclusive(folder / "up.lock", _refuse)


def _refuse(holder: str) -> NoReturn:
    raise Refused(
        f"Another `headstart up` is at work here (process {holder}).",
        next=("wait until it is done, then run: headstart up",),
    )
