"""Who watches a run while it happens: events for programs, moving or plain lines for people."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Literal

from bootstrap.language import Said, shown
from bootstrap.show.machine import versions
from bootstrap.show.output import for_programs, note, print_json, say
from bootstrap.show.text import bold, dim, duration, green, red
from bootstrap.terminals import can_ask, is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rich.progress import Progress, ProgressColumn

    from bootstrap.machine.apply import Observer, Taken
    from bootstrap.machine.building.progress import Advance
    from bootstrap.machine.journal import Unfinished
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.plan import Plan, PlannedStep
    from bootstrap.project.verification import Check, Watcher

_BAR = 20


def observer() -> Observer:
    """Who watches a run of `up` that is the command itself."""
    return JsonObserver() if for_programs() else people_observer()


def people_observer() -> Observer:
    """Who watches a run of `up` within another command: people only, on standard error."""
    return TerminalObserver() if _moves() else PlainObserver()


def watcher() -> Watcher:
    """Who watches the checks after an update; programs get them in the one document."""
    if for_programs():
        return SilentChecks()
    return MovingChecks() if _moves() else PlainChecks()


@contextmanager
def counting(total: int) -> Iterator[Callable[[str], None]]:
    """Call what it gives with the name of each thing that is done: it shows how many are."""
    if for_programs():
        yield lambda _: None
    elif _moves():
        from rich.progress import BarColumn, MofNCompleteColumn  # noqa: PLC0415

        with _moving(BarColumn(), MofNCompleteColumn()) as moving:
            task = moving.add_task("", total=total)
            yield lambda name: moving.update(task, advance=1, description=name)
    else:
        done = count(1)
        yield lambda name: note(f"  {next(done)}/{total} {name}")


def confirm(question: str, *, default: bool) -> bool:
    """Ask at the terminal; Enter takes the default, and without a terminal the answer is no."""
    return can_confirm() and _answer(question, default=default)


def can_confirm() -> bool:
    """Whether there is somebody to ask."""
    return not for_programs() and can_ask()


def _answer(question: str, *, default: bool) -> bool:
    note(f"{question} [{'Y/n' if default else 'y/N'}]")
    answer = sys.stdin.readline().strip().lower()
    return answer in {"y", "yes"} if answer else default


# -- what moves ------------------------------------------------------------------------------------


def _moves() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


class _Spinner:
    """One line that lives as long as its step: its title, the time, and details."""

    _shown: Progress | None = None

    def start(self, title: str, *details: str) -> None:
        from rich.progress import TextColumn  # noqa: PLC0415

        self._shown = _moving(TextColumn("{task.fields[title]}", markup=False))
        self._shown.add_task(_joined(details), total=None, title=title)
        self._shown.start()

    def update(self, *details: str) -> None:
        if self._shown:
            self._shown.update(self._shown.task_ids[0], description=_joined(details))

    def print(self, text: str) -> None:
        if self._shown:
            self._shown.console.print(text, markup=False, highlight=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        if self._shown:
            self._shown.stop()
        yield
        if self._shown:
            self._shown.start()

    def stop(self) -> None:
        if self._shown:
            self._shown.stop()
        self._shown = None


def _joined(details: Iterable[str]) -> str:
    return " ".join(filter(None, details))


def _moving(*columns: ProgressColumn) -> Progress:
    from rich import progress  # noqa: PLC0415 - 0.15 s, which a no-op never pays
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.SpinnerColumn(),
        *columns,
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}", markup=False, style="dim"),
        console=Console(stderr=True),
        transient=True,
    )


# -- a run of `up` ---------------------------------------------------------------------------------


@dataclass
class JsonObserver:
    """One object per event on standard output, flushed at once."""

    _last: dict[str, object] = field(default_factory=dict, init=False)

    def run_started(self, pins: Pins, plan: Plan, earlier: Unfinished | None, log: Path) -> None:
        print_json(
            {
                "event": "run",
                "project": pins.project,
                "directory": str(pins.root),
                "plan": [step.name for step in plan.steps],
                "continues": {"step": earlier.step, "ending": earlier.ending} if earlier else None,
                "log": str(log),
            }
        )

    def step_started(self, step: PlannedStep) -> None:
        print_json({"event": "step", "state": "started"} | asdict(step))

    def step_advanced(self, advance: Advance) -> None:
        """Once per percent: a build reports more often than anyone wants to read."""
        event = {"phase": advance.phase, "percent": int(advance.fraction * 100)}
        if event != self._last:
            self._last = event
            left = None if advance.left is None else round(advance.left, 1)
            print_json({"event": "progress"} | event | {"seconds_left": left})

    def step_told(self, text: str) -> None:
        print_json({"event": "note", "text": text})

    def step_asks(self, question: str) -> bool:  # noqa: ARG002 - programs say --yes beforehand
        return False

    def step_done(self, taken: Taken) -> None:
        rounded = {"seconds": round(taken.seconds, 3)}
        print_json({"event": "step", "state": "done"} | asdict(taken) | rounded)

    def step_stopped(self, step: PlannedStep, ending: Literal["failed", "interrupted"]) -> None:
        print_json({"event": "step", "state": ending, "name": step.name, "title": step.title})


@dataclass
class PlainObserver:
    """A line when a step begins, for each phase of a build, and when it ends."""

    _phase: str = field(default="", init=False)

    def run_started(self, pins: Pins, plan: Plan, earlier: Unfinished | None, log: Path) -> None:  # noqa: ARG002
        note(f"{bold(pins.project)} {dim(versions(pins))}")
        if earlier:
            during = Said(" during the step {step}", step=earlier.step) if earlier.step else ""
            how = Said("failed") if earlier.ending == "failed" else Said("was interrupted")
            note(
                Said(
                    "  The previous run {how}{during}; continuing from there.",
                    how=how,
                    during=during,
                )
            )

    def step_started(self, step: PlannedStep) -> None:
        note(f"  … {shown(step.title)}: {shown(step.reason)}")

    def step_advanced(self, advance: Advance) -> None:
        if advance.phase != self._phase:
            self._phase = advance.phase
            left = f", about {duration(advance.left)} left" if advance.left else ""
            note(f"      {advance.fraction:.0%} {advance.phase}{left}")

    def step_told(self, text: str) -> None:
        note(f"      {shown(text)}")

    def step_asks(self, question: str) -> bool:
        return can_ask() and _answer(f"      {question}", default=False)

    def step_done(self, taken: Taken) -> None:
        taking = dim(duration(taken.seconds))
        note(f"  {green('✓')} {shown(taken.title)}: {shown(taken.result)}  {taking}")
        for line in taken.details:
            note(f"      {line}")

    def step_stopped(self, step: PlannedStep, ending: Literal["failed", "interrupted"]) -> None:
        note(f"  {red('✗')} {shown(step.title)} {ending}")


@dataclass
class TerminalObserver(PlainObserver):
    """The running step with a spinner, its elapsed time and how long it usually takes."""

    _spinner: _Spinner = field(default_factory=_Spinner, init=False)

    def step_started(self, step: PlannedStep) -> None:
        usual = f"usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
        self._spinner.start(step.title, usual, step.reason)

    def step_advanced(self, advance: Advance) -> None:
        left = f"about {duration(advance.left)} left" if advance.left else ""
        done = round(advance.fraction * _BAR)
        bar = "█" * done + "░" * (_BAR - done)
        self._spinner.update(left, f"{advance.fraction:>4.0%} {bar} {advance.phase}")

    def step_told(self, text: str) -> None:
        self._spinner.print(f"      {shown(text)}")

    def step_asks(self, question: str) -> bool:
        with self._spinner.paused():
            return super().step_asks(question)

    def step_done(self, taken: Taken) -> None:
        self._spinner.stop()
        super().step_done(taken)

    def step_stopped(self, step: PlannedStep, ending: Literal["failed", "interrupted"]) -> None:
        self._spinner.stop()
        super().step_stopped(step, ending)


# -- the checks after an update --------------------------------------------------------------------


class SilentChecks:
    """Nothing is shown before all of it is known."""

    def check_started(self, name: str) -> None: ...
    def check_done(self, check: Check) -> None: ...
    def check_stopped(self, name: str) -> None: ...


class PlainChecks(SilentChecks):
    """A line for each check when it has ended."""

    def check_done(self, check: Check) -> None:
        sign = {"passed": green("✓"), "failed": red("✗"), "open": "-"}[check.ending]
        seconds = f"  {dim(duration(check.seconds))}" if check.seconds else ""
        say(f"  {sign} {check.name}: {shown(check.told)}{seconds}")
        for line in check.details:
            say(f"      {line}")


@dataclass
class MovingChecks(PlainChecks):
    """And a spinner with its time while it runs."""

    _spinner: _Spinner = field(default_factory=_Spinner, init=False)

    def check_started(self, name: str) -> None:
        from bootstrap.project.verification import PINS  # noqa: PLC0415 - loaded by then

        if name != PINS:  # that shows steps of its own
            self._spinner.start(name)

    def check_done(self, check: Check) -> None:
        self._spinner.stop()
        super().check_done(check)

    def check_stopped(self, name: str) -> None:  # noqa: ARG002
        self._spinner.stop()
