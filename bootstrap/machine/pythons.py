"""What a repository says of its Python, and which exact one that is on this machine.

A venv says it exactly. Else the first exact version decides, and where there is none, the newest
one here that all constraints allow. What a README says is no constraint: it is only asked where
none that is here is allowed. What cannot be read is told, and never passed over.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bootstrap import pyenv
from bootstrap.files import text_of
from bootstrap.language import Said
from bootstrap.machine import conda, forms
from bootstrap.machine.facts.venv import python_version, settings_of
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_EXACT = re.compile(r"3\.\d{1,2}\.\d{1,3}")
# Of each the first version; what it says may be of any implementation.
_VERSION_FILES = {
    ".python-version": r"^[ \t]*([^\s#][^\n#]*)",
    ".tool-versions": r"^python[ \t]+(\S+)",
    "runtime.txt": r"^[ \t]*(\S+)",
}
_CPYTHON = re.compile(r"(?:cpython[@-]|python-?)?(\d+(?:\.\d+){0,2})\.?")
_UNFINISHED = re.compile(r"(?:cpython[@-]|python-?)?3[\d.]*(?:t|-dev|(?:a|b|rc)\d+t?|\+\w+)")
_IMPLEMENTATIONS = re.compile(
    r"(?i)(?:pypy|graal|jython|micropython|ironpython|stackless|pyston|cinder|nogil|activepython"
    r"|(?:ana|mini|mamba)?conda|mambaforge|miniforge|micromamba)"
)
_README = (
    r"(?i)badge/[^)\s]*python[-_: ]*v?(3\.\d+(?:\.\d+)?)",
    r"pyenv\s+(?:install|local|virtualenv)\s+(?:-\S+\s+)*(3\.\d+(?:\.\d+)?)",
)
_READMES = ("README.md", "README.rst", "README.txt", "README")


@dataclass(frozen=True)
class Statement:
    """What one source says of Python: an exact version, or what it allows.

    What is `weak` may be out of date, and nothing is held to it. What is `binding` the installers
    hold a Python to. `unread` is why it says nothing that is understood, with its place, and
    `unsupported` why no Python that Headstart sets up can be meant.
    """

    source: str
    says: str
    allows: str
    weak: bool = False
    binding: bool = False
    unread: str = ""
    unsupported: str = ""

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
        yield Statement(Said("the venv {venv}", venv=venv), version, f"=={version}")
    for name, pattern in _VERSION_FILES.items():
        if match := re.search(pattern, text_of(root / name), re.MULTILINE):
            yield _version(root / name, match[1].strip())
    for each in _constraints(root):
        yield replace(each, binding=True)
    yield from _conda(root)
    yield from _stated(root, "Dockerfile", r"^FROM\s+(?:--\S+\s+)?(?:\S*/)?python:(\d[\d.]*)")
    for name in _READMES:
        for pattern in _README:
            for each in _stated(root, name, pattern):
                yield Statement(each.source, each.says, each.allows, weak=True)


def choose(said: tuple[Statement, ...], environ: Mapping[str, str]) -> ChosenPython:
    """The exact one that is named; else the newest that is allowed, here or to be built."""
    readable = [each for each in said if not each.unread and not each.unsupported]
    constraints = [each for each in readable if not each.weak]
    if exact := next((each.exact for each in constraints if each.exact), ""):
        return ChosenPython(exact)
    here = _first_allowed(installed(environ), constraints)
    if here and not constraints:
        nothing = (
            Said("nothing says one") if not said else Said("nothing that is understood says one")
        )
        nothing = Said("only a README says one") if readable else nothing
        return ChosenPython(
            here,
            Said(
                "which Python: {nothing}; pinned {here}, the newest here",
                nothing=nothing,
                here=here,
            ),
        )
    if here:
        return ChosenPython(
            here,
            Said("the exact Python: pinned {here}, the newest here that is allowed", here=here),
        )
    buildable = available(environ)
    if known := _first_allowed(buildable, readable) or _first_allowed(buildable, constraints):
        why = Said(
            "the exact Python: pinned {known}, the newest that can be installed and is allowed",
            known=known,
        )
        return ChosenPython(known, why)
    allowed = " and ".join(f"{each.source}: {each.says}" for each in constraints)
    return ChosenPython(
        "", Said("which Python: none that is known here fits {allowed}", allowed=allowed)
    )


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
    file = root / "pyproject.toml"
    yield from _constraint(file, inside(pyproject, "project", "requires-python"))
    yield from _constraint(file, inside(pyproject, "tool", "poetry", "dependencies", "python"))
    requires, where = forms.python_requires(root)
    yield from _constraint(root / where, requires or None)
    for name in ("python_full_version", "python_version"):
        if (said := inside(pipfile, "requires", name)) is not None:
            yield _version(root / "Pipfile", said)
    poetry_lock, uv_lock = forms.toml(root / "poetry.lock"), forms.toml(root / "uv.lock")
    locked = inside(poetry_lock, "metadata", "python-versions")
    yield from _constraint(root / "poetry.lock", locked)
    yield from _constraint(root / "uv.lock", uv_lock.get("requires-python"))
    pdm_lock = inside(forms.toml(root / "pdm.lock"), "metadata", "targets")
    for target in pdm_lock if isinstance(pdm_lock, list) else ():
        yield from _constraint(root / "pdm.lock", inside(target, "requires_python"))


def _stated(root: Path, name: str, pattern: str) -> Iterator[Statement]:
    """A version written out; with fewer than three numbers it allows all that begin with it."""
    if match := re.search(pattern, text_of(root / name), re.MULTILINE):
        yield from _series(name, match[1])


def _series(source: str, version: str) -> Iterator[Statement]:
    if version.startswith("3"):
        plain = version.rstrip(".")
        star = "" if _EXACT.fullmatch(plain) else ".*"
        yield Statement(source, plain, f"=={plain}{star}")


def _version(file: Path, written: object) -> Statement:
    """What a file says that names a version, of whichever implementation."""
    said = str(written)
    if not isinstance(written, str):
        return _unread(file, said, Said("must be a text, in quotation marks"))
    match = _CPYTHON.fullmatch(said)
    if match and match[1].startswith("3"):
        return next(_series(file.name, match[1]))
    place = _place(file, said)
    if match:
        why = Said(
            "{place} says Python {match}, and Headstart sets up Python 3 alone",
            place=place,
            match=match[1],
        )
    elif _UNFINISHED.fullmatch(said):
        why = Said(
            "{place} says {said}, and Headstart sets up final releases of CPython alone",
            place=place,
            said=said,
        )
    elif _IMPLEMENTATIONS.match(said):
        why = Said(
            "{place} says {said}, another Python than CPython, which alone Headstart sets up",
            place=place,
            said=said,
        )
    elif said[:1] in "<>=!~^":
        return next(_constraint(file, said))
    else:
        return _unread(file, said, Said("is no version that is understood"))
    return Statement(file.name, said, "", unsupported=why)


def _unread(file: Path, said: str, why: str) -> Statement:
    return Statement(file.name, said, "", unread=f'{_place(file, said)}: "{said}" {why}')


def _place(file: Path, said: str) -> str:
    """The file, and the first line in it that says this of a Python."""
    lines = [(number, line) for number, line in enumerate(text_of(file).splitlines(), 1)]
    found = [number for number, line in lines if said in line]
    named = [number for number, line in lines if said in line and "python" in line.lower()]
    return f"{file.name}:{(named or found)[0]}" if found else file.name


def _conda(root: Path) -> Iterator[Statement]:
    if file := conda.file_in(root):
        version, limits = conda.python(conda.packages(file)[0])
        if version:
            yield _version(file, version)
        yield from _constraint(file, limits or None)


def _constraint(file: Path, written: object) -> Iterator[Statement]:
    if written is None or (isinstance(written, str) and not written.strip()):
        return
    if not isinstance(written, str):
        yield _unread(file, str(written), Said("must be a text, in quotation marks"))
        return
    allowed = [_specifier(each) for each in re.split(r"\|\|?", written)]
    understood = [each for each in allowed if each is not None]
    if len(understood) < len(allowed):
        yield _unread(file, written, Said("is no constraint that is understood"))
    elif all(understood):
        yield Statement(file.name, written, "||".join(understood))


def _specifier(written: str) -> str | None:
    """One in the words of PEP 440, empty where it allows all; None where it is not understood."""
    parts = re.split(r"\s*,\s*|\s+(?=[<>=!~^])", written.strip())
    allows = ",".join(_pep440(part) for part in parts if part and part != "*")
    try:
        SpecifierSet(allows)
    except InvalidSpecifier:
        return None
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
