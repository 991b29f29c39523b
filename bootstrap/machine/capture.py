"""Read the pins of a venv that works, or of a repository that Headstart did not render.

For Python the first source that names an exact version decides, in this order: the venv,
.python-version, .tool-versions, runtime.txt, pyproject.toml, poetry.lock, Dockerfile, README. Where
none is exact, it is the newest Python on this machine that all of them allow.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bootstrap import pyenv
from bootstrap.errors import Refused, UsageError
from bootstrap.files import create_atomically, text_of, write_atomically
from bootstrap.machine import pins
from bootstrap.machine.facts.venv import python_version, settings_of
from bootstrap.versions import CURRENT_PIP, newest_pip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXACT = re.compile(r"3\.\d{1,2}\.\d{1,3}")
_REQUIREMENTS = (
    *("requirements-dev.lock", "requirements-dev.txt", "requirements_dev.txt"),
    *("dev-requirements.txt", "requirements/dev.txt", "requirements-test.txt"),
)
_BASE_REQUIREMENTS = ("requirements.lock", "requirements.txt", "requirements/base.txt")
_BOTH = "requirements-all.txt"
_VERSION_FILES = {
    ".python-version": r"^\s*(\d[\d.]*)",
    ".tool-versions": r"^python\s+(\d[\d.]*)",
    "runtime.txt": r"^python-(\d[\d.]*)",
}


@dataclass(frozen=True)
class Statement:
    """What one source says of Python: an exact version, or what it allows."""

    source: str
    says: str
    allows: str

    @property
    def exact(self) -> str:
        version = self.allows.removeprefix("==")
        return version if _EXACT.fullmatch(version) else ""

    def admits(self, version: str) -> bool:
        return SpecifierSet(self.allows).contains(version, prereleases=True)


@dataclass(frozen=True)
class Captured:
    """The pins, where each is from, what contradicts them, and what nothing says."""

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


def capture(root: Path, stated: Path | None, environ: Mapping[str, str]) -> Captured:
    """Everything that can be known, without changing or running anything."""
    root = root.resolve()
    venv = stated or _venv_of(root, environ)
    if stated and settings_of(stated) is None:
        raise UsageError(f"{stated} is no virtual environment.")
    statements = tuple(_statements(root, venv))
    python, unknown = _choose(statements)
    pip = _pip_of(venv) if venv else ""
    if not pip:
        pip = newest_pip(python) or CURRENT_PIP
        unknown += (f"which pip works here: pinned the newest for that Python, {pip}",)
    found = _packages(root)
    project = _project(root)
    shared = _shared_root(venv, root, project, python)
    contradictions = tuple(
        f"{each.source} says {each.says}, which is not Python {python}"
        for each in statements
        if python and not each.admits(python)
    )
    document = _toolchain(root, project, pip, shared, found)
    files = {pins.PYTHON_VERSION: f"{python}\n", pins.TOOLCHAIN: document, **found.files}
    return Captured(
        project, python, pip, shared, found.installer, found.lock, statements, contradictions,
        unknown + found.unknown, files,
    )  # fmt: skip


def write(root: Path, captured: Captured) -> tuple[str, ...]:
    """Write what is new, and name it; a toolchain.yml of yours is never replaced."""
    if not captured.python or not captured.lock:
        raise Refused("Too little is known to write the pins.", why=captured.unknown)
    toolchain = root / pins.TOOLCHAIN
    if text_of(toolchain) not in {"", captured.files[pins.TOOLCHAIN]}:
        raise Refused(
            f"There is a {pins.TOOLCHAIN} already, and it says something else.",
            next=(f"move it away, or change it by hand: {toolchain}",),
        )
    written = []
    for name, text in captured.files.items():
        path = root / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        write = write_atomically if name == pins.PYTHON_VERSION else create_atomically
        write(path, text, mode=0o644)
        written.append(name)
    return tuple(written)


# -- Python --------------------------------------------------------------------------------------


def _statements(root: Path, venv: Path | None) -> Iterator[Statement]:
    if venv and (version := python_version(settings_of(venv) or {})):
        yield Statement(f"the venv {venv}", version, f"=={version}")
    for name, pattern in _VERSION_FILES.items():
        yield from _stated(root, name, pattern)
    pyproject, poetry_lock = _toml(root / "pyproject.toml"), _toml(root / "poetry.lock")
    yield from _constraint("pyproject.toml", _inside(pyproject, "project", "requires-python"))
    poetry = _inside(pyproject, "tool", "poetry", "dependencies", "python")
    yield from _constraint("pyproject.toml", poetry)
    yield from _constraint("poetry.lock", _inside(poetry_lock, "metadata", "python-versions"))
    yield from _stated(root, "Dockerfile", r"^FROM\s+(?:--\S+\s+)?(?:\S*/)?python:(\d[\d.]*)")
    yield from _stated(root, "README.md", r"(?i)badge/[^)\s]*python[-_: ]*v?(3\.\d+(?:\.\d+)?)")


def _stated(root: Path, name: str, pattern: str) -> Iterator[Statement]:
    """A version written out; with fewer than three numbers it allows all that begin with it."""
    match = re.search(pattern, text_of(root / name), re.MULTILINE)
    if match and match[1].startswith("3"):
        version = match[1].rstrip(".")
        star = "" if _EXACT.fullmatch(version) else ".*"
        yield Statement(name, version, f"=={version}{star}")


def _constraint(source: str, written: object) -> Iterator[Statement]:
    if not isinstance(written, str):
        return
    allows = ",".join(_pep440(part.strip()) for part in written.split(",") if part.strip())
    try:
        SpecifierSet(allows)
    except InvalidSpecifier:
        return
    yield Statement(source, written, allows)


def _pep440(part: str) -> str:
    """Poetry's caret, tilde and bare versions, in the words of PEP 440."""
    numbers = re.findall(r"\d+", part)
    if part.startswith("^"):
        return f">={part[1:]},<{int(numbers[0]) + 1}"
    if part.startswith("~") and not part.startswith("~="):
        *before, last = numbers[:2]
        upper = ".".join((*before, str(int(last) + 1)))
        return f">={part[1:]},<{upper}"
    return f"=={part}" if part[:1].isdigit() else part


def _choose(statements: tuple[Statement, ...]) -> tuple[str, tuple[str, ...]]:
    exact = next((each.exact for each in statements if each.exact), "")
    if exact:
        return exact, ()
    here = pyenv.final_versions(pyenv.root(os.environ))
    allowed = [each for each in here if all(one.admits(each) for one in statements)]
    if statements and allowed:
        return allowed[0], (
            f"the exact Python: pinned {allowed[0]}, the newest here that is allowed",
        )
    return "", ("which Python: nothing names an exact one, and none here is known to fit",)


# -- packages ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Packages:
    installer: str
    lock: str
    hashed: bool
    unknown: tuple[str, ...]
    files: dict[str, str]


def _packages(root: Path) -> _Packages:
    if (root / "poetry.lock").is_file():
        return _Packages("poetry", "poetry.lock", True, (), {})
    names = [_first(root, _REQUIREMENTS), _first(root, _BASE_REQUIREMENTS)]
    found = [name for name in names if name]
    if not found:
        unsaid = "the packages: there is no lock and no requirements file"
        return _Packages("pip", "", True, (unsaid,), {})
    hashed = all("--hash=" in text_of(root / name) for name in found)
    unsaid = f"what exactly is installed: {' and '.join(found)}: no hashes, no download is checked"
    loose = () if hashed else (unsaid,)
    includes = len(found) > 1 and Path(found[1]).name in text_of(root / found[0])
    if len(found) == 1 or includes or hashed:
        return _Packages("pip", found[0], hashed, loose, {})
    text = "".join(f"-r {name}\n" for name in reversed(found))
    return _Packages("pip", _BOTH, hashed, loose, {_BOTH: text})


def _toolchain(root: Path, project: str, pip: str, shared: str, found: _Packages) -> str:
    venv = f"  layout: shared\n  root: {shared}\n" if shared else "  layout: in-project\n"
    hashes = "" if found.hashed else "  hashes: none\n"
    text = (
        f'version: 1\nproject: {project}\npip: "{pip}"\nvenv:\n{venv}'
        f"packages:\n  installer: {found.installer}\n  lock: {found.lock}\n{hashes}"
    )
    if (root / ".env.example").is_file():
        text += "environment:\n  file: .env\n  example: .env.example\n"
    if _uses_pytest(root):
        text += "# The tests can be run; `python -m pytest -q` here would demand that they pass.\n"
        text += "proof:\n  - python -m pytest --collect-only -q\n"
    return text


def _uses_pytest(root: Path) -> bool:
    names = (*_REQUIREMENTS, *_BASE_REQUIREMENTS, "pyproject.toml", "poetry.lock")
    return any(re.search(r"\bpytest\b", text_of(root / name)) for name in names) and any(
        (root / name).is_dir() for name in ("tests", "test")
    )


# -- the rest ------------------------------------------------------------------------------------


def _venv_of(root: Path, environ: Mapping[str, str]) -> Path | None:
    """The project's own venv, else the active one when it bears the project's name."""
    candidates = [root / ".venv", root / "venv"]
    active = environ.get("VIRTUAL_ENV")
    if active and Path(active).name.startswith(f"{_project(root)}_"):
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


def _project(root: Path) -> str:
    document = _toml(root / "pyproject.toml")
    poetry = _inside(document, "tool", "poetry", "name")
    name = _inside(document, "project", "name") or poetry or root.name
    plain = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")
    return plain if plain[:1].isalpha() else f"project-{plain}".rstrip("-")


def _first(root: Path, names: tuple[str, ...]) -> str:
    return next((name for name in names if (root / name).is_file()), "")


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError:
        return {}


def _inside(document: object, *names: str) -> object:
    """What is under these names; None where there is no such table."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document
