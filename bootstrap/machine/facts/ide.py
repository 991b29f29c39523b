"""Does each PyCharm here know the project's interpreter, and does VS Code look at the right one?"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootstrap import state
from bootstrap.files import text_of
from bootstrap.machine.edits import pycharm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bootstrap.machine.edits.pycharm import PycharmSdk
    from bootstrap.machine.pins import Pins

VSCODE = ".vscode/settings.json"
_SETTING = re.compile(r'^\s*"python\.defaultInterpreterPath"\s*:\s*"([^"]+)"', re.MULTILINE)


class PyCharm(NamedTuple):
    """One PyCharm that has run here; `name` is what it calls the interpreter, or will call it."""

    folder: Path
    state: Literal["known", "unknown", "running", "unreadable"]
    name: str

    @property
    def product(self) -> str:
        return re.sub(r"(\D)(\d)", r"\1 \2", self.folder.name, count=1)


class IdeFact(NamedTuple):
    """What the IDEs here know of the project's interpreter.

    `unlinked`: the project's folder says nothing to PyCharm yet. `shown`: a person has been shown
    what is left to do. `vscode` is the interpreter that its settings name, where that is not the
    pinned one.
    """

    pycharms: tuple[PyCharm, ...] = ()
    unlinked: bool = False
    shown: bool = True
    vscode: str = ""

    @property
    def unknown(self) -> tuple[PyCharm, ...]:
        return tuple(each for each in self.pycharms if each.state == "unknown")

    @property
    def by_hand(self) -> tuple[PyCharm, ...]:
        return tuple(each for each in self.pycharms if each.state in {"running", "unreadable"})

    @property
    def name(self) -> str:
        """By which the newest PyCharm that can be asked knows the interpreter, if one does."""
        named = [each.name for each in self.pycharms if each.state in {"known", "unknown"}]
        return named[-1] if named else ""


def look(pins: Pins) -> IdeFact:
    """Reads files alone, and none where the project pins no IDE."""
    vscode = _named_by_vscode(pins) if "vscode" in pins.ide else ""
    if "pycharm" not in pins.ide:
        return IdeFact(vscode=vscode)
    found = tuple(_pycharms(pins))
    idea = pins.root / ".idea"
    unlinked = not idea.is_dir() or not any(idea.iterdir())
    return IdeFact(found, unlinked, stamp(pins, found).exists(), vscode)


def stamp(pins: Pins, pycharms: Sequence[PyCharm]) -> Path:
    """A file that says a person was shown what is left to do, while it is that."""
    left = [f"{each.folder}|{each.state}" for each in pycharms if each.state != "known"]
    about = "\n".join((str(pins.venv_python), *left))
    return state.stamp(state.project_state(pins.root), "told-ide", about)


def _pycharms(pins: Pins) -> Iterator[PyCharm]:
    folders = pycharm.settings_folders(Path.home(), os.environ)
    lists = {folder: _listed(folder) for folder in folders}
    name = agreed_name(pins, [each for each in lists.values() if each is not None])
    for folder, entries in lists.items():
        if entries is None:
            yield PyCharm(folder, "unreadable", name)
            continue
        known = [each.name for each in entries if each.home == str(pins.venv_python)]
        if known:
            yield PyCharm(folder, "known", known[0])
        else:
            yield PyCharm(folder, "running" if pycharm.is_running(folder) else "unknown", name)


def _listed(folder: Path) -> tuple[PycharmSdk, ...] | None:
    if not os.access(folder / "options", os.W_OK):
        return None
    try:
        return pycharm.sdks_in(pycharm.text_of(pycharm.table_in(folder)))
    except pycharm.UnreadableError:
        return None


def agreed_name(pins: Pins, lists: Sequence[Sequence[PycharmSdk]]) -> str:
    """`project_3.13.0`, which every PyCharm shares; numbered where another checkout has it."""
    home = str(pins.venv_python)
    taken = {
        each.name
        for entries in lists
        for each in entries
        if each.home != home and Path(each.home).exists()
    }
    base = f"{pins.project}_{pins.python}"
    names = (base, *(f"{base} ({number})" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _named_by_vscode(pins: Pins) -> str:
    match = _SETTING.search(text_of(pins.root / VSCODE))
    if match is None:
        return ""
    named = match[1].replace("${workspaceFolder}", str(pins.root))
    named = re.sub(r"\$\{env:HOME\}|\$\{userHome\}|^~", str(Path.home()), named)
    return "" if named == str(pins.venv_python) else match[1]
