"""The only place that prints: for people, or one JSON object per line for programs.

Results go to standard output, progress and errors to standard error. rich is imported only where
a terminal shows something moving.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Literal, TextIO

from bootstrap.table import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.progress import Progress

    from bootstrap.errors import HeadstartError
    from bootstrap.machine.apply import Observer, RunOutcome, Taken
    from bootstrap.machine.building.progress import Advance
    from bootstrap.machine.capture import Captured
    from bootstrap.machine.diagnosis.diagnose import Diagnosis
    from bootstrap.machine.edits import Reversal
    from bootstrap.machine.journal import Unfinished
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.plan import Plan, PlannedStep
    from bootstrap.machine.steps.step import Finding
    from bootstrap.machine.undo import Run
    from bootstrap.machine.vendor import Vendored
    from bootstrap.project.answers import Answers
    from bootstrap.project.new import Created
    from bootstrap.project.questions import Preset
    from bootstrap.project.template import Template
    from bootstrap.project.verification import Check, Watcher
    from bootstrap.reports import Report
    from bootstrap.table import Table

Format = Literal["text", "json"]
Ending = Literal["failed", "interrupted"]

_MINUTE = 60
_BAR = 20


def observer(form: Format) -> Observer:
    """Who shows a run: a stream of JSON, moving lines on a terminal, plain lines elsewhere."""
    if form == "json":
        return JsonObserver()
    return TerminalObserver() if _moves() else PlainObserver()


def watcher(form: Format) -> Watcher:
    """Who shows the checks after an update; for programs they are in the one document."""
    if form == "json":
        return SilentChecks()
    return MovingChecks() if _moves() else Checks()


def confirm(question: str, *, otherwise: bool) -> bool:
    """Ask at the terminal; Enter alone is `otherwise`."""
    _note(f"{question} [{'Y/n' if otherwise else 'y/N'}]")
    answer = sys.stdin.readline().strip().lower()
    return answer in {"y", "yes"} if answer else otherwise


def show_created(created: Created, answers: Answers, source: Template, form: Format) -> None:
    """A new project: where it is, and what every answer was and comes from."""
    if form == "json":
        _print_json({"event": "created"} | _created_document(created, answers, source))
        return
    if not source.released:
        _note(f"Note: the template {source.version} is unreleased.")
    _say(f"Made {created.path}: {created.files} files from template {source.version}.")
    if created.history.commit:
        _say(f"First commit {created.history.commit} on {created.history.branch}.")
    for note in created.history.notes:
        _say(f"Note: {note}.")
    rows = [(answer.question.name, answer.shown_value, answer.source) for answer in answers.shown]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    _say("")
    for name, value, origin in rows:
        _say(f"  {name:{widths[0]}}  {value:{widths[1]}}  {_dim(f'({origin})')}")
    _say("")


def _created_document(created: Created, answers: Answers, source: Template) -> dict[str, object]:
    return {
        "project": answers.values["project_name"],
        "path": str(created.path),
        "template": {"version": source.version, "released": source.released},
        "answers": {answer.question.name: answer.value for answer in answers.shown},
        "sources": {answer.question.name: answer.source for answer in answers.shown},
        "files": created.files,
        "git": asdict(created.history),
    }


def show_next(folder: Path, command: str, form: Format) -> None:
    """What a person may want to run next."""
    if form == "text":
        enter = "" if str(folder) == "." else f"cd {shlex.quote(str(folder))} && "
        _say(f"Next: {_bold(enter + command)}")


def show_presets(presets: Sequence[Preset], form: Format) -> None:
    if form == "json":
        _print_json({"presets": [{"name": each.name, "adds": each.adds} for each in presets]})
        return
    width = max(len(preset.name) for preset in presets)
    for preset in presets:
        _say(f"{_bold(f'{preset.name:{width}}')}  {preset.adds}")


def show_versions(versions: Sequence[str], form: Format) -> None:
    if form == "json":
        _print_json({"versions": list(versions)})
        return
    for version in versions:
        _say(version)


def show_report(report: Report, form: Format, page: Path | None = None) -> None:
    """What a command found: one document for programs, lines for people; also as a page there."""
    if form == "json":
        _print_json({**report.document, **({"html": str(page.absolute())} if page else {})})
        return
    if sys.stdout.isatty():
        from bootstrap.reports import terminal  # noqa: PLC0415 - rich

        terminal.show(report.lines, colour=not os.environ.get("NO_COLOR"))
    else:
        for line in report.plain:
            _say(line)
    if page:
        _say(f"As a page: {page}")


def show_table(table: Table, form: Format) -> None:
    """What a command found in many places."""
    if form == "json":
        _print_json(table.document)
        return
    room = get_terminal_size().columns - 2 if sys.stdout.isatty() else None
    head, *rows = lines(table, room)
    _say(_dim(f"  {head}"))
    for row, line in zip(table.rows, rows, strict=True):
        sign = {"good": _green("✓"), "bad": _red("✗"), "plain": " "}[row.tone]
        _say(f"{sign} {line}")
        for note in row.notes:
            _say(_dim(f"      {note}"))
    _say("")
    for line in table.ending:
        _say(line)


@contextmanager
def counting(total: int, form: Format) -> Iterator[Callable[[str], None]]:
    """Who is told of each thing that is done shows how far it has come, on standard error."""
    if form == "text" and _moves():
        with _counter() as moving:
            task = moving.add_task("", total=total)
            yield lambda name: moving.update(task, advance=1, description=name)
        return
    done = count(1)
    yield lambda name: _note(f"  {next(done)}/{total} {name}") if form == "text" else None


def show_outcome(outcome: RunOutcome, form: Format) -> None:
    pins = outcome.pins
    if form == "json":
        _print_json({"event": "result"} | _outcome_document(outcome))
        return
    for notice in outcome.notices:
        _note(f"  ! {notice.problem}\n    → {notice.repair}")
    if not outcome.taken:
        _say(f"{_green('✓')} {pins.project} is up: nothing to do. {_dim(_versions(pins))}")
        return
    _say(f"{_green('✓')} {pins.project} is up, in {duration(outcome.seconds)}.")


def _outcome_document(outcome: RunOutcome) -> dict[str, object]:
    return {
        "outcome": "done" if outcome.taken else "nothing-to-do",
        "project": outcome.pins.project,
        "steps": [taken.name for taken in outcome.taken],
        "notices": [asdict(notice) for notice in outcome.notices],
        "seconds": round(outcome.seconds, 3),
        "log": str(outcome.log) if outcome.log else None,
    }


def show_plan(pins: Pins, plan: Plan, form: Format) -> None:
    if form == "json":
        _print_json(
            {
                "project": pins.project,
                "directory": str(pins.root),
                "python": pins.python,
                "pip": pins.pip,
                "venv": str(pins.venv),
                "steps": [asdict(step) for step in plan.steps],
                "usual_seconds": plan.usual_seconds,
            }
        )
        return
    if not plan.steps:
        _say(f"{_green('✓')} {pins.project} is up: nothing to do. {_dim(_versions(pins))}")
        return
    _say(f"{_bold(pins.project)} {_dim(_versions(pins))}\n")
    for number, step in enumerate(plan.steps, 1):
        usual = f", usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
        _say(f"{number:>3}. {_bold(step.title)}: {step.reason}{_dim(usual)}")
        for command in step.commands:
            _say(f"     {_dim('$ ' + command)}")
    total = f" It usually takes {duration(plan.usual_seconds)}." if plan.usual_seconds else ""
    _say(f"\nNothing was changed.{total} To do it: headstart up")


def show_findings(pins: Pins, findings: tuple[Finding, ...], form: Format) -> None:
    if form == "json":
        _print_json(
            {
                "project": pins.project,
                "directory": str(pins.root),
                "healthy": not findings,
                "findings": [asdict(finding) for finding in findings],
            }
        )
        return
    if not findings:
        _say(f"{_green('✓')} {pins.project} is exactly as pinned. {_dim(_versions(pins))}")
        return
    _say(f"{_bold(pins.project)} {_dim(_versions(pins))}\n")
    for finding in findings:
        sign = _red("✗") if finding.level == "broken" else "!"
        _say(f"  {sign} {finding.step}: {finding.problem}\n    {_dim('→ ' + finding.repair)}")


def show_captured(captured: Captured, written: Sequence[str], form: Format) -> None:
    if form == "json":
        _print_json(asdict(captured) | {"written": list(written)})
        return
    _say(f"{_bold(captured.project)} Python {captured.python or '?'} · pip {captured.pip}")
    for each in captured.statements:
        _say(f"  {each.source}: {each.says}")
    for text in captured.contradictions:
        _say(f"  {_red('✗')} {text}")
    for text in captured.unknown:
        _say(f"  ? {text}")
    for name, text in captured.files.items():
        _say(f"\n{_bold(name)}{' (written)' if name in written else ''}\n{text.rstrip()}")
    if not written:
        _say("\nNothing was changed. To write this: headstart capture --write")


def show_vendored(vendored: Vendored, form: Format) -> None:
    if form == "json":
        _print_json(asdict(vendored))
        return
    _say(f"{_green('✓')} {vendored.folder}: {len(vendored.files)} files.")
    for text in vendored.left_out:
        _say(f"  left out: {text}")
    _say("There: headstart up --offline")


def show_runs(runs: Sequence[Run], form: Format) -> None:
    if form == "json":
        _print_json({"runs": [asdict(run) for run in runs]})
        return
    for run in runs:
        steps = ", ".join(run.steps) or "nothing"
        undone = ", undone since" if run.undone else ""
        _say(f"{_bold(run.id)}  {run.ending}: {steps}{undone}")
    if not runs:
        _say("`headstart up` has not run here yet.")


def show_reversals(run: Run, reversals: Sequence[Reversal], form: Format, *, done: bool) -> None:
    if form == "json":
        told = [asdict(each) for each in reversals]
        _print_json({"run": run.id, "undone": done, "reversals": told})
        return
    _say(f"{_bold(run.id)}  {', '.join(run.steps)}\n")
    for each in reversals:
        to = f" as {each.to}" if each.action == "restore" else ""
        _say(f"  {each.action:9} {each.what}{to}  {_dim(each.why)}")
    _say("\nDone." if done else f"\nNothing was changed. To do it: headstart undo {run.id} --yes")


def show_diagnosis(diagnosis: Diagnosis, form: Format) -> None:
    if form == "json":
        told = asdict(diagnosis) | {"repair": "\n".join(diagnosis.repair)}
        del told["retry"]
        _print_json(told)
        return
    _say(f"{_bold(diagnosis.cause)}: {diagnosis.explanation}")
    if diagnosis.evidence:
        where = f"{diagnosis.file}:{diagnosis.line}" if diagnosis.file else f"line {diagnosis.line}"
        _say(f"  {_dim(where)}  {diagnosis.evidence}")
    for line in diagnosis.repair:
        _say(f"  {_dim('→')} {line}")
    if diagnosis.source:
        _say(f"  {_dim(diagnosis.source)}")


def show_error(error: HeadstartError, form: Format) -> None:
    """What happened, why, and what to do next."""
    if form == "json":
        told = {"what": error.what, "why": error.why, "next": error.next}
        told |= {"cause": error.cause} if error.cause else {}
        _print_json({"event": "error", "error": told | {"exit_code": int(error.exit_code)}})
        return
    _note(f"{_red('✗', sys.stderr)} {error.what}")
    for line in error.why:
        _note(f"  {line}")
    for number, line in enumerate(error.next):
        _note(f"{'next: ' if number == 0 else '      '}{line}")


def show_interruption(form: Format) -> None:
    if form == "json":
        told = {"what": "Interrupted.", "why": [], "next": ["run it again"], "exit_code": 130}
        _print_json({"event": "error", "error": told})
        return
    _note("\nInterrupted. Nothing is left running; the same command can be run again.")


def duration(seconds: float) -> str:
    """8.4 s, 42 s, 3 min 10 s: as precise as a person cares for."""
    if seconds < 10:  # noqa: PLR2004
        return f"{max(seconds, 0.1):.1f} s"
    if round(seconds) < _MINUTE:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


@dataclass
class JsonObserver:
    """One object per event on standard output, flushed at once."""

    _told: dict[str, object] = field(default_factory=dict, init=False)

    def run_started(self, pins: Pins, plan: Plan, earlier: Unfinished | None, log: Path) -> None:
        _print_json(
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
        _print_json({"event": "step", "state": "started"} | asdict(step))

    def step_advanced(self, advance: Advance) -> None:
        """Once per percent; a build glances at itself more often than anyone wants to read."""
        told = {
            "phase": advance.phase,
            "percent": int(advance.fraction * 100),
        }
        if told != self._told:
            self._told = told
            left = None if advance.left is None else round(advance.left, 1)
            _print_json({"event": "progress"} | told | {"seconds_left": left})

    def step_told(self, text: str) -> None:
        _print_json({"event": "note", "text": text})

    def step_asks(self, question: str) -> bool:  # noqa: ARG002 - who reads JSON says --yes beforehand
        return False

    def step_done(self, taken: Taken) -> None:
        told = asdict(taken) | {"seconds": round(taken.seconds, 3)}
        _print_json({"event": "step", "state": "done"} | told)

    def step_stopped(self, step: PlannedStep, ending: Ending) -> None:
        _print_json({"event": "step", "state": ending, "name": step.name, "title": step.title})


@dataclass
class PlainObserver:
    """A line when a step begins, for each phase of a build, and when it ends."""

    _phase: str = field(default="", init=False)

    def run_started(self, pins: Pins, plan: Plan, earlier: Unfinished | None, log: Path) -> None:  # noqa: ARG002
        _note(f"{_bold(pins.project, sys.stderr)} {_dim(_versions(pins), sys.stderr)}")
        if earlier:
            _note(f"  The previous run {_ended(earlier)}; continuing from there.")

    def step_started(self, step: PlannedStep) -> None:
        _note(f"  … {step.title}: {step.reason}")

    def step_advanced(self, advance: Advance) -> None:
        if advance.phase != self._phase:
            self._phase = advance.phase
            left = f", about {duration(advance.left)} left" if advance.left else ""
            _note(f"      {advance.fraction:.0%} {advance.phase}{left}")

    def step_told(self, text: str) -> None:
        _note(f"      {text}")

    def step_asks(self, question: str) -> bool:
        if not sys.stdin.isatty():
            return False
        _note(f"      {question} [y/N]")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def step_done(self, taken: Taken) -> None:
        sign = _green("✓", sys.stderr)
        seconds = _dim(duration(taken.seconds), sys.stderr)
        _note(f"  {sign} {taken.title}: {taken.result}  {seconds}")
        for line in taken.details:
            _note(f"      {line}")

    def step_stopped(self, step: PlannedStep, ending: Ending) -> None:
        _note(f"  {_red('✗', sys.stderr)} {step.title} {ending}")


@dataclass
class TerminalObserver(PlainObserver):
    """The running step with a spinner, its elapsed time and how long it usually takes."""

    _spinner: Progress | None = field(default=None, init=False)

    def step_started(self, step: PlannedStep) -> None:
        usual = f"usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
        self._spinner = _spinner()
        self._spinner.add_task(step.reason, total=None, title=step.title, usual=usual)
        self._spinner.start()

    def step_advanced(self, advance: Advance) -> None:
        if self._spinner:
            left = f"about {duration(advance.left)} left" if advance.left else ""
            told = f"{advance.fraction:>4.0%} {_bar(advance.fraction)} {advance.phase}"
            self._spinner.update(self._spinner.task_ids[0], description=told, usual=left)

    def step_told(self, text: str) -> None:
        if self._spinner:
            self._spinner.console.print(f"      {text}", markup=False, highlight=False)

    def step_asks(self, question: str) -> bool:
        if self._spinner is None:
            return super().step_asks(question)
        self._spinner.stop()
        try:
            return super().step_asks(question)
        finally:
            self._spinner.start()

    def step_done(self, taken: Taken) -> None:
        self._stop()
        super().step_done(taken)

    def step_stopped(self, step: PlannedStep, ending: Ending) -> None:
        self._stop()
        super().step_stopped(step, ending)

    def _stop(self) -> None:
        if self._spinner:
            self._spinner.stop()
            self._spinner = None


class SilentChecks:
    """Nothing is told before all of it is known."""

    def check_started(self, name: str) -> None: ...
    def check_done(self, check: Check) -> None: ...
    def check_stopped(self, name: str) -> None: ...


class Checks(SilentChecks):
    """A line for each check when it has ended."""

    def check_done(self, check: Check) -> None:
        sign = {"passed": _green("✓"), "failed": _red("✗"), "open": "-"}[check.ending]
        seconds = f"  {_dim(duration(check.seconds))}" if check.seconds else ""
        _say(f"  {sign} {check.name}: {check.told}{seconds}")
        for line in check.details:
            _say(f"      {line}")


@dataclass
class MovingChecks(Checks):
    """And a spinner with its time while it is made."""

    _moving: Progress | None = field(default=None, init=False)

    def check_started(self, name: str) -> None:
        if name == "environment":  # that shows steps of its own
            return
        self._moving = _spinner()
        self._moving.add_task("", total=None, title=name, usual="")
        self._moving.start()

    def check_done(self, check: Check) -> None:
        self.check_stopped(check.name)
        super().check_done(check)

    def check_stopped(self, name: str) -> None:  # noqa: ARG002
        if self._moving:
            self._moving.stop()
            self._moving = None


def _spinner() -> Progress:
    """One line that lives as long as its step; its 0.15 s of imports a no-op never pays."""
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.fields[title]}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[usual]}", markup=False, style="dim"),
        progress.TextColumn("{task.description}", markup=False, style="dim"),
        console=Console(stderr=True),
        transient=True,
    )


def _counter() -> Progress:
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}", markup=False, style="dim"),
        console=Console(stderr=True),
        transient=True,
    )


def _bar(fraction: float) -> str:
    done = round(fraction * _BAR)
    return "█" * done + "░" * (_BAR - done)


def _ended(earlier: Unfinished) -> str:
    during = f" during the step {earlier.step}" if earlier.step else ""
    return f"{'failed' if earlier.ending == 'failed' else 'was interrupted'}{during}"


def _versions(pins: Pins) -> str:
    return f"Python {pins.python} · pip {pins.pip} · {pins.shown(pins.venv)}"


def _moves() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _print_json(value: object) -> None:
    _say(json.dumps(value, ensure_ascii=False, default=str))


def _say(text: str) -> None:
    """A character that standard output cannot have (a name that is no UTF-8) is told by number."""
    encoding = sys.stdout.encoding
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201 - this is the one place


def _note(text: str) -> None:
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def _green(text: str, stream: TextIO | None = None) -> str:
    return _styled("32", text, stream)


def _red(text: str, stream: TextIO | None = None) -> str:
    return _styled("31", text, stream)


def _bold(text: str, stream: TextIO | None = None) -> str:
    return _styled("1", text, stream)


def _dim(text: str, stream: TextIO | None = None) -> str:
    return _styled("2", text, stream)


def _styled(code: str, text: str, stream: TextIO | None) -> str:
    """Only a terminal gets colours, and NO_COLOR (no-color.org) switches them off there too."""
    target = stream or sys.stdout
    if not target.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{code}m{text}\033[0m"
