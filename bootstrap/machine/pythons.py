"""What a repository says of its Python, and which exact one that is on this machine.

A venv says it exactly. Else the first exact version decides, and where there is none, the newest
one here that all constraints allow. What a README says is no constraint: it is only asked where
nothing else says anything.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bootstrap import pyenv
from bootstrap.files import text_of
from bootstrap.machine import conda, forms
from bootstrap.machine.facts.venv import python_version, settings_of
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_EXACT = re.compile(r"3\.\d{1,2}\.\d{1,3}")
_VERSION_FILES = {
    ".python-version": r"^\s*(\d[\d.]*)",
    ".tool-versions": r"^python\s+(\d[\d.]*)",
    "runtime.txt": r"^python-(\d[\d.]*)",
}
_README = (
    r"(?i)badge/[^)\s]*python[-_: ]*v?(3\.\d+(?:\.\d+)?)",
    r"pyenv\s+(?:install|local|virtualenv)\s+(?:-\S+\s+)*(3\.\d+(?:\.\d+)?)",
)
_READMES = ("README.md", "README.rst", "README.txt", "README")


@dataclass(frozen=True)
class Statement:
    """What one source says of Python: an exact version, or what it allows.

    What is `weak` may be out of date, and nothing is held to it.
    """

    source: str
    says: str
    allows: str
    weak: bool = False

    @property
    def exact(self) -> str:
        version = self.allows.removeprefix("==")
        return version if _EXACT.fullmatch(version) else ""

    def admits(self, version: str) -> bool:
        """Poetry's `||` stands between what is allowed besides."""
        return any(
            SpecifierSet(each).contains(version, prereleases=True)
            for each in self.allows.split("||")
        )


@dataclass(frozen=True)
class ChosenPython:
    """The exact Python; `guessed` says why it is this one where no source names it."""

    version: str
    guessed: str = ""


def statements(root: Path, venv: Path | None) -> Iterator[Statement]:
    if venv and (version := python_version(settings_of(venv) or {})):
        yield Statement(f"the venv {venv}", version, f"=={version}")
    for name, pattern in _VERSION_FILES.items():
        yield from _stated(root, name, pattern)
    yield from _constraints(root)
    yield from _stated(root, "Dockerfile", r"^FROM\s+(?:--\S+\s+)?(?:\S*/)?python:(\d[\d.]*)")
    for name in _READMES:
        for pattern in _README:
            for each in _stated(root, name, pattern):
                yield Statement(each.source, each.says, each.allows, weak=True)


def choose(said: tuple[Statement, ...], environ: Mapping[str, str]) -> ChosenPython:
    """The exact one that is named; else the newest that is allowed, here or to be built."""
    real = [each for each in said if not each.weak]
    if exact := next((each.exact for each in real if each.exact), ""):
        return ChosenPython(exact)
    constraints = real or [each for each in said if each.weak]
    here = _first_allowed(installed(environ), constraints)
    if here and not constraints:
        return ChosenPython(here, f"which Python: nothing says one; pinned {here}, the newest here")
    if here:
        return ChosenPython(
            here, f"the exact Python: pinned {here}, the newest here that is allowed"
        )
    if known := _first_allowed(available(environ), constraints):
        why = f"the exact Python: pinned {known}, the newest that can be installed and is allowed"
        return ChosenPython(known, why)
    allowed = " and ".join(f"{each.source}: {each.says}" for each in constraints)
    return ChosenPython("", f"which Python: none that is known here fits {allowed}")


def installed(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every final release that pyenv or uv has on this machine, newest first."""
    by_uv = (each.name.split("-")[1] for each in _uv_folder(environ).glob("cpython-3.*-*"))
    return pyenv.newest_first({*pyenv.final_versions(pyenv.root(environ)), *by_uv})


def available(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every final release that pyenv knows how to build, or uv where to fetch."""
    definitions = pyenv.root(environ) / "plugins/python-build/share/python-build"
    names = {at.name for at in definitions.glob("3.*")}
    uv = shutil.which("uv", path=environ.get("PATH"))
    if not names and uv:
        listing = (uv, "python", "list", "--all-versions", "--output-format", "json")
        try:
            names = {each["version"] for each in json.loads(probe(listing).output)}
        except (ValueError, TypeError, KeyError):
            names = set()
    return pyenv.newest_first(names)


def _first_allowed(versions: Iterable[str], constraints: list[Statement]) -> str:
    return next((each for each in versions if all(one.admits(each) for one in constraints)), "")


def _uv_folder(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(environ.get("UV_PYTHON_INSTALL_DIR") or Path(home) / "uv" / "python")


def _constraints(root: Path) -> Iterator[Statement]:
    pyproject, pipfile = forms.toml(root / "pyproject.toml"), forms.toml(root / "Pipfile")
    inside = forms.inside
    yield from _constraint("pyproject.toml", inside(pyproject, "project", "requires-python"))
    poetry = inside(pyproject, "tool", "poetry", "dependencies", "python")
    yield from _constraint("pyproject.toml", poetry)
    yield from _constraint("setup.cfg or setup.py", forms.python_requires(root) or None)
    yield from _series("Pipfile", inside(pipfile, "requires", "python_full_version"))
    yield from _series("Pipfile", inside(pipfile, "requires", "python_version"))
    yield from _conda(root)
    poetry_lock, uv_lock = forms.toml(root / "poetry.lock"), forms.toml(root / "uv.lock")
    yield from _constraint("poetry.lock", inside(poetry_lock, "metadata", "python-versions"))
    yield from _constraint("uv.lock", uv_lock.get("requires-python"))
    pdm_lock = inside(forms.toml(root / "pdm.lock"), "metadata", "targets")
    for target in pdm_lock if isinstance(pdm_lock, list) else ():
        yield from _constraint("pdm.lock", inside(target, "requires_python"))


def _stated(root: Path, name: str, pattern: str) -> Iterator[Statement]:
    """A version written out; with fewer than three numbers it allows all that begin with it."""
    if match := re.search(pattern, text_of(root / name), re.MULTILINE):
        yield from _series(name, match[1])


def _series(source: str, version: object) -> Iterator[Statement]:
    if isinstance(version, str) and version.startswith("3"):
        plain = version.rstrip(".")
        star = "" if _EXACT.fullmatch(plain) else ".*"
        yield Statement(source, plain, f"=={plain}{star}")


def _conda(root: Path) -> Iterator[Statement]:
    if file := conda.file_in(root):
        version, limits = conda.python(conda.packages(file)[0])
        yield from _series(file.name, version)
        yield from _constraint(file.name, limits)


def _constraint(source: str, written: object) -> Iterator[Statement]:
    if not isinstance(written, str) or not written.strip():
        return
    allowed = [_specifier(each) for each in written.split("||")]
    if all(allowed):
        yield Statement(source, written, "||".join(allowed))


def _specifier(written: str) -> str:
    """One in the words of PEP 440; empty where it says nothing that is understood."""
    parts = re.split(r"\s*,\s*|\s+(?=[<>=!~^])", written.strip())
    allows = ",".join(_pep440(part) for part in parts if part and part != "*")
    try:
        SpecifierSet(allows)
    except InvalidSpecifier:
        return ""
    return allows


def _pep440(part: str) -> str:
    """Poetry's caret, tilde and bare versions, in the words of PEP 440."""
    numbers = re.findall(r"\d+", part)
    if part.startswith("^") and numbers:
        return f">={part[1:]},<{int(numbers[0]) + 1}"
    if part.startswith("~") and not part.startswith("~=") and numbers:
        *before, last = numbers[:2]
        upper = ".".join((*before, str(int(last) + 1)))
        return f">={part[1:]},<{upper}"
    return f"=={part}" if part[:1].isdigit() else part
