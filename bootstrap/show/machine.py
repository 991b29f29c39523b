"""What the commands on this machine report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode
from bootstrap.language import Said, shown
from bootstrap.show.report import Report
from bootstrap.show.text import bold, dim, duration, green, red

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bootstrap.machine.apply import RunOutcome
    from bootstrap.machine.capture import Captured
    from bootstrap.machine.check import CheckAnswer
    from bootstrap.machine.diagnosis.diagnose import Diagnosis
    from bootstrap.machine.edits import Reversal
    from bootstrap.machine.pins import Pins
    from bootstrap.machine.plan import Plan, PlannedStep
    from bootstrap.machine.steps.step import Finding
    from bootstrap.machine.undo import Run
    from bootstrap.machine.vendor import Vendored

_FEW = 5


def outcome(outcome: RunOutcome) -> Report:
    """What a run of `up` did."""
    document = {
        "event": "result",
        "outcome": "done" if outcome.taken else "nothing-to-do",
        "project": outcome.pins.project,
        "steps": [taken.name for taken in outcome.taken],
        "notices": [asdict(notice) for notice in outcome.notices],
        "seconds": round(outcome.seconds, 3),
        "log": str(outcome.log) if outcome.log else None,
    }
    notes = [
        f"  ! {shown(notice.problem)}\n    → {shown(notice.repair)}" for notice in outcome.notices
    ]
    ready = Said(
        "{mark} {project} is ready ({duration}).",
        mark=green("✓"),
        project=outcome.pins.project,
        duration=duration(outcome.seconds),
    )
    line = ready if outcome.taken else _nothing_to_do(outcome.pins)
    return Report([line], document, notes=notes)


def plan(pins: Pins, plan: Plan) -> Report:
    """What `up` would do."""
    document = {
        "project": pins.project,
        "directory": str(pins.root),
        "python": pins.python,
        "pip": pins.pip,
        "venv": str(pins.venv),
        "steps": [asdict(step) for step in plan.steps],
        "usual_seconds": plan.usual_seconds,
    }
    if not plan.steps:
        return Report([_nothing_to_do(pins)], document)
    steps = planned(plan.steps)
    total = (
        Said(" It usually takes {duration}.", duration=duration(plan.usual_seconds))
        if plan.usual_seconds
        else ""
    )
    ending = ("", Said("Nothing was changed.{total} To do it: headstart up", total=total))
    return Report([*_head(pins), *steps, *ending], document)


def planned(steps: Sequence[PlannedStep]) -> Iterator[str]:
    """The steps in their order, each with its reason and commands."""
    for number, step in enumerate(steps, 1):
        yield from _step(number, step)


def _step(number: int, step: PlannedStep) -> Iterator[str]:
    usual = f", usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
    yield f"{number:>3}. {bold(step.title)}: {shown(step.reason)}{dim(usual)}"
    yield from (f"     {dim('$ ' + shown(command))}" for command in step.commands)


def findings(pins: Pins, findings: Sequence[Finding]) -> Report:
    """What is not as pinned."""
    document = {
        "project": pins.project,
        "directory": str(pins.root),
        "healthy": not findings,
        "findings": [asdict(finding) for finding in findings],
    }
    if not findings:
        line = Said(
            "{mark} {project} is exactly as pinned. {versions}",
            mark=green("✓"),
            project=pins.project,
            versions=dim(versions(pins)),
        )
        return Report([line], document)
    from bootstrap.machine.steps import all_steps  # noqa: PLC0415 - `check` says yes without it

    titles = {step.name: step.title for step in all_steps()}
    lines = [line for each in findings for line in _finding(each, titles[each.step])]
    return Report([*_head(pins), *lines], document, ExitCode.FAILED)


def reported(path: Path) -> Report:
    """Where the report for whoever helps is."""
    line = Said(
        "Written: {path}. It names no person and no password; read it before you send it.",
        path=path,
    )
    return Report([line])


def checked(answer: CheckAnswer) -> Report:
    """What is not as pinned, or not known."""
    if not answer.unknown:
        return findings(answer.pins, answer.broken)
    document: dict[str, object] = {
        "project": answer.pins.project,
        "directory": str(answer.pins.root),
        "healthy": None,
        "unknown": answer.unknown,
        "findings": [],
    }
    known, install = dim(Said("→ unknown: run")), dim(Said(", or install it:"))
    ways = f"{known} headstart doctor{install} headstart up"
    lines = [f"  ? {shown(answer.unknown)}", f"    {ways}"]
    return Report([*_head(answer.pins), *lines], document, ExitCode.UNKNOWN)


def _finding(finding: Finding, title: str) -> Iterator[str]:
    sign = red("✗") if finding.level == "broken" else "!"
    yield f"  {sign} {shown(title)}: {shown(finding.problem)}"
    yield f"    {dim('→ ' + shown(finding.repair))}"


def captured(captured: Captured, written: Sequence[str]) -> Report:
    """The pins that were read from what is here, and which files were written."""
    found = [
        f"{bold(captured.project)} Python {captured.python or '?'} · pip {captured.pip}",
        *(f"  {shown(each.source)}: {shown(each.says)}" for each in captured.statements),
        *(f"  {red('✗')} {shown(text)}" for text in captured.contradictions),
        *(f"  ? {shown(text)}" for text in captured.unknown),
    ]
    for name, text in captured.files.items():
        found += ["", f"{bold(name)}{' (written)' if name in written else ''}", text.rstrip()]
    if captured.locks and captured.lock not in written:
        found += [
            "",
            Said(
                "{lock} would be made by {tool}", lock=bold(captured.lock), tool=captured.locks.tool
            ),
        ]
    document = asdict(captured) | {"written": list(written)}
    if captured.refused or not (captured.python and captured.lock):
        why = captured.refused or Said("too little is known to write the pins")
        return Report([*found, "", f"{red('✗')} {shown(why)}"], document, ExitCode.REFUSED)
    if not written:
        anyway = Said(" all the same") if captured.contradictions else ""
        found += [
            "",
            Said(
                "Nothing was changed. To write this{anyway}: headstart capture --write",
                anyway=anyway,
            ),
        ]
    return Report(found, document)


def relocked(lock: str) -> Report:
    """Which lock was made again."""
    line = Said(
        "{mark} {lock} has what its sources ask for. To install it: headstart up",
        mark=green("✓"),
        lock=lock,
    )
    return Report([line], {"lock": lock})


def vendored(vendored: Vendored) -> Report:
    """What a vendor folder has, and lacks."""
    first = Said(
        "{mark} {folder}: {number} files.",
        mark=green("✓"),
        folder=vendored.folder,
        number=len(vendored.files),
    )
    left_out = (Said("  left out: {text}", text=text) for text in vendored.left_out)
    return Report(
        [first, *left_out, Said("On the offline machine: headstart up --offline")], asdict(vendored)
    )


def runs(runs: Sequence[Run]) -> Report:
    """The runs of `up` here."""
    lines = [
        f"{bold(run.id)}  {run.ending}: {', '.join(run.steps) or 'nothing'}"
        f"{shown(Said(', undone since')) if run.undone else ''}"
        for run in runs
    ]
    none = [Said("`headstart up` has not run here yet.")]
    return Report(lines or none, {"runs": [asdict(run) for run in runs]})


def reversals(run: Run, reversals: Sequence[Reversal], *, done: bool) -> Report:
    """What undoing a run does, or would do."""
    document = {"run": run.id, "undone": done, "reversals": [asdict(each) for each in reversals]}
    again = Said("Nothing was changed. To do it: headstart undo {id} --yes", id=run.id)
    lines = [
        f"  {each.action:9} {each.what}{f' as {each.to}' if each.action == 'restore' else ''}"
        f"  {dim(each.why)}"
        for each in reversals
    ]
    head = f"{bold(run.id)}  {', '.join(run.steps)}"
    return Report([head, "", *lines, "", Said("Done.") if done else again], document)


def diagnosis(diagnosis: Diagnosis) -> Report:
    """Why a build failed, and what to do about it."""
    document = asdict(diagnosis) | {"repair": "\n".join(diagnosis.repair)}
    del document["retry"]
    lines = [f"{bold(diagnosis.cause)}: {shown(diagnosis.explanation)}"]
    if diagnosis.evidence:
        where = f"{diagnosis.file}:{diagnosis.line}" if diagnosis.file else f"line {diagnosis.line}"
        lines.append(f"  {dim(where)}  {diagnosis.evidence}")
    lines += [f"  {dim('→')} {line}" for line in diagnosis.repair]
    if diagnosis.source:
        lines.append(f"  {dim(diagnosis.source)}")
    if diagnosis.others:
        few = ", ".join(diagnosis.others[:_FEW]) + (", …" if len(diagnosis.others) > _FEW else "")
        lines.append(
            f"  {dim(Said('logs of other builds are there too, and not looked at:'))} {few}"
        )
    return Report(lines, document, ExitCode.UNKNOWN if diagnosis.unexplained else ExitCode.DONE)


def versions(pins: Pins) -> str:
    """What is pinned, in one line."""
    return f"Python {pins.python} · pip {pins.pip} · {pins.shown(pins.venv)}"


def _head(pins: Pins) -> tuple[str, str]:
    return f"{bold(pins.project)} {dim(versions(pins))}", ""


def _nothing_to_do(pins: Pins) -> str:
    return Said(
        "{mark} {project} is ready: nothing to do. {versions}",
        mark=green("✓"),
        project=pins.project,
        versions=dim(versions(pins)),
    )
