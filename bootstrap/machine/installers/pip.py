"""pip, with a list of requirements: what it would still install is its own report."""

from __future__ import annotations

import json
import os
import shlex
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.machine import conda, declared
from bootstrap.machine.installers.installer import (
    Installer,
    Judgement,
    answer,
    in_short,
    last_words,
)
from bootstrap.machine.remembered import remembered
from bootstrap.versions import minor, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.pins import Argv, Pins

_FIRST_WITH_A_REPORT = (22, 2)
_UNLOCKED = {"pip", "setuptools", "wheel"}  # those who make locks may leave them out


class RequirementsInstaller(Installer):
    """A tool that installs a list of requirements, whole or not."""

    @abstractmethod
    def install(self, pins: Pins) -> Argv:
        """How it installs what the words that follow name."""

    def commands(self, pins: Pins) -> tuple[Argv, ...]:
        install = self.install(pins)
        listed = (*install, *strictness(pins), "-r", str(pins.lock))
        return (listed, (*install, "--no-deps", *editable(pins))) if pins.editable else (listed,)

    def names(self, pins: Pins) -> frozenset[PackageName]:
        return lockfile.names(lockfile.texts_of(pins.lock))

    def surely_asks(self, pins: Pins) -> bool:
        return lockfile.surely_asks(lockfile.texts_of(pins.lock))

    def exact(self, pins: Pins) -> dict[PackageName, str] | None:
        """To read it takes a parser of markers, which takes longer to load than all the rest."""
        if not pins.hashed:
            return None
        texts = lockfile.texts_of(pins.lock)
        decides = (pins.python, sys.implementation.name, *os.uname(), *texts)
        return remembered(
            "locks", decides, lambda: self.pinned(pins) if lockfile.is_exact(texts) else None
        )

    def pinned(self, pins: Pins) -> dict[PackageName, str]:
        return lockfile.wanted(lockfile.entries(pins.lock), pins.python)

    def outdated(self, pins: Pins) -> str:
        lacking = unlocked(pins)
        named = ", ".join(map(pins.shown, _all_sources(pins)))
        return f"{pins.shown(pins.lock)} lacks what {named} asks for: {lacking}" if lacking else ""

    def inputs(self, pins: Pins) -> tuple[Path, ...]:
        own = lockfile.metadata_files(pins.root) if pins.editable else ()
        lists = (path for source in pins.sources for path in _inputs(source))
        return tuple(dict.fromkeys((*lockfile.inputs(pins.lock), *lists, *own)))

    def is_installed(self, pins: Pins, path: Path, document: Mapping[str, object]) -> bool:  # noqa: ARG002
        """A source only asks for packages, unless a list names its folder too."""
        return pins.editable or path not in pins.sources or path in lockfile.inputs(pins.lock)


class Pip(RequirementsInstaller):
    tool = "pip"

    def install(self, pins: Pins) -> Argv:
        # Python compiles what it imports itself.
        return (*pins.venv_pip, "install", "--no-compile", "--progress-bar", "off")

    def judge(self, pins: Pins) -> Judgement:
        return report(pins, (*strictness(pins), "-r", str(pins.lock)))


def planned(said: str) -> list[dict[str, dict[str, object]]]:
    """What pip's report says it would install; ValueError where there is none among its words."""
    document, _ = json.JSONDecoder().raw_decode(said, said.index('{\n  "version"'))
    found: list[dict[str, dict[str, object]]] = document["install"]
    return found


def report(pins: Pins, wanted: Argv) -> Judgement:
    """What a pip would still install; where the pinned one is too old to say it, another one."""
    pip = _reporting(pins)
    if pip is None:
        return Judgement(unclear=f"pip {pins.pip} has no report of what it would install")
    done = answer((*pip, "install", "--dry-run", "--quiet", "--report", "-", *wanted), pins)
    try:
        reported = planned(done.output)
    except ValueError:
        return Judgement(unclear=f"pip could not tell: {last_words(done)}")
    here = _from_folders(pins)
    return Judgement(lacking=_lacking([each for each in reported if not here & _source(each)]))


def asked_by(pins: Pins, sources: tuple[Path, ...]) -> Judgement:
    """Whether the venv has what these lists ask for, whichever lock it was installed from."""
    words: list[str] = []
    for source in sources:
        among_others = _among_others(source, pins)
        words += ("-r", str(source)) if among_others is None else _words(among_others)
    return report(pins, tuple(words)) if words else Judgement()


def unlocked(pins: Pins) -> str:
    """What the lists name and a lock of exact versions has not, by what both say alone.

    Empty where nothing is seen so: what a package needs besides, an index alone can tell.
    """
    texts = lockfile.texts_of(pins.lock)
    if not _all_sources(pins) or not lockfile.is_exact(texts):
        return ""
    locked = lockfile.wanted(lockfile.entries(pins.lock), pins.python)
    asked = (each for text in _stated(pins) for each in lockfile.requirements(text))
    found = [
        str(each).partition(";")[0].strip()
        for each in asked
        if lockfile.is_wanted(each, pins.python)
        and lockfile.normalize(each.name) not in {*_UNLOCKED, lockfile.normalize(pins.project)}
        and not lockfile.is_met(each, locked)
    ]
    return in_short(found) if found else ""


def _all_sources(pins: Pins) -> tuple[Path, ...]:
    """The project itself asks too, where it is installed from here."""
    own = pins.root / "pyproject.toml"
    return tuple(dict.fromkeys((*pins.sources, *((own,) if pins.editable else ()))))


def _stated(pins: Pins) -> tuple[str, ...]:
    texts: list[str] = []
    for source in _all_sources(pins):
        among_others = _among_others(source, pins)
        if among_others is not None:
            texts.append("\n".join(among_others))
        elif source.name not in lockfile.METADATA and source.is_file():
            texts += lockfile.texts_of(source)
    return tuple(texts)


def _among_others(source: Path, pins: Pins) -> tuple[str, ...] | None:
    """The requirements in a file that says other things too; None for one that is a list."""
    if _is_conda(source):
        return conda.packages(source)[1]
    if source.suffix == ".toml":
        return declared.requirements(source, pins.extras, pins.groups or ())
    return None


def _words(lines: tuple[str, ...]) -> list[str]:
    """As a command line has them: an option and what it names are two words there."""
    return [
        word
        for line in lines
        for word in (shlex.split(line, comments=True) if line.startswith("-") else (line,))
    ]


def _inputs(source: Path) -> tuple[Path, ...]:
    return conda.inputs(source) if _is_conda(source) else lockfile.inputs(source)


def _is_conda(source: Path) -> bool:
    return source.suffix in {".yml", ".yaml"}


def strictness(pins: Pins) -> Argv:
    """A whole lock needs no resolving; requirements without hashes are none."""
    return ("--require-hashes", "--no-deps") if pins.hashed else ()


def editable(pins: Pins) -> Argv:
    """The project itself, from where it is worked on."""
    extras = f"[{','.join(pins.extras)}]" if pins.extras else ""
    return ("-e", f".{extras}")


def _reporting(pins: Pins) -> Argv | None:
    if numbers(pins.pip) >= _FIRST_WITH_A_REPORT:
        return pins.venv_pip
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415 - rarely needed

    wheel = get_embed_wheel("pip", minor(pins.python))
    return (str(pins.venv_python), f"{wheel.path}/pip") if wheel else None


def _from_folders(pins: Pins) -> set[str]:
    """What is installed from folders. pip always says of a folder that it would install it."""
    found: set[str] = set()
    for file in pins.site_packages.glob("*.dist-info/direct_url.json"):
        name = file.parent.name.removesuffix(".dist-info").rpartition("-")[0]
        try:
            source = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # a damaged one names no folder: pip installs it again
        found |= _folder_of(name, source)
    return found


def _source(planned: dict[str, dict[str, object]]) -> set[str]:
    return _folder_of(str(planned["metadata"]["name"]), planned["download_info"])


def _folder_of(name: str, source: dict[str, object]) -> set[str]:
    """The package, its folder, and whether it is worked on there; empty where it is of none."""
    folder = source.get("dir_info")
    if not isinstance(folder, dict):
        return set()
    how = "editable" if folder.get("editable") else "copied"
    return {f"{lockfile.normalize(name)} {how} {str(source['url']).rstrip('/')}"}


def _lacking(planned: list[dict[str, dict[str, object]]]) -> str:
    found = [f"{each['metadata']['name']} {each['metadata']['version']}" for each in planned]
    return f"pip would still install {len(found)}: {in_short(found)}" if found else ""
