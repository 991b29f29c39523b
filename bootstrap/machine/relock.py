"""Make the lock that a repository lacks: by uv from lists, packages or a venv, or by its own tool.

The versions that work in a venv are those of the lock, with the digest of every file of them.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.errors import HeadstartError, Refused
from bootstrap.files import text_of, write_atomically
from bootstrap.language import Said
from bootstrap.machine import conda, declared, forms, package_indexes, pins
from bootstrap.machine.forms import MADE_BY
from bootstrap.machine.installers import LOCKS, of, tools
from bootstrap.paths import real_path
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.machine.pins import Argv, Pins

_MINUTES = 900
_TAIL = 8
_BY_MAKE = "\n#    make lock\n"  # how uv writes which command has made a lock


@dataclass(frozen=True)
class LockPlan:
    """`target` is made by `tool` at `version`, from files of the repository and from lines.

    `without` is the project itself, which is installed apart, whatever else may need it.
    `keeps` is an earlier lock, whose versions stay as far as they are allowed.
    `universal` is for every platform; what a venv has is for the platform it is on.
    """

    target: str
    tool: str
    version: str = ""
    python: str = ""
    sources: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    hashed: bool = True
    keeps: str = ""
    without: str = ""
    universal: bool = True


def make(root: Path, plan: LockPlan) -> str:
    """The text of the lock; Poetry and Pipenv write theirs themselves. Raises HeadstartError."""
    root = real_path(root)  # by its address the project itself is known among the packages
    if plan.tool != "uv":
        with _explained(root):
            _run(root, _own(plan))
        return (root / plan.target).read_text(encoding="utf-8")
    plan = _with_groups_of_tools(root, plan)
    with TemporaryDirectory() as folder:
        made = Path(folder) / plan.target
        if plan.keeps:
            made.write_text(plan.keeps, encoding="utf-8")
        given = "\n".join((*plan.lines, ""))
        with _explained(root):
            _run(root, (*_compile(plan), "--output-file", str(made)), given)
        text = made.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not _is_of_the_project(line, root)]
    if not any(line.kind == "requirement" for line in lockfile.lines("\n".join(kept))):
        return f"# {MADE_BY}: nothing is needed\n"
    return "\n".join((*kept, ""))


@contextmanager
def as_it_was(root: Path) -> Iterator[None]:
    """What builders leave beside a package when they are asked for its metadata does not stay."""
    before = set(_left_by_builders(root))
    try:
        yield
    finally:
        for folder in set(_left_by_builders(root)) - before:
            shutil.rmtree(folder, ignore_errors=True)


def again(root: Path) -> str:
    """The lock from what it was made of, which may ask for more by now. Raises HeadstartError."""
    pinned = pins.read(root)
    if _BY_MAKE in text_of(pinned.lock):
        _by_make(pinned)
        return pinned.shown(pinned.lock)
    if pinned.lock.name in LOCKS:
        tool = pinned.installer
        if package_indexes.shares(root):  # only here somebody knows who may read them
            plan = LockPlan(pinned.lock.name, tool, version=pinned.installer_version)
            with _explained(root):
                _run(root, _own(plan))
            return pinned.lock.name
        raise Refused(
            Said("{name} is made by {tool} alone.", name=pinned.lock.name, tool=tool),
            next=(f"{tools.typed(tool, pinned.installer_version)} lock",),
        )
    package = forms.package_file(root) if pinned.editable else ""
    files = [source for source in pinned.sources if source.suffix not in {".yml", ".yaml"}]
    lines = [
        line for each in pinned.sources if each not in files for line in conda.packages(each)[1]
    ]
    sources = tuple(dict.fromkeys((*map(pinned.shown, files), *([package] if package else []))))
    if not sources and not lines:
        raise Refused(
            Said(
                "{lock} was made of an environment alone: no list says more.",
                lock=pinned.shown(pinned.lock),
            ),
            next=(
                Said("install what is missing there, then make the lock again: headstart capture"),
            ),
        )
    plan = LockPlan(
        pinned.lock.name, "uv", python=pinned.python, sources=sources, lines=tuple(lines),
        extras=pinned.extras, groups=pinned.groups or (), hashed=pinned.hashed,
        keeps=text_of(pinned.lock), without=forms.project_name(root) if pinned.editable else "",
    )  # fmt: skip
    with as_it_was(root):
        lock = make(root, plan)
    write_atomically(pinned.lock, lock, mode=0o644)
    return pinned.shown(pinned.lock)


def lacking(root: Path) -> str:
    """What the project's lock surely has not of what it is made of; empty where it has all."""
    pinned = pins.read(root)
    return of(pinned).outdated(pinned)


def _by_make(pinned: Pins) -> None:
    """By its own command, with the uv of its venv or, before there is one, that version."""
    python = pinned.venv_python
    if not (pinned.venv / "bin" / "uv").is_file():
        locked = {each.name: each.version for each in lockfile.entries(pinned.lock)}
        python = Path(provide("uv", locked.get(lockfile.normalize("uv"), ""))).with_name("python")
    with _explained(pinned.root):
        _run(pinned.root, ("make", "lock", f"PYTHON={python}"))


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except HeadstartError as failed:
        from bootstrap.machine.diagnosis import index_access  # noqa: PLC0415 - only then

        raise index_access.explained(failed, root) from None


def provide(tool: str, version: str) -> str:
    """The program: what is pinned is made where it is missing; else PATH's, or one beside us."""
    if version:
        with tools.alone():
            for command in tools.commands(tool, version):
                _run(Path.cwd(), command)
        return str(tools.pinned(tool, version))
    if found := shutil.which(tool) or tools.beside(tool):
        return found
    return provide(tool, newest(tool))


def newest(tool: str) -> str:
    """The newest release that works on the Python that runs Headstart."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - rarely needed

    wheel = get_embed_wheel("pip", f"{sys.version_info.major}.{sys.version_info.minor}")
    pip = (sys.executable, f"{wheel.path}/pip") if wheel else (sys.executable, "-m", "pip")
    report = ("install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", "-")
    said = _run(Path.cwd(), (*pip, *report, tool))
    from bootstrap.machine.installers.pip import planned  # noqa: PLC0415

    return str(planned(said)[0]["metadata"]["version"])


def _with_groups_of_tools(root: Path, plan: LockPlan) -> LockPlan:
    """uv compiles the groups of PEP 735 alone: what others have goes to it as lines."""
    project = root / "pyproject.toml"
    if not plan.groups or project.name not in plan.sources:
        return plan
    known = declared.groups_of_tools(project)
    lines = tuple(line for name in plan.groups for line in known.get(name, ()))
    standard = forms.inside(forms.toml(project), "dependency-groups")
    groups = tuple(name for name in plan.groups if isinstance(standard, dict) and name in standard)
    return replace(plan, lines=(*plan.lines, *lines), groups=groups)


def _compile(plan: LockPlan) -> Argv:
    choices = [word for extra in plan.extras for word in ("--extra", extra)]
    choices += [word for group in plan.groups for word in ("--group", group)]
    kind = ("--universal",) if plan.universal else ("--no-deps",)
    hashes = ("--generate-hashes",) if plan.hashed else ()
    if plan.without:
        choices += ["--no-emit-package", plan.without]
    made_by = ("--custom-compile-command", MADE_BY, "--no-annotate", "--quiet")
    compiler = (provide("uv", ""), "pip", "compile", "--python-version", plan.python)
    given = ("-",) if plan.lines else ()
    return (*compiler, *kind, *hashes, *made_by, *choices, *given, *plan.sources)


def _own(plan: LockPlan) -> Argv:
    program = provide(plan.tool, plan.version)
    return (program, "lock", "--no-interaction") if plan.tool == "poetry" else (program, "lock")


def _left_by_builders(root: Path) -> Iterator[Path]:
    """setuptools writes `*.egg-info` beside the package, at the top or in `src`."""
    return (at for pattern in ("*.egg-info", "src/*.egg-info") for at in root.glob(pattern))


def _is_of_the_project(line: str, root: Path) -> bool:
    """The project itself is installed apart from what it needs."""
    place = line.partition(" ")[2].split(" ;")[0] if line.startswith("-e ") else line
    plain = place.partition("#")[0].partition("[")[0].rstrip("/ ")
    return plain in {".", "./", str(root), root.as_uri()}


def _run(root: Path, argv: Argv, given: str = "") -> str:
    own = {"POETRY_VIRTUALENVS_CREATE": "false", "PIPENV_YES": "1", "PDM_CHECK_UPDATE": "0"}
    environ = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"} | own
    with package_indexes.logged_in(package_indexes.of(root), environ) as told:
        done = probe(argv, environ=told, cwd=root, given=given, seconds=_MINUTES)
    if done.code == 0:
        return done.output
    raise HeadstartError(
        Said("`{command}` could not make the lock.", command=" ".join(argv[:3])),
        why=tuple(done.output.splitlines()[-_TAIL:]),
        next=(Said("repair that, then run the command again"),),
    )
