"""What a project demands of a machine, read from its own files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from bootstrap import __version__, state, versions
from bootstrap.errors import UsageError
from bootstrap.files import text_of, write_atomically
from bootstrap.language import Said
from bootstrap.machine.installers import LOCKS
from bootstrap.paths import real_path
from bootstrap.versions import newest_pip, oldest_pip

if TYPE_CHECKING:
    from bootstrap.machine.toolchain import InstallerName, PackagesTable, Provider, Toolchain

Argv = tuple[str, ...]

TOOLCHAIN = "toolchain.yml"
PYTHON_VERSION = ".python-version"


class DotenvPin(NamedTuple):
    file: Path
    example: Path
    secrets: tuple[str, ...]


class MigrationsPin(NamedTuple):
    command: Argv
    versions: Path


class HttpClientPin(NamedTuple):
    command: Argv
    files: tuple[Path, ...]
    url: str


@dataclass(frozen=True)
class Pins:
    """All paths are absolute; commands name the venv's own interpreter.

    `made_by` makes the lock where there is none yet.
    `groups` are the only ones that are wanted; None leaves it to the installer.
    """

    root: Path
    project: str
    python: str
    pip: str
    venv: Path
    lock: Path
    dotenv: DotenvPin | None
    migrations: MigrationsPin | None
    verification: tuple[Argv, ...]
    provider: Provider = "pyenv"
    installer: InstallerName = "pip"
    hashed: bool = True
    installer_version: str = ""
    made_by: Argv = ()
    editable: bool = False
    sources: tuple[Path, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    services: tuple[str, ...] = ()
    ide: tuple[str, ...] = ()
    http_client: HttpClientPin | None = None

    @property
    def venv_python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def venv_pip(self) -> Argv:
        return (str(self.venv_python), "-m", "pip")

    @property
    def site_packages(self) -> Path:
        return self.venv / "lib" / f"python{versions.minor(self.python)}" / "site-packages"

    def shown(self, path: Path) -> str:
        """`path` as a person would write it: relative to the project, or from the home folder."""
        for base, prefix in ((self.root, ""), (Path.home(), "~/")):
            if path.is_relative_to(base):
                return f"{prefix}{path.relative_to(base)}"
        return str(path)


def locate(start: Path) -> Path:
    """The project that `start` is in: the nearest folder upwards with a `toolchain.yml`."""
    start = real_path(start)
    return next((at for at in (start, *start.parents) if (at / TOOLCHAIN).is_file()), start)


def read(root: Path) -> Pins:
    """Read and validate every pin of the project in `root`; a UsageError names each line."""
    root = real_path(root)
    source = _text_of(root / TOOLCHAIN)
    if source is None:
        raise UsageError(
            Said("There is no Headstart project in {root}.", root=root),
            why=(Said("It has no {toolchain}.", toolchain=TOOLCHAIN),),
            next=(Said("cd into a project, or name one with --project DIR"), "headstart new DEST"),
        )
    python, problems = _pinned_python(root)
    document, more = _toolchain(source)
    problems += more
    if document and python:
        problems += _pip_problems(document["pip"], python)
    packages = document["packages"] if document else None
    if packages and "made_by" not in packages and not (root / packages["lock"]).is_file():
        problems += (
            Said(
                "{toolchain}: the lock {packages} does not exist",
                toolchain=TOOLCHAIN,
                packages=packages["lock"],
            ),
        )
    if document:
        problems += _installer_problems(document["packages"])
    if problems or document is None:
        raise UsageError(
            Said("The pins of this project cannot be used."),
            why=problems,
            next=(Said("correct the lines above, then run the command again"),),
        )
    return _assembled(root, python, document)


def _assembled(root: Path, python: str, document: Toolchain) -> Pins:
    shared = document["venv"].get("root")
    name = f"{document['project']}_{python}"
    venv = Path(shared).expanduser() / name if shared else root / ".venv"
    dotenv, migrations = document.get("environment"), document.get("migrations")
    packages, client = document["packages"], document.get("http_client")

    def in_venv(command: list[str]) -> Argv:
        program, *words = command
        return (str(venv / "bin" / "python") if program == "python" else program, *words)

    return Pins(
        root=root,
        project=document["project"],
        python=python,
        pip=document["pip"],
        venv=venv,
        lock=root / packages["lock"],
        dotenv=DotenvPin(
            root / dotenv["file"], root / dotenv["example"], tuple(dotenv.get("secrets", ()))
        )
        if dotenv
        else None,
        migrations=MigrationsPin(in_venv(migrations["command"]), root / migrations["versions"])
        if migrations
        else None,
        verification=tuple(map(in_venv, document.get("proof", ()))),
        provider=document["python"]["provider"] if "python" in document else "pyenv",
        installer=packages["installer"],
        services=tuple(document.get("services", ())),
        ide=tuple(document.get("ide", ())),
        http_client=HttpClientPin(
            in_venv(client["command"]),
            tuple(root / file for file in client["files"]),
            client["url"],
        )
        if client
        else None,
        hashed=packages.get("hashes", "required") == "required",
        installer_version=packages.get("version", ""),
        made_by=tuple(packages.get("made_by", ())),
        editable="project" in packages,
        sources=tuple(root / name for name in packages.get("sources", ())),
        extras=tuple(packages.get("extras", ())),
        groups=tuple(packages["groups"]) if "groups" in packages else None,
    )


def _pinned_python(root: Path) -> tuple[str, tuple[str, ...]]:
    text = _text_of(root / PYTHON_VERSION)
    if text is None:
        return "", (
            Said(
                "{file} is missing: it holds the exact Python, such as 3.13.0",
                file=PYTHON_VERSION,
            ),
        )
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        return "", (
            Said(
                "{file}:1: holds no version; write an exact one, such as 3.13.0",
                file=PYTHON_VERSION,
            ),
        )
    problems = tuple(
        Said(
            '{file}:{number}: "{line}" is not an exact version such as 3.13.0',
            file=PYTHON_VERSION,
            number=number,
            line=line,
        )
        for number, line in lines
        if not re.fullmatch(r"3\.[0-9]{1,2}\.[0-9]{1,3}", line)
    )
    if len(lines) > 1:
        problems += (
            Said(
                "{file}:{lines}: holds more than one version",
                file=PYTHON_VERSION,
                lines=lines[1][0],
            ),
        )
    return lines[0][1], problems


def _toolchain(text: str) -> tuple[Toolchain | None, tuple[str, ...]]:
    """The validated document; one that was valid before is recalled without importing YAML."""
    if document := _recalled(text):
        return document, ()
    from bootstrap.machine import toolchain  # noqa: PLC0415 - a no-op has no use for the rules
    from bootstrap.machine.rules import InvalidError  # noqa: PLC0415

    try:
        document = toolchain.checked(text)
    except InvalidError as invalid:
        problems = (f"{TOOLCHAIN}:{each.line}: {each.text}" for each in invalid.problems)
        return None, tuple(problems)
    _remember(text, json.dumps(document))
    return document, ()


def _cached(text: str) -> Path:
    digest = _digest(f"{__version__}\0{text}")
    return state.cache_dir() / f"toolchain-{digest[:32]}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _recalled(text: str) -> Toolchain | None:
    """What `_remember` wrote; None where that is not there, or damaged."""
    digest, _, document = text_of(_cached(text)).partition("\n")
    return cast("Toolchain", json.loads(document)) if digest == _digest(document) else None


def _remember(text: str, checked: str) -> None:
    try:
        state.private_dir(state.cache_dir())
        write_atomically(_cached(text), f"{_digest(checked)}\n{checked}", mode=0o600)
    except OSError:
        return  # only a shortcut: a read-only home costs the next run 0.1 s


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(Said("{path} cannot be read.", path=path), why=(str(error),)) from error


def _installer_problems(packages: PackagesTable) -> tuple[str, ...]:
    """A lock of one tool is nothing to another, and not every key has a meaning to each."""
    installer, lock = packages["installer"], packages["lock"].rpartition("/")[2]
    owner = LOCKS.get(lock, "")
    requirements = not owner and installer in {"pip", "uv"}
    problems: list[str] = []
    if owner != installer and not requirements:
        whose = Said("a lock of {owner}", owner=owner) if owner else Said("no lock of its own")
        problems.append(
            Said(
                "packages.lock: to {installer}, {packages} is {whose}",
                installer=installer,
                packages=packages["lock"],
                whose=whose,
            )
        )
    if owner and "/" in packages["lock"]:
        problems.append(
            Said(
                "packages.lock: {lock} must be beside {toolchain}, for {owner} runs there",
                lock=lock,
                toolchain=TOOLCHAIN,
                owner=owner,
            )
        )
    if "version" in packages and installer == "pip":
        problems.append(Said("packages.version: the exact pip is what `pip:` says"))
    is_stated = "project" in packages or "pyproject.toml" in packages.get("sources", ())
    for key in ("extras", "groups"):
        if requirements and key in packages and not is_stated:
            needed = Said('"project: editable", or pyproject.toml among its sources')
            problems.append(Said("packages.{key} needs {needed}", key=key, needed=needed))
    if requirements and "made_by" in packages:
        problems.append(Said("packages.made_by has a meaning only with a lock that one tool reads"))
    if not requirements and "sources" in packages:
        problems.append(Said("packages.sources has a meaning only with a list of requirements"))
    if not requirements and "project" in packages:
        problems.append(
            Said(
                "packages.project: {installer} installs the project by its own rules",
                installer=installer,
            )
        )
    return tuple(f"{TOOLCHAIN}: {each}" for each in problems)


def _pip_problems(pip: str, python: str) -> tuple[str, ...]:
    pinned, oldest, newest = versions.numbers(pip), oldest_pip(python), newest_pip(python)
    if oldest and pinned < versions.numbers(oldest):
        wanted = Said("{oldest} or newer", oldest=oldest)
    elif newest and pinned > versions.numbers(newest):
        wanted = Said("{newest} or older", newest=newest)
    else:
        return ()
    return (
        Said(
            "{toolchain}: pip {pip} does not work on Python {python}; pin {wanted}",
            toolchain=TOOLCHAIN,
            pip=pip,
            python=python,
            wanted=wanted,
        ),
    )
