"""Reverse what a run of `up` changed: planned first, and only what is still as the run left it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import UsageError
from bootstrap.files import remove
from bootstrap.language import Said
from bootstrap.machine import journal, pins
from bootstrap.machine.edits import Edit, Reversal, base_url, pycharm, shell_profile
from bootstrap.machine.facts.platform import brew_command
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.machine.journal import JournalEntry, RunEnding
    from bootstrap.machine.pins import Pins

# By the kind of change that the journal has.
_EDITS: dict[str, Edit] = {
    "interpreter": pycharm,
    "profile": shell_profile,
    "address": base_url,
}
_STAYS = {
    "pip": Said("the venv keeps the pip it has now"),
    "packages": Said("the venv keeps the packages it has now"),
    "migrations": Said("the database stays as it is: python -m alembic downgrade is for that"),
}


@dataclass(frozen=True)
class Run:
    """One run of `up`, as the journal has it."""

    id: str
    at: str
    steps: tuple[str, ...]
    ending: RunEnding
    undone: bool


def runs(root: Path) -> tuple[Run, ...]:
    """Every run of this project on this machine, oldest first."""
    entries = journal.entries_of(root)
    names = dict.fromkeys(str(each["run"]) for each in entries if each["event"] == "run-started")
    undone = {str(each["what"]) for each in entries if each["event"] == "undone"}
    return tuple(_run(name, entries, name in undone) for name in names)


def prepare(root: Path, run: str | None) -> tuple[Pins, Run, tuple[Reversal, ...]]:
    """What undoing `run`, else the last one that changed something, would do; touches nothing."""
    pinned = pins.read(root)
    chosen = _choose(runs(pinned.root), run)
    changes = [
        each
        for each in journal.entries_of(pinned.root)
        if each.get("run") == chosen.id and each["event"] == "changed"
    ]
    reversals = tuple(_reversal(change) for change in reversed(changes))
    remade = any(each.action == "remove" and each.what == str(pinned.venv) for each in reversals)
    stays = () if remade else ("pip", "packages")
    kept = [step for step in chosen.steps if step in (*stays, "migrations")]
    return pinned, chosen, (*reversals, *(Reversal("keep", step, _STAYS[step]) for step in kept))


def undo(root: Path, run: str | None) -> tuple[Run, tuple[Reversal, ...]]:
    """Do what `prepare` says, newest change first; an interrupted undo can be repeated."""
    pinned, _, _ = prepare(root, run)
    with journal.only_one(pinned.root):
        _, chosen, reversals = prepare(root, run)
        for reversal in reversals:
            _reverse(reversal)
        journal.Journal.begin(pinned.root).write("undone", what=chosen.id)
    return chosen, reversals


def _run(name: str, entries: Sequence[JournalEntry], undone: bool) -> Run:
    own = [each for each in entries if each.get("run") == name]
    steps = tuple(
        journal.current_name(str(each["step"])) for each in own if each["event"] == "step-done"
    )
    ending = journal.ending_of(own) or "interrupted"
    return Run(name, str(own[0]["at"]), steps, ending, undone)


def _choose(known: Sequence[Run], wanted: str | None) -> Run:
    candidates = [
        run for run in known if (run.id == wanted if wanted else run.steps and not run.undone)
    ]
    if candidates:
        return candidates[-1]
    problem = (
        Said('There is no run "{wanted}" here.', wanted=wanted)
        if wanted
        else Said("There is no run to undo here.")
    )
    raise UsageError(problem, next=("headstart journal",))


def _reversal(change: JournalEntry) -> Reversal:
    kind, what, to = str(change["kind"]), str(change["what"]), str(change.get("to", ""))
    if kind == "formula":
        return Reversal("uninstall", what, Said("Homebrew installed it for this run"))
    if not os.path.lexists(what):
        return Reversal("keep", what, Said("it is no longer there"))
    if kind == "set-aside":
        return Reversal("restore", what, Said("it was there before"), to=to)
    if kind in _EDITS:
        return _EDITS[kind].reversal(Path(what), to)
    if journal.identity(what) != str(change.get("identity", "")):
        return Reversal("keep", what, Said("it was changed or replaced since"))
    why = (
        Said("environments made from it stop working")
        if kind == "python"
        else Said("this run created it")
    )
    return Reversal("remove", what, why)


def _reverse(reversal: Reversal) -> None:
    path = Path(reversal.what)
    edit = next((each for each in _EDITS.values() if reversal.action == each.ACTION), None)
    if edit:
        edit.reverse(path, reversal.to)
    elif reversal.action == "uninstall":
        probe((*brew_command(), "uninstall", reversal.what), seconds=600)
    elif reversal.action == "remove":
        remove(path)
    elif reversal.action == "restore" and not os.path.lexists(reversal.to):
        path.rename(reversal.to)
