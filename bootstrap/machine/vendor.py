"""One folder with all that a machine without a network needs: Python, pip, the packages."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

from bootstrap import pyenv
from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.files import draft, write_atomically
from bootstrap.language import Said
from bootstrap.machine import installers, pins
from bootstrap.machine.building.preflight import site_here
from bootstrap.machine.facts import gather, platform
from bootstrap.machine.installers import LOCKS
from bootstrap.machine.installers.installer import answer
from bootstrap.machine.installers.pip import strictness
from bootstrap.machine.runner import probe_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstrap.machine.pins import Pins
    from bootstrap.processes import ProbeResult

FOLDER = "vendor"
MANIFEST = "vendor.json"
_ARCHIVE = re.compile(r'"(?P<url>[^"#\s]+/(?P<name>Python-[^"#/\s]+))#(?P<digest>[0-9a-f]{64})"')
_MINUTES = 600


@dataclass(frozen=True)
class Vendored:
    """What the folder holds, with the digest of each file, and what it had to leave out."""

    folder: Path
    files: dict[str, str]
    left_out: tuple[str, ...]


def fill(project: Path, folder: Path | None, tell: Callable[[str], None]) -> Vendored:
    """Fill the folder for machines like this one; safe to repeat. Raises HeadstartError.

    `tell` is told beforehand what will be needed, and what cannot be had.
    """
    pinned = pins.read(project)
    if not gather(pinned).venv.works:
        raise Refused(Said("There is no venv here yet to fill it from."), next=("headstart up",))
    if pinned.lock.name in LOCKS:
        tool, lock = pinned.installer, pinned.lock.name
        raise Refused(
            Said(
                "{tool} installs by {lock}, and it has no folder to install from.",
                tool=tool,
                lock=lock,
            )
        )
    target = folder or pinned.root / FOLDER
    wheels = target / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    _discard_damaged(target)
    (target / ".gitignore").write_text("*\n", encoding="utf-8")  # this folder ignores itself
    left_out = _python_source(pinned, target / "python", tell)
    count = len(installers.of(pinned).exact(pinned) or installers.of(pinned).names(pinned))
    there = Said("{number} files are there", number=len(list(wheels.iterdir())))
    tell(
        Said(
            "pip {pip} and {count} packages of {lock}; {there}",
            pip=pinned.pip,
            count=count,
            lock=pinned.shown(pinned.lock),
            there=there,
        )
    )
    into = (*pinned.venv_pip, "download", "--quiet", "--dest", str(wheels))
    pip = (*into, f"pip=={pinned.pip}", "--no-deps")
    _downloaded(probe_project(pip, pinned, seconds=_MINUTES), pinned)
    _downloaded(answer((*into, *strictness(pinned), "-r", str(pinned.lock)), pinned), pinned)
    files = {
        str(path.relative_to(target)): _digest(path)
        for path in sorted(target.rglob("*"))
        if path.is_file() and path.name not in {MANIFEST, ".gitignore"}
    }
    document = {"python": pinned.python, "pip": pinned.pip, "files": files}
    write_atomically(target / MANIFEST, json.dumps(document, indent=2) + "\n", mode=0o644)
    return Vendored(target, files, left_out)


def variables(project: Path, folder: Path | None) -> dict[str, str]:
    """Process environment in which every command takes what it needs from the folder alone."""
    pinned = pins.read(project)
    target = (folder or pinned.root / FOLDER).resolve()
    _verify(target, pinned)
    wheels = str(target / "wheels")
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": Path(wheels).as_uri(),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_EXTRA_INDEX_URL": "",
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": wheels,
        "VIRTUALENV_EXTRA_SEARCH_DIR": wheels,
        "PYTHON_BUILD_CACHE_PATH": str(target / "python"),
        "PYTHON_BUILD_DEFINITIONS": str(target / "python" / "definitions"),
        "PYTHON_BUILD_SKIP_MIRROR": "1",
    }


def _verify(target: Path, pinned: Pins) -> None:
    """Nothing is taken from a folder that is for other pins, or whose files were changed."""
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            Said("{target} is no folder of `headstart vendor`.", target=target),
            why=(str(error),),
            next=(Said("headstart vendor, on a machine with a network"),),
        ) from error
    if (manifest["python"], manifest["pip"]) != (pinned.python, pinned.pip):
        reason = Said(
            "It is for Python {python} and pip {pip}.",
            python=manifest["python"],
            pip=manifest["pip"],
        )
        raise UsageError(
            Said("{target} is for other pins.", target=target),
            why=(reason,),
            next=("headstart vendor",),
        )
    wrong = [
        name
        for name, digest in manifest["files"].items()
        if not (target / name).is_file() or _digest(target / name) != digest
    ]
    if wrong:
        raise Refused(
            Said("{target} is damaged.", target=target),
            why=tuple(wrong[:5]),
            next=(
                Said("copy the folder again from the machine that filled it"),
                Said("or, where this one has a network: headstart up && headstart vendor"),
            ),
        )


def _discard_damaged(target: Path) -> None:
    """What is no longer as it was downloaded; pip takes a file for the one whose name it has."""
    try:
        files = json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return
    for name, digest in files.items():
        if (target / name).is_file() and _digest(target / name) != digest:
            (target / name).unlink()


def _downloaded(done: ProbeResult, pinned: Pins) -> None:
    if done.code:
        from bootstrap.machine.diagnosis import index_access  # noqa: PLC0415 - only then

        failed = HeadstartError(
            Said("Not everything could be downloaded."),
            why=tuple(done.output.splitlines()[-5:]),
            next=(Said("headstart vendor, to continue from here"),),
        )
        raise index_access.explained(failed, pinned.root)


def _python_source(pinned: Pins, folder: Path, tell: Callable[[str], None]) -> tuple[str, ...]:
    """The archive and pyenv's definition of it; the reason where there is none to take.

    It is for a machine that has no such Python: where it cannot be had, all else can be.
    """
    site = site_here(pinned.python, platform.look())
    definition = site.definition if site else None
    if definition is None:
        return (
            Said("Python {python}: there is no pyenv here that knows it", python=pinned.python),
        )
    text = definition.read_text(encoding="utf-8")
    found = [each for each in _ARCHIVE.finditer(text) if each["name"].endswith(".tar.xz")]
    if not found:
        return (Said("Python {python}: its definition names no .tar.xz", python=pinned.python),)
    (folder / "definitions").mkdir(parents=True, exist_ok=True)
    shutil.copy(definition, folder / "definitions" / pinned.python)
    url = found[0]["url"]
    tell(
        Said(
            "Python {python} from {url}, unless pyenv has it in its cache",
            python=pinned.python,
            url=url,
        )
    )
    try:
        _fetch(url, found[0]["digest"], folder / found[0]["name"])
    except HeadstartError as error:
        reason = " ".join((error.what, *error.why))
        left = Said(
            "Python {python}: {reason} The other machine needs that Python already",
            python=pinned.python,
            reason=reason,
        )
        tell(left)
        return (left,)
    return ()


def _fetch(url: str, digest: str, target: Path) -> None:
    """From pyenv's cache, else from where the definition says; verified either way."""
    if target.is_file() and _digest(target) == digest:
        return
    caches = (os.environ.get("PYTHON_BUILD_CACHE_PATH"), pyenv.root(os.environ) / "cache")
    kept = (Path(cache) / target.name for cache in caches if cache)
    cached = next((at for at in kept if at.is_file() and _digest(at) == digest), None)
    try:
        with draft(target) as archive:
            if cached:
                shutil.copy(cached, archive)
            else:
                urllib.request.urlretrieve(url, archive)  # noqa: S310 - pyenv's definition names it
            if _digest(archive) != digest:
                raise HeadstartError(Said("{url} is not the archive that was released.", url=url))
    except OSError as error:
        raise HeadstartError(
            Said("{url} could not be downloaded.", url=url), why=(_reason(error),)
        ) from error


def _reason(error: OSError) -> str:
    """In the system's words: urllib wraps what it was told in its own."""
    told = error.reason if isinstance(error, URLError) else error
    plain = told.strerror if isinstance(told, OSError) else None
    return f"{plain or told}."


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
