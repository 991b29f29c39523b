"""Take back what a run of `up` made: planned first, and only what is still as it was made."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bootstrap.errors import UsageError
from bootstrap.files import replace_text
from bootstrap.machine import addresses, journal, pins, profile, pycharm
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.machine.journal import Ending, Entry
    from bootstrap.machine.pins import Pins

Action = Literal["remove", "restore", "uninstall", "unregister", "shorten", "readdress", "keep"]

_STAYS = {
    "pip": "the environment keeps the pip it has now",
    "packages": "the environment keeps the packages it has now",
    "migrations": "the database stays as it is: python -m alembic downgrade is for that",
}


@dataclass(frozen=True)
class Run:
    """One run of `up`, as the journal has it."""

    id: str
    at: str
    steps: tuple[str, ...]
    ending: Ending
    undone: bool


@dataclass(frozen=True)
class Reversal:
    """What becomes of one change: `what` is a path or a name, `to` where it goes back to.

    For an interpreter in PyCharm's list, `what` is the list and `to` the interpreter; for lines in
    a profile, `to` are the lines; for an address in a file, it is the earlier one.
    """

    action: Action
    what: str
    why: str
    to: str = ""


def runs(root: Path) -> tuple[Run, ...]:
    """Every run of this project on this machine, oldest first."""
    entries = journal.read(journal.path_of(root))
    names = dict.fromkeys(str(each["run"]) for each in entries if each["event"] == "run-started")
    undone = {str(each["what"]) for each in entries if each["event"] == "undone"}
    return tuple(_run(name, entries, name in undone) for name in names)


def prepare(root: Path, run: str | None) -> tuple[Pins, Run, tuple[Reversal, ...]]:
    """What undoing `run`, else the last one that changed something, would do; touches nothing."""
    pinned = pins.read(root)
    entries = journal.read(journal.path_of(pinned.root))
    chosen = _choose(runs(pinned.root), run)
    own = [each for each in entries if each.get("run") == chosen.id]
    changes = [each for each in own if each["event"] == "changed"]
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
        diary = journal.Journal(journal.path_of(pinned.root), journal.new_run())
        diary.write("undone", what=chosen.id)
    return chosen, reversals


def identity(path: str) -> str:
    """Which folder or file it is, so that another one of that name is never taken for it."""
    try:
        seen = Path(path).lstat()
    except (OSError, ValueError):
        return ""
    edited = "" if Path(path).is_dir() else f":{seen.st_mtime_ns}"
    return f"{seen.st_dev}:{seen.st_ino}{edited}"


def _run(name: str, entries: Sequence[Entry], undone: bool) -> Run:
    own = [each for each in entries if each.get("run") == name]
    endings = [str(each["ending"]) for each in own if each["event"] == "run-ended"]
    ending: Ending = "interrupted"
    if endings == ["done"]:
        ending = "done"
    elif endings == ["failed"]:
        ending = "failed"
    steps = tuple(str(each["step"]) for each in own if each["event"] == "step-done")
    return Run(name, str(own[0]["at"]), steps, ending, undone)


def _choose(known: Sequence[Run], wanted: str | None) -> Run:
    candidates = [
        run for run in known if (run.id == wanted if wanted else run.steps and not run.undone)
    ]
    if candidates:
        return candidates[-1]
    problem = f'There is no run "{wanted}" here.' if wanted else "There is no run to undo here."
    raise UsageError(problem, next=("headstart journal",))


def _reversal(change: Entry) -> Reversal:
    kind, what, known = str(change["kind"]), str(change["what"]), str(change.get("identity", ""))
    if kind == "formula":
        return Reversal("uninstall", what, "Homebrew installed it for this run")
    if not os.path.lexists(what):
        return Reversal("keep", what, "it is no longer there")
    if kind == "set-aside":
        return Reversal("restore", what, "it was there before", to=str(change["to"]))
    if kind in _EDITS:
        return _EDITS[kind](Path(what), str(change["to"]))
    if identity(what) != known:
        return Reversal("keep", what, "it was changed or made anew since")
    told = {"python": "environments that stand on it stop working", "file": "this run made it"}
    return Reversal("remove", what, told.get(kind, "this run made it"))


def _unregistering(table: Path, home: str) -> Reversal:
    """PyCharm writes its list anew all the time, so only the entry itself is looked for."""
    if pycharm.is_running(table.parents[1]):
        return Reversal("keep", str(table), "PyCharm is running; quit it, then undo this again")
    if _registered(table, home) is None:
        return Reversal("keep", str(table), f"{home} is no longer in it")
    return Reversal("unregister", str(table), f"{home} was added to it", to=home)


def _shortening(file: Path, lines: str) -> Reversal:
    if not profile.holds(file, lines.splitlines()):
        return Reversal("keep", str(file), "the lines of this run are no longer in it")
    return Reversal("shorten", str(file), f"this run added to it: {lines}", to=lines)


def _readdressing(file: Path, change: str) -> Reversal:
    before, _, after = change.partition(" ")
    if addresses.read(file) != after:
        return Reversal("keep", str(file), f"it does not name {after} any more")
    return Reversal("readdress", str(file), f"this run let it name {after}", to=before)


def _registered(table: Path, home: str) -> pycharm.Interpreter | None:
    try:
        known = pycharm.interpreters(pycharm.read(table))
    except pycharm.UnreadableError:
        return None
    return next((each for each in known if each.home == home), None)


def _unregister(table: Path, home: str) -> None:
    found = _registered(table, home)
    if found:
        replace_text(table, pycharm.without_interpreter(pycharm.read(table), found))


# Files of other programs: one entry was added, and that entry alone is taken out.
_EDITS = {"interpreter": _unregistering, "profile": _shortening, "address": _readdressing}


def _reverse(reversal: Reversal) -> None:
    path = Path(reversal.what)
    if reversal.action == "uninstall":
        probe(("brew", "uninstall", reversal.what), seconds=600)
    elif reversal.action == "unregister":
        _unregister(path, reversal.to)
    elif reversal.action == "shorten":
        profile.remove(path, reversal.to.splitlines())
    elif reversal.action == "readdress":
        addresses.write(path, reversal.to)
    elif reversal.action == "remove" and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif reversal.action == "remove":
        path.unlink(missing_ok=True)
    elif reversal.action == "restore" and not os.path.lexists(reversal.to):
        path.rename(reversal.to)
