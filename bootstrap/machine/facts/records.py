"""Is every file of every package as its installer left it? By the RECORD of each (PEP 376, 427).

What was found right is remembered by what `stat` says of it, so that the next look need not read
all of it again. Compiled files come and go: they are nobody's.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.files import remove, text_of, write_atomically
from bootstrap.language import Said
from bootstrap.machine.facts import made_files
from bootstrap.machine.facts.packages import distributions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts.packages import Distribution
    from bootstrap.machine.pins import Pins

_REMEMBERED = "headstart-records.json"
# They change what every Python of the venv does before it begins.
_CUSTOMIZERS = ("sitecustomize", "usercustomize")
_MODULES = {".py", ".pyc", ".so"}
_PROGRAMS = re.compile(rb"(/[^'\"\n]*)/python[\w.]*")
# What begins a program of Linux, and those of a Mac, for one chip and for several.
_BINARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_FIRST_BYTES = 512  # a script's first line, or the three that a long path takes


@dataclass(frozen=True)
class RecordedFile:
    """A line of a RECORD; `digest` is `algorithm=value`, empty where the installer has none."""

    path: Path
    digest: str


@dataclass(frozen=True)
class AlteredPackage:
    """A package with files that are not as they were installed, and what became of each."""

    name: PackageName
    version: str
    files: Mapping[Path, str]

    @property
    def shown(self) -> str:
        path, how = next(iter(self.files.items()))
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.name} {self.version}: {path.name} {how}{more}"


def altered(pins: Pins, *, of_pip: bool = False) -> tuple[AlteredPackage, ...]:
    """The packages that differ from their RECORD: pip, or all others."""
    there, remembered = distributions(pins), _remembered(pins)
    chosen = [each for each in there if (each.name == "pip") is of_pip]
    others = {each.folder.name for each in there if each not in chosen}
    found = {name: seen for name, seen in remembered.items() if name in others}
    result = []
    for each in chosen:
        files = tuple(_files(each))
        seen = _stat(files)
        without = _unrecorded(each, files)
        if remembered.get(each.folder.name) == seen and not without:
            found[each.folder.name] = seen
            continue
        differing = without or {file.path: how for file in files if (how := _how(file, pins))}
        if differing:
            result.append(AlteredPackage(each.name, each.version, differing))
        else:
            found[each.folder.name] = seen
    if found != remembered:
        _remember(pins, found)
    return tuple(result)


def misplaced(pins: Pins) -> tuple[Distribution, ...]:
    """Metadata under another name than its own, and all of a package that is there twice."""
    there = distributions(pins)
    names = [each.name for each in there]
    return tuple(
        each
        for each in there
        if names.count(each.name) > 1 or (each.complete and not _is_of(each, _files(each)))
    )


def strays(pins: Pins) -> tuple[Path, ...]:
    """What runs with every Python of the venv or can be imported, and belongs to no package."""
    there, site = distributions(pins), pins.site_packages
    if not all(each.complete for each in there):
        return ()  # whose a file is cannot be known before that is repaired
    known = {name for each in there for name in _top_names(each)} | set(_of_eggs(site))
    found = (path for path in site.iterdir() if path.name not in known and _is_loaded(path))
    return tuple(sorted(set(found) - made_files.hook(pins)))


def is_customizer(path: Path) -> bool:
    """Whether each Python of the venv runs it before it begins."""
    return path.suffix == ".pth" or path.name.partition(".")[0] in _CUSTOMIZERS


def remove_strays(pins: Pins) -> None:
    for each in strays(pins):
        remove(each)


def _top_names(distribution: Distribution) -> set[str]:
    """What it has put into site-packages itself; of each line only as much as is needed."""
    lines = text_of(distribution.folder / "RECORD").splitlines()
    site = f"{distribution.folder.parent}/"  # Poetry writes whole paths of what it puts there
    told = (line.lstrip('"').removeprefix(site) for line in lines)
    return {line.partition("/")[0].partition(",")[0] for line in told}


def _of_eggs(site: Path) -> Iterator[str]:
    """The same of what was installed before there were RECORDs."""
    for listed in site.glob("*.egg-info/top_level.txt"):
        for name in text_of(listed).split():
            yield from (name, f"{name}.py")


def _is_loaded(path: Path) -> bool:
    """A folder without a file is what an uninstaller leaves of a package."""
    if path.is_dir():
        files = (each for each in path.rglob("*") if each.suffix != ".pyc" and each.is_file())
        return path.name.isidentifier() and path.name != "__pycache__" and any(files)
    return path.suffix == ".pth" or path.suffix in _MODULES


def forget(pins: Pins, names: Iterable[PackageName]) -> None:
    """Remove them, so that whoever installs the project's packages installs them again."""
    chosen = set(names)
    for each in distributions(pins):
        if each.name in chosen:
            for file in _files(each):
                if file.path.is_relative_to(pins.venv):
                    file.path.unlink(missing_ok=True)
            remove(each.folder)


def _unrecorded(distribution: Distribution, files: tuple[RecordedFile, ...]) -> dict[Path, str]:
    """What keeps a package from being compared at all; empty where nothing does."""
    needed = (distribution.folder / name for name in ("RECORD", "INSTALLER"))
    missing: dict[Path, str] = {path: Said("is missing") for path in needed if not path.is_file()}
    if missing or _is_of(distribution, files):
        return missing
    return {distribution.folder / "RECORD": Said("is empty, or of another package")}


def _is_of(distribution: Distribution, files: Iterable[RecordedFile]) -> bool:
    """Whether a RECORD is the one of the folder that it is in: each names itself."""
    return any(file.path.parent == distribution.folder for file in files)


def _files(distribution: Distribution) -> Iterator[RecordedFile]:
    site = str(distribution.folder.parent)
    for row in csv.reader(text_of(distribution.folder / "RECORD").splitlines()):
        if row and "__pycache__" not in row[0] and not row[0].endswith(".pyc"):
            path = os.path.normpath(os.path.join(site, row[0]))  # noqa: PTH118 - thousands of them
            yield RecordedFile(Path(path), row[1] if len(row) > 1 else "")


def _stat(files: tuple[RecordedFile, ...]) -> str:
    """Stands for all of them being the very files that they are."""
    digest = hashlib.sha256()
    for file in files:
        try:
            stat = os.stat(file.path)  # noqa: PTH116 - thousands of them
            seen = f"{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}:{stat.st_size}"
        except OSError:
            seen = "-"
        digest.update(f"{file.path}\0{file.digest}\0{seen}\n".encode())
    return digest.hexdigest()


def _how(file: RecordedFile, pins: Pins) -> str:
    """What became of it; empty where nothing did."""
    try:
        content = file.path.read_bytes()
    except FileNotFoundError:
        return Said("is missing")
    except OSError as error:
        return Said("cannot be read ({error})", error=error.strerror)
    algorithm, _, expected = file.digest.partition("=")
    if algorithm in hashlib.algorithms_guaranteed:
        found = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest())
        if found.rstrip(b"=").decode() != expected.rstrip("="):
            return Said("was changed")
    if file.path.parent != pins.venv / "bin":
        return ""
    if _runs_elsewhere(content, pins):
        return Said("runs another Python")
    is_program = content.startswith(_BINARIES) or _names_python(content)
    return Said("cannot be executed") if is_program and not os.access(file.path, os.X_OK) else ""


def _names_python(content: bytes) -> bool:
    first = content[:_FIRST_BYTES]
    return first.startswith(b"#!") and b"python" in first


def _runs_elsewhere(content: bytes, pins: Pins) -> bool:
    """A script of a package names the interpreter of the venv, by its whole path."""
    first = content[:_FIRST_BYTES]
    if not _names_python(content) or os.fsencode(pins.venv / "bin") in first:
        return False
    named = (Path(os.fsdecode(each)) for each in _PROGRAMS.findall(first))
    return not any(each.exists() and each.samefile(pins.venv / "bin") for each in named)


def _remembered(pins: Pins) -> dict[str, str]:
    try:
        found = json.loads((pins.venv / _REMEMBERED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(pins: Pins, found: Mapping[str, str]) -> None:
    try:
        write_atomically(pins.venv / _REMEMBERED, json.dumps(found), mode=0o644)
    except OSError:
        return  # only a shortcut: a venv that is read-only is read each time
