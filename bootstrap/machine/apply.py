"""Bring the machine to a project's pins: the only place that changes anything, step by step."""

from __future__ import annotations

import errno
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from bootstrap import __version__, state
from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.language import Said, lines_of
from bootstrap.machine import journal, pins
from bootstrap.machine.facts import Facts, gather
from bootstrap.machine.journal import Journal
from bootstrap.machine.plan import Plan, PlannedStep, plan, refusal
from bootstrap.machine.plan import repair as repair_of
from bootstrap.machine.runner import Runner
from bootstrap.machine.steps import all_steps
from bootstrap.machine.steps.step import Finding, StepContext, StepName
from bootstrap.processes import end_orphan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bootstrap.machine.building.progress import Advance
    from bootstrap.machine.journal import Unfinished
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.steps.project_commands import VerifyPolicy
    from bootstrap.machine.steps.step import Step


@dataclass(frozen=True)
class Options:
    """`only` is the name of the one step to take; `verify` may be "always", although it passed.

    `until` is the name of the last one to take: those after it are left for another run.
    `yes` agrees beforehand to what would be asked. `broken` are steps to take again although their
    quick check holds, each with what is wrong. `strict` is as in `Step.inspect`.
    """

    only: str | None = None
    until: StepName | None = None
    verify: VerifyPolicy = "when-changed"
    yes: bool = False
    broken: Mapping[StepName, str] = field(default_factory=dict)
    strict: bool = False


DEFAULT = Options()


@dataclass(frozen=True)
class Taken:
    """A step that was taken: what it did, and how long it took."""

    name: str
    title: str
    result: str
    details: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class RunOutcome:
    """What a run did; `log` is None when nothing had to be done."""

    pins: Pins
    taken: tuple[Taken, ...]
    notices: tuple[Finding, ...]
    seconds: float
    log: Path | None


class Observer(Protocol):
    """Watches a run while it happens."""

    def run_started(
        self, pins: Pins, plan: Plan, earlier: Unfinished | None, log: Path
    ) -> None: ...
    def step_started(self, step: PlannedStep) -> None: ...
    def step_advanced(self, advance: Advance) -> None: ...
    def step_told(self, text: str) -> None: ...
    def step_asks(self, question: str) -> bool: ...
    def step_done(self, taken: Taken) -> None: ...
    def step_stopped(self, step: PlannedStep, ending: Literal["failed", "interrupted"]) -> None: ...


def bring_up(project_dir: Path, observer: Observer, options: Options = DEFAULT) -> RunOutcome:
    """Take every step that is needed; safe to repeat, and to continue after any interruption.

    Raises HeadstartError; KeyboardInterrupt, and SIGTERM or SIGHUP as one, leave no process behind.
    """
    started = time.monotonic()
    pinned = pins.read(project_dir)
    steps = _up_to(options.until, all_steps(options.verify, yes=options.yes))
    only = options.only and _named(options.only, steps)
    facts = gather(pinned, closely=bool(options.broken))
    if not plan(pinned, facts, steps, {}).steps and not options.broken:
        return RunOutcome(pinned, (), (), time.monotonic() - started, None)
    if refused := refusal(pinned, facts, steps):
        raise refused
    with journal.only_one(pinned.root), _signals_interrupt():
        run = _begin(pinned, steps, observer, replace(options, only=only))
        with _journaled_end(run.journal):
            taken, notices = run.take_all()
    return RunOutcome(pinned, taken, notices, time.monotonic() - started, run.log)


def look_ahead(project_dir: Path) -> tuple[Pins, Plan]:
    """What `bring_up` would do now; touches nothing. Raises what `bring_up` would."""
    pinned = pins.read(project_dir)
    steps, facts = all_steps(), gather(pinned)
    if refused := refusal(pinned, facts, steps):
        raise refused
    return pinned, plan(pinned, facts, steps, journal.usual_seconds())


def examine(project_dir: Path, *, strict: bool = False) -> tuple[Pins, tuple[Finding, ...]]:
    """Every deviation from the pins, after a close look; touches nothing."""
    from bootstrap.machine.check import ask_stub  # noqa: PLC0415 - `up` has no use for it

    pinned = pins.read(project_dir)
    facts = gather(pinned, closely=True)
    unchanged = ask_stub(pinned)
    findings: list[Finding] = []
    steps = all_steps()
    remedy = repair_of(refusal(pinned, facts, steps))
    for step in steps:
        reason = step.needed(pinned, facts)
        if reason and not step.deferrable and not step.undecided(facts):
            findings.append(Finding(step.name, "broken", reason, remedy))
            continue
        found = step.inspect(pinned, facts, strict=strict, unchanged=unchanged)
        is_broken = any(each.level == "broken" for each in found)
        findings += (*found, *(() if unchanged or is_broken else step.hints(pinned)))
    return pinned, tuple(findings)


def repair(
    project_dir: Path, findings: Sequence[Finding], observer: Observer, *, strict: bool = False
) -> RunOutcome:
    """Take the steps again that have broken findings, and every step that is needed then."""
    broken = {each.step: each.problem for each in findings if each.level == "broken"}
    return bring_up(project_dir, observer, Options(broken=broken, strict=strict))


def _begin(pinned: Pins, steps: Sequence[Step], observer: Observer, options: Options) -> _Run:
    """Clear up after an earlier run that was killed, look again, and open the journal."""
    earlier = journal.unfinished(journal.last_run(pinned.root))
    if earlier and earlier.orphan:
        end_orphan(earlier.orphan)
    facts = gather(pinned, closely=bool(options.broken))
    coming = plan(pinned, facts, steps, journal.usual_seconds())
    chosen = _choose(steps, coming, options.only)
    diary = Journal.begin(pinned.root)
    log = state.private_dir(diary.path.parent / "logs") / f"{diary.run}.log"
    names = " ".join(step.name for step in coming.steps)
    diary.write("run-started", headstart=__version__, plan=names, log=str(log))
    observer.run_started(pinned, coming, earlier, log)
    return _Run(pinned, chosen, coming, facts, diary, log, observer, options)


def _up_to(last: StepName | None, steps: Sequence[Step]) -> Sequence[Step]:
    """The steps before the last one, and that one."""
    names = [step.name for step in steps]
    return steps if last is None else steps[: names.index(last) + 1]


def _named(name: str, steps: Sequence[Step]) -> StepName:
    """The step of that name, which may be its name in an earlier version."""
    found = StepName(journal.current_name(name))
    names = [step.name for step in steps]
    if found not in names:
        raise UsageError(
            Said('There is no step "{name}".', name=name),
            why=(Said("The steps are: {names}.", names=", ".join(names)),),
        )
    return found


def _choose(steps: Sequence[Step], coming: Plan, only: str | None) -> tuple[Step, ...]:
    """All steps, or the one asked for and what prepares it, provided that all before are done."""
    if only is None:
        return tuple(steps)
    index = [step.name for step in steps].index(StepName(only))
    preparing = [step for step in steps[:index] if step.prepares == only]
    required = {step.name for step in steps[:index] if step not in preparing}
    before = [step.title for step in coming.steps if step.name in required]
    if before:
        raise Refused(
            Said(
                'The step "{only}" builds on steps that are not done: {steps}.',
                only=only,
                steps=", ".join(before),
            ),
            next=("headstart up",),
        )
    return (*preparing, steps[index])


@dataclass(frozen=True)
class _Run:
    pins: Pins
    steps: tuple[Step, ...]
    plan: Plan
    facts: Facts
    journal: Journal
    log: Path
    observer: Observer
    options: Options

    def take_all(self) -> tuple[tuple[Taken, ...], tuple[Finding, ...]]:
        """Each step decides again, from facts gathered after the one before it."""
        taken: list[Taken] = []
        notices: list[Finding] = []
        facts = self.facts
        for step in self.steps:
            reason = step.needed(self.pins, facts) or self.options.broken.get(step.name)
            if reason is None:
                continue
            done, facts, found = self._take(step, reason, facts)
            taken.append(done)
            notices += found
        return tuple(taken), tuple(notices)

    def _take(
        self, step: Step, reason: str, facts: Facts
    ) -> tuple[Taken, Facts, tuple[Finding, ...]]:
        planned = self._planned(step, reason, facts)
        started = time.monotonic()
        self.journal.write("step-started", step=step.name, reason=reason)
        self.observer.step_started(planned)
        try:
            result, *details = lines_of(step.run(self._context(facts)))
            facts = gather(self.pins)
            notices = _verified(step, self.pins, facts)
        except BaseException as error:  # noqa: BLE001 - shown, then raised again
            self._stopped(planned, error)
        seconds = time.monotonic() - started
        done = Taken(step.name, step.title, result, tuple(details), seconds)
        self.journal.write("step-done", step=step.name, seconds=round(done.seconds, 3))
        self.observer.step_done(done)
        return done, facts, notices

    def _context(self, facts: Facts) -> StepContext:
        return StepContext(
            pins=self.pins,
            facts=facts,
            runner=Runner(self.pins, self.log, self.journal),
            advance=self.observer.step_advanced,
            tell=self.observer.step_told,
            agrees=lambda question: self.options.yes or self.observer.step_asks(question),
            repairs=bool(self.options.broken),
            strict=self.options.strict,
        )

    def _planned(self, step: Step, reason: str, facts: Facts) -> PlannedStep:
        known = {each.name: each for each in self.plan.steps}
        if step.name in known:
            return replace(known[step.name], reason=reason)
        return PlannedStep(step.name, step.title, reason, step.commands(self.pins, facts), None)

    def _stopped(self, step: PlannedStep, error: BaseException) -> NoReturn:
        failed = isinstance(error, Exception)
        self.observer.step_stopped(step, "failed" if failed else "interrupted")
        if isinstance(error, OSError):
            raise _explained(step, error) from error
        raise error


def _verified(step: Step, pinned: Pins, facts: Facts) -> tuple[Finding, ...]:
    """The notices of a step that did what it should; HeadstartError for one that did not."""
    findings = step.verify(pinned, facts)
    broken = tuple(finding for finding in findings if finding.level == "broken")
    if broken:
        raise HeadstartError(
            Said("{title}: done, but it does not verify.", title=step.title),
            why=tuple(finding.problem for finding in broken),
            next=tuple(dict.fromkeys(finding.repair for finding in broken)),
        )
    return findings


def _explained(step: PlannedStep, error: OSError) -> HeadstartError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return HeadstartError(
        Said("{title} could not be completed.", title=step.title),
        why=((Said("The disk is full."),) if full else ()) + (str(error),),
        next=(Said("headstart up, to continue from here"),),
    )


@contextmanager
def _journaled_end(diary: Journal) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        with suppress(OSError):  # a full disk must not hide why we stopped
            diary.write(
                "run-ended", ending="failed" if isinstance(error, Exception) else "interrupted"
            )
        raise
    diary.write("run-ended", ending="done")


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """A closed terminal or a polite kill ends a run the way Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
