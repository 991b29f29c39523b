"""Read the pins of a venv that works, or of a repository that Headstart did not render.

What works decides: the Python, the pip and the versions of the venv, where there is one. What else
is needed is read from the repository's own files; what they leave open becomes a lock.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.files import create_atomically, text_of, write_atomically
from bootstrap.language import Said
from bootstrap.machine import (
    conda,
    forms,
    pin_file,
    pins,
    pythons,
    relock,
    surroundings,
    working,
)
from bootstrap.machine.facts.venv import settings_of
from bootstrap.machine.forms import Form
from bootstrap.machine.installers import LOCKS
from bootstrap.machine.relock import LockPlan, as_it_was
from bootstrap.paths import real_path
from bootstrap.processes import probe
from bootstrap.versions import CURRENT_PIP, newest_pip, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.machine.pythons import Statement

_TOOLS = {"poetry", "uv", "pdm", "pipenv"}


@dataclass(frozen=True)
class Captured:
    """The pins, where each is from, what contradicts them, and what nothing says.

    `locks` is the lock that has to be made, `refused` why it cannot be brought up at all.
    """

    project: str
    python: str
    pip: str
    venv_root: str
    installer: str
    lock: str
    statements: tuple[Statement, ...]
    contradictions: tuple[str, ...]
    unknown: tuple[str, ...]
    files: dict[str, str]
    locks: LockPlan | None = None
    refused: str = ""


def capture(root: Path, stated: Path | None, environ: Mapping[str, str]) -> Captured:
    """Everything that can be known without changing anything; installers are only asked."""
    root = real_path(root)
    venv = stated.resolve() if stated else _venv_of(root, environ)
    if stated and settings_of(stated) is None:
        raise UsageError(Said("{stated} is no virtual environment.", stated=stated))
    statements = tuple(pythons.statements(root, venv))
    chosen = pythons.choose(statements, environ)
    python = chosen.version
    pip, *guessed = _pip(root, venv, python)
    unknown = [each for each in (chosen.guessed, *guessed) if each]
    if refused := _refusal(root, venv, statements, python):
        form = Form(refused=refused)
    else:
        form = forms.recognise(root) or Form(refused=_unrecognised(root, venv))
    with as_it_was(root):
        form, plan, more = _packages(form, root, venv, python, pip)
    version, where = _tool(form, root)
    if plan and plan.tool == form.installer:
        plan = replace(plan, version=version)
    project = project_name(root)
    shared = _shared_root(venv, root, project, python)
    document = pin_file.text(root, pin_file.Head(project, pip, shared, version), form, venv)
    return Captured(
        project=project, python=python, pip=pip, venv_root=shared, installer=form.installer,
        lock=form.lock, statements=statements,
        contradictions=(*_contradictions(statements, python), *more, *_other_locks(form)),
        unknown=(*unknown, *where, *_unsaid(plan), *_unread(root)),
        files={
            pins.PYTHON_VERSION: f"{python}\n",
            pins.TOOLCHAIN: document,
        },
        locks=None if plan is None or (root / plan.target).is_file() else plan,
        refused=form.refused,
    )  # fmt: skip


def write(root: Path, captured: Captured) -> tuple[str, ...]:
    """Write what is new, and name it; a toolchain.yml of yours is never replaced."""
    if captured.refused:
        raise Refused(Said("This repository cannot be brought up."), why=(captured.refused,))
    if not captured.python or not captured.lock:
        raise Refused(Said("Too little is known to write the pins."), why=captured.unknown)
    toolchain = root / pins.TOOLCHAIN
    if text_of(toolchain) not in {"", captured.files[pins.TOOLCHAIN]}:
        raise Refused(
            Said(
                "There is a {toolchain} already, and it says something else.",
                toolchain=pins.TOOLCHAIN,
            ),
            next=(Said("move it away, or change it by hand: {toolchain}", toolchain=toolchain),),
        )
    made: list[str] = []
    if captured.locks:
        with as_it_was(root):
            lock = relock.make(root, captured.locks)
        _written(root / captured.lock, lock)
        made.append(captured.lock)
    made += [name for name, text in captured.files.items() if _written(root / name, text)]
    return tuple(made)


def project_name(root: Path) -> str:
    name = forms.project_name(root) or root.name
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain if plain[:1].isalpha() else f"project-{plain}".rstrip("-")


# -- packages ------------------------------------------------------------------------------------


def _packages(
    form: Form, root: Path, venv: Path | None, python: str, pip: str
) -> tuple[Form, LockPlan | None, tuple[str, ...]]:
    """The form with its lock, what makes the lock where it is not there, and what contradicts."""
    if form.refused:
        return form, None, ()
    is_whole = bool(form.lock) and form.lock not in LOCKS  # a list with hashes: `up` compares
    if venv and len(working.packages(venv)) > 1:
        if is_whole:
            return replace(form, installable=working.works_on_project(venv, root)), None, ()
        return _as_it_works(form, root, venv, python, pip)
    if not form.sources and not form.lines:
        return form, None, ()
    plan = _plan(form, root, python)
    return replace(form, lock=plan.target), plan, ()


def _plan(form: Form, root: Path, python: str) -> LockPlan:
    """What makes the lock where nothing works yet: the newest versions that are allowed."""
    if form.installer != "pip":
        return LockPlan(form.lock, form.installer, sources=form.sources)
    return LockPlan(
        _free(root), "uv", python=python, sources=form.sources, lines=form.lines,
        extras=form.extras, groups=form.groups or (), hashed=form.hashed,
        without=forms.project_name(root) if form.installable else "",
    )  # fmt: skip


def _as_it_works(
    form: Form, root: Path, venv: Path, python: str, pip: str
) -> tuple[Form, LockPlan | None, tuple[str, ...]]:
    """The tool's own lock where the venv has what it says; else the venv as a lock."""
    looked_at = working.pins_of(root, venv, python, pip)
    if fit := working.fitting(form, looked_at):
        return fit, None, ()
    if working.lacks_what_is_optional(form, looked_at):
        form = replace(form, extras=(), groups=None)
    frozen, plan = _frozen(form, root, venv, python)
    if lacking := working.lacking(form, looked_at):
        told = Said(
            "the venv has not what {lists} asks for: {lacking}",
            lists=" and ".join(form.lists),
            lacking=lacking,
        )
        return replace(frozen, lists=()), plan, (told,)
    other = Said("the venv has not what {lock} says: its own versions are pinned", lock=form.lock)
    return frozen, plan, (other,) if form.lock in LOCKS else ()


def _frozen(form: Form, root: Path, venv: Path, python: str) -> tuple[Form, LockPlan]:
    """The venv as a lock."""
    lines = working.requirements(venv, root)
    hashed = working.can_be_hashed(lines)
    plan = LockPlan(_free(root), "uv", python=python, lines=lines, hashed=hashed, universal=False)
    editable = working.works_on_project(venv, root)
    frozen = Form(
        lock=plan.target,
        hashed=hashed,
        installable=editable,
        lists=form.lists,
        also=form.also,
        extras=form.extras,
        groups=form.groups,
    )
    return frozen, plan


def _free(root: Path) -> str:
    """A lock of the repository's own is never replaced."""
    ours, another = forms.MADE
    return ours if forms.made_lock(root) == ours or not (root / ours).exists() else another


def _tool(form: Form, root: Path) -> tuple[str, tuple[str, ...]]:
    """The exact version of the installer, and what to say of it."""
    tool = form.installer
    if tool not in _TOOLS or form.refused:
        return "", ()
    version, where = surroundings.installer_version(root, tool)
    # Poetry before 1.8 does not run on the Pythons of today, and later ones read its locks.
    if version and not (where == "poetry.lock" and numbers(version) < (1, 8)):
        return version, (f"which {tool}: {version}, by {where}",)
    found = re.search(r"\d+\.\d+(\.\d+)?", probe((tool, "--version")).output)
    if found:
        return found[0], (
            Said("which {tool}: pinned the one on PATH, {found}", tool=tool, found=found[0]),
        )
    try:
        newest = relock.newest(tool)
    except HeadstartError:
        return "", (Said("which {tool}: nothing says it, and there is none on PATH", tool=tool),)
    return newest, (Said("which {tool}: pinned the newest, {newest}", tool=tool, newest=newest),)


def _unsaid(plan: LockPlan | None) -> tuple[str, ...]:
    found = []
    if plan and plan.lines and not plan.universal:
        found.append(
            Said("what other platforms need: {target} has what this venv has", target=plan.target)
        )
    elif plan:
        found.append(
            Said(
                "which versions work: {target} gets the newest that are allowed", target=plan.target
            )
        )
    if plan and not plan.hashed:
        found.append(Said("what exactly is downloaded: what is not from an index has no digest"))
    return tuple(found)


def _unread(root: Path) -> tuple[str, ...]:
    if forms.inside(forms.toml(root / "pyproject.toml"), "tool", "hatch", "envs") is None:
        return ()
    return (Said("what Hatch's environments need (tool.hatch.envs): they are not read"),)


def _other_locks(form: Form) -> tuple[str, ...]:
    return tuple(Said("{name} is there too, and not used", name=name) for name in form.also)


def _unrecognised(root: Path, venv: Path | None) -> str:
    inner = forms.folders(root)
    if venv and not inner:
        return ""
    if inner:
        named = " or ".join(f"headstart capture --project {name}" for name in inner[:3])
        return Said(
            "the project is not here, but in {names}: {named}",
            names=", ".join(inner[:3]),
            named=named,
        )
    return Said("there is no lock, no list of requirements and no package here")


# -- the rest ------------------------------------------------------------------------------------


def _refusal(root: Path, venv: Path | None, statements: tuple[Statement, ...], python: str) -> str:
    """Why nothing can be pinned, however its packages are listed; empty where that is not so.

    Where an environment works, what contradicts it is only shown.
    """
    if unreadable := forms.unreadable(root):
        return unreadable
    if circle := _circle(root):
        return circle
    other = next((each.unsupported for each in statements if each.unsupported), "")
    if venv or other:
        return "" if venv else other
    against = [each for each in statements if each.binding and python and not each.admits(python)]
    if not against:
        return ""
    named = next(each for each in statements if each.exact == python and not each.weak)
    others = " and ".join(f"{each.source} says {each.says}" for each in against)
    return Said(
        "{source} says {says}, and {others}: no Python is both",
        source=named.source,
        says=named.says,
        others=others,
    )


def _circle(root: Path) -> str:
    """pip reads lists that include each other for ever."""
    file = conda.file_in(root)
    lists = [root / name for name in (*forms.BASE_REQUIREMENTS, *forms.REQUIREMENTS)]
    for at in (*lists, *(conda.inputs(file)[1:] if file else ())):
        if at.is_file() and at.suffix in {".txt", ".lock", ".in"} and (found := lockfile.cycle(at)):
            names = (os.path.relpath(at, root) for at in found)
            return Said(
                "these lists include each other in a circle: {names}", names=" → ".join(names)
            )
    return ""


def _contradictions(statements: tuple[Statement, ...], python: str) -> tuple[str, ...]:
    return tuple(
        each.unread
        or each.unsupported
        or Said(
            "{source} says {says}, which is not Python {python}",
            source=each.source,
            says=each.says,
            python=python,
        )
        for each in statements
        if each.unread or each.unsupported or (python and not each.admits(python))
    )


def _pip(root: Path, venv: Path | None, python: str) -> tuple[str, ...]:
    """Its exact version, and what to say where nothing says it exactly."""
    if venv and (works := _pip_of(venv)):
        return (works,)
    newest = newest_pip(python) or CURRENT_PIP
    file = conda.file_in(root)
    stated, limits = conda.pip(conda.packages(file)[0]) if file else ("", "")
    if re.fullmatch(r"\d+\.\d+(\.\d+)?", stated) and numbers(stated) <= numbers(newest):
        return (stated,)
    if file and (said := stated or limits):
        told = Said(
            "{name} says pip {said}; pinned the newest for that Python, {newest}",
            name=file.name,
            said=said,
            newest=newest,
        )
        return newest, Said("which pip works here: {told}", told=told)
    return newest, Said(
        "which pip works here: pinned the newest for that Python, {newest}", newest=newest
    )


def _written(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write = create_atomically if path.name == pins.TOOLCHAIN else write_atomically
    write(path, text, mode=0o644)
    return True


def _venv_of(root: Path, environ: Mapping[str, str]) -> Path | None:
    """The project's own venv, else the active one when it bears the project's name."""
    candidates = [root / ".venv", root / "venv"]
    active = environ.get("VIRTUAL_ENV")
    if active and Path(active).name.startswith(f"{project_name(root)}_"):
        candidates.append(Path(active))
    return next((at for at in candidates if settings_of(at)), None)


def _shared_root(venv: Path | None, root: Path, project: str, python: str) -> str:
    if venv is None or venv.is_relative_to(root) or venv.name != f"{project}_{python}":
        return ""
    home = Path.home()
    parent = venv.parent
    return f"~/{parent.relative_to(home)}" if parent.is_relative_to(home) else str(parent)


def _pip_of(venv: Path) -> str:
    found = sorted(venv.glob("lib/python3*/site-packages/pip-*.dist-info"))
    return found[-1].name.removeprefix("pip-").removesuffix(".dist-info") if found else ""
