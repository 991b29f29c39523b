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

from bootstrap.files import text_of, write_atomically
from bootstrap.machine.facts.packages import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts.packages import Distribution
    from bootstrap.machine.pins import Pins

_REMEMBERED = "headstart-records.json"
# They change what every Python of the venv does before it begins; virtualenv has one of its own.
_CUSTOMIZERS = ("sitecustomize.py", "usercustomize.py")
_OF_VIRTUALENV = {"_virtualenv.pth", "_virtualenv.py"}
_PROGRAMS = re.compile(rb"(/[^'\"\n]*)/python[\w.]*")
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
        if not each.complete:
            continue  # was not installed to its end, which is told elsewhere
        files = tuple(_files(each))
        seen = _stat(files)
        if remembered.get(each.folder.name) == seen:
            found[each.folder.name] = seen
            continue
        differing = {file.path: how for file in files if (how := _how(file, pins))}
        if differing:
            result.append(AlteredPackage(each.name, each.version, differing))
        else:
            found[each.folder.name] = seen
    if found != remembered:
        _remember(pins, found)
    return tuple(result)


def strays(pins: Pins) -> tuple[Path, ...]:
    """What runs with every Python of the venv, and belongs to no package."""
    site = pins.site_packages
    there = {*site.glob("*.pth"), *(site / name for name in _CUSTOMIZERS if (site / name).exists())}
    there = {path for path in there if path.name not in _OF_VIRTUALENV}
    if not there:
        return ()
    known = {file.path for each in distributions(pins) for file in _files(each)}
    return tuple(sorted(there - known))


def forget(pins: Pins, packages: tuple[AlteredPackage, ...]) -> None:
    """Remove them, so that whoever installs the project's packages installs them again."""
    names = {each.name for each in packages}
    for each in distributions(pins):
        if each.name in names:
            for file in (*_files(each), RecordedFile(each.folder / "RECORD", "")):
                if file.path.is_relative_to(pins.venv):
                    file.path.unlink(missing_ok=True)
            _remove_empty(each.folder)


def _remove_empty(folder: Path) -> None:
    for path in (*folder.glob("*"), folder):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file():
            path.unlink()


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
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    algorithm, _, expected = file.digest.partition("=")
    if algorithm in hashlib.algorithms_guaranteed:
        found = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest())
        if found.rstrip(b"=").decode() != expected.rstrip("="):
            return "was changed"
    if file.path.parent == pins.venv / "bin" and _runs_elsewhere(content, pins):
        return "runs another Python"
    return ""


def _runs_elsewhere(content: bytes, pins: Pins) -> bool:
    """A script of a package names the interpreter of the venv, by its whole path."""
    first = content[:_FIRST_BYTES]
    names_python = first.startswith(b"#!") and b"python" in first
    if not names_python or os.fsencode(pins.venv / "bin") in first:
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
