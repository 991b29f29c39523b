"""What a venv that works has: its versions as requirements, and whether a lock is what it has."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.lockfile import normalize
from bootstrap.machine import installers
from bootstrap.machine.facts.packages import Distribution, works_on
from bootstrap.machine.installers import LOCKS
from bootstrap.machine.installers.installer import Judgement
from bootstrap.machine.installers.pip import asked_by
from bootstrap.machine.pins import Pins

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.forms import Form

# A venv is made with these, and what is wanted of them is not the repository's choice.
_SEEDS = {"pip"}


def packages(venv: Path) -> tuple[Distribution, ...]:
    return tuple(
        Distribution(normalize(name), version.replace("_", "+"), folder)
        for folder in sorted(venv.glob("lib/python3*/site-packages/*.dist-info"))
        for name, _, version in [folder.name.removesuffix(".dist-info").rpartition("-")]
    )


def works_on_project(venv: Path, root: Path) -> bool:
    """Whether the project itself is installed, as it is worked on."""
    return any(works_on(each.folder, root) for each in packages(venv))


def requirements(venv: Path, root: Path) -> tuple[str, ...]:
    """Every package but the project itself and pip, at its version or from where it came."""
    return tuple(
        _source(each.folder) or f"{each.name}=={each.version}"
        for each in packages(venv)
        if each.name not in _SEEDS and not works_on(each.folder, root)
    )


def can_be_hashed(lines: tuple[str, ...]) -> bool:
    return not any(line.startswith("-e ") or " @ " in line for line in lines)


def fitting(form: Form, venv_pins: Pins) -> Form | None:
    """The form as the venv has it: with the usual groups or the project's own; None where neither.

    Where the tool is not here, its lock is compared by names and versions, as far as that goes.
    """
    if form.lock not in LOCKS:
        return None
    lock = venv_pins.root / form.lock
    pins = replace(venv_pins, lock=lock, installer=form.installer)
    verdicts = {}
    for groups in (None, ()):
        verdicts[groups] = installers.of(pins).judge(replace(pins, groups=groups))
        if verdicts[groups] == Judgement():
            return replace(form, groups=groups)
    told = all(each.unclear for each in verdicts.values())
    return form if told and not _contradicted(pins.venv, lock) else None


def lacking(form: Form, pins: Pins) -> str:
    """What the lists ask for and the venv has not, by pip's own report."""
    chosen = replace(pins, extras=form.extras, groups=form.groups)
    return asked_by(chosen, tuple(pins.root / name for name in form.lists)).lacking


def lacks_what_is_optional(form: Form, pins: Pins) -> bool:
    """Whether the venv was made without the extras and groups for development."""
    if not form.extras and not form.groups:
        return False
    chosen = replace(pins, extras=form.extras, groups=form.groups)
    return bool(asked_by(chosen, (pins.root / "pyproject.toml",)).lacking)


def pins_of(root: Path, venv: Path, python: str, pip: str) -> Pins:
    """As much of them as an installer has to know to be asked about this venv."""
    return Pins(
        root=root, project="it", python=python, pip=pip, venv=venv, lock=root,
        dotenv=None, migrations=None, verification=(),
    )  # fmt: skip


def _contradicted(venv: Path, lock: Path) -> bool:
    """Whether the venv has a package in another version than the lock has it in."""
    locked = _versions(lock)
    return any(
        each.name in locked and each.version not in locked[each.name] for each in packages(venv)
    )


def _versions(lock: Path) -> dict[str, set[str]]:
    from bootstrap.machine import forms  # noqa: PLC0415 - for the rare case

    found: dict[str, set[str]] = {}
    listed = forms.toml(lock).get("package")
    for each in listed if isinstance(listed, list) else []:
        found.setdefault(normalize(str(each["name"])), set()).add(str(each.get("version", "")))
    return found


def _source(folder: Path) -> str:
    """Where it came from, if not from an index (PEP 610)."""
    try:
        source = json.loads((folder / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    url, name = str(source["url"]), folder.name.removesuffix(".dist-info").rpartition("-")[0]
    if source.get("dir_info", {}).get("editable"):
        return f"-e {url}"
    if vcs := source.get("vcs_info"):
        return f"{lockfile.normalize(name)} @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"{lockfile.normalize(name)} @ {url}"
