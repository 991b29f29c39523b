"""In which form a repository says what it needs, and with which tool that is brought up.

Locks come first, then what only lists: of each form it is known which tool reads it, and what
`capture` has to write where the form itself does not fix every version.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.files import text_of
from bootstrap.machine import conda, declared
from bootstrap.machine.installers import LOCKS

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.toolchain import InstallerName

REQUIREMENTS = (
    *("requirements-dev.lock", "requirements-dev.txt", "requirements_dev.txt"),
    *("dev-requirements.txt", "dev_requirements.txt", "requirements/dev.txt"),
    *("requirements/development.txt", "requirements/local.txt", "requirements-test.txt"),
    *("requirements_test.txt", "test-requirements.txt", "requirements/test.txt"),
    *("requirements/tests.txt", "requirements/testing.txt"),
)
BASE_REQUIREMENTS = (
    *("requirements.lock", "requirements.txt", "requirements/base.txt", "requirements/common.txt"),
    *("requirements/requirements.txt", "requirements/main.txt", "requirements/prod.txt"),
)
MADE = ("requirements.lock", "headstart-requirements.lock")
MADE_BY = "headstart capture --write"
_FEW = 4
_DEVELOPMENT = ("dev", "develop", "development", "test", "tests", "testing")
_MAKES_A_LOCK = {"poetry": "poetry.lock", "pipenv": "Pipfile.lock"}


@dataclass(frozen=True)
class Form:
    """`lock` is what the tool reads. `sources` are what it has to be made of where it is not there;
    `lines` are more of them, as requirements. `lists` are those that pip reads.

    `installable` is whether the folder itself is a package. `refused` says what is not supported.
    """

    installer: InstallerName = "pip"
    lock: str = ""
    hashed: bool = True
    sources: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    installable: bool = False
    also: tuple[str, ...] = ()
    refused: str = ""


def recognise(root: Path) -> Form | None:
    """The form of the repository in this folder; None where nothing here is one."""
    if there := [name for name in LOCKS if (root / name).is_file()]:
        return _locked(root, there)
    if (root / "Pipfile").is_file():
        return Form("pipenv", sources=("Pipfile",), lock=_MAKES_A_LOCK["pipenv"])
    return _conda(root) or _of_pip(root)


def _of_pip(root: Path) -> Form | None:
    """Lists before packages: where there are both, the lists are for those who work on it."""
    if lists := _lists(root):
        return _listed(root, lists)
    if inside(toml(root / "pyproject.toml"), "tool", "poetry", "dependencies") is not None:
        return Form("poetry", sources=("pyproject.toml",), lock=_MAKES_A_LOCK["poetry"])
    if package := package_file(root):
        return _packaged(root, package)
    made = made_lock(root)
    return Form(lock=made) if made else None


def made_lock(root: Path) -> str:
    """The lock that `capture` has made here before; it says nothing of its own."""
    return next((name for name in MADE if MADE_BY in text_of(root / name)), "")


def package_file(root: Path) -> str:
    """Where a package in the folder says what it needs; empty where it is none."""
    pyproject = toml(root / "pyproject.toml")
    if "project" in pyproject:
        return "pyproject.toml"
    if (root / "setup.py").is_file():
        return "setup.py"
    return "setup.cfg" if "name" in _setup_cfg(root, "metadata") else ""


def is_installable(root: Path) -> bool:
    """A pyproject.toml may also be there for tools alone: only with a build system it is built."""
    pyproject = toml(root / "pyproject.toml")
    return "build-system" in pyproject or package_file(root) in {"setup.py", "setup.cfg"}


def folders(root: Path) -> tuple[str, ...]:
    """The folders in which a repository is that is none itself."""
    try:
        inner = sorted(at for at in root.iterdir() if at.is_dir() and not at.name.startswith("."))
    except OSError:
        return ()
    deeper = [sub for at in inner if at.name in {"apps", "packages", "services"} for sub in _in(at)]
    return tuple(str(at.relative_to(root)) for at in (*inner, *deeper) if recognise(at))


def toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError:
        return {}


def inside(document: object, *names: str) -> object:
    """What is under these names; None where there is no such table."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def python_requires(root: Path) -> tuple[str, str]:
    """What setup.cfg or setup.py says of Python, and which of them."""
    if said := _setup_cfg(root, "options").get("python_requires", "").strip():
        return said, "setup.cfg"
    return _setup_py(root, "python_requires"), "setup.py"


def unreadable(root: Path) -> str:
    """The file that cannot be parsed, and its parser's words: what it says is not known."""
    for name in ("pyproject.toml", "Pipfile", "poetry.lock", "uv.lock", "pdm.lock"):
        try:
            tomllib.loads(text_of(root / name))
        except tomllib.TOMLDecodeError as error:
            return f"{name} is no TOML: {error}"
    try:
        json.loads(text_of(root / "Pipfile.lock") or "{}")
    except ValueError as error:
        return f"Pipfile.lock is no JSON: {error}"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text_of(root / "setup.cfg"), "setup.cfg")
    except configparser.Error as error:
        return f"setup.cfg cannot be read: {' '.join(str(error).split())}"
    return conda.unreadable(root)


def project_name(root: Path) -> str:
    """The name that the project gives itself; empty where it has none."""
    pyproject = toml(root / "pyproject.toml")
    named = inside(pyproject, "project", "name") or inside(pyproject, "tool", "poetry", "name")
    of_setup = _setup_cfg(root, "metadata").get("name", "") or _setup_py(root, "name")
    return named if isinstance(named, str) else of_setup


def _setup_py(root: Path, argument: str) -> str:
    """A plain text that setup.py gives to `setup`; it is read, and never run."""
    try:
        tree = ast.parse(text_of(root / "setup.py"))
    except (SyntaxError, ValueError):
        return ""
    texts = (
        word.value.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == argument and isinstance(word.value, ast.Constant)
    )
    return next((said for said in texts if isinstance(said, str)), "")


def _in(folder: Path) -> list[Path]:
    return sorted(at for at in folder.iterdir() if at.is_dir())


def _locked(root: Path, there: list[str]) -> Form:
    lock, *others = there
    installers: dict[str, InstallerName] = {
        "poetry.lock": "poetry", "uv.lock": "uv", "pdm.lock": "pdm", "Pipfile.lock": "pipenv",
    }  # fmt: skip
    # Two locks: the one whose tool the pyproject.toml has a table for.
    tools = toml(root / "pyproject.toml").get("tool")
    named = [name for name in there if isinstance(tools, dict) and installers[name] in tools]
    if named:
        lock, others = named[0], [name for name in there if name != named[0]]
    return Form(installers[lock], lock, also=tuple(others))


def _lists(root: Path) -> tuple[str, ...]:
    """The list for development, and the one it needs besides where it does not include it."""
    made = made_lock(root)
    known = (BASE_REQUIREMENTS, REQUIREMENTS)
    others = [[name for name in names if name != made] for names in known]
    names_found = (next((n for n in names if (root / n).is_file()), "") for names in others)
    found = [name for name in names_found if name]
    if len(found) < 2:  # noqa: PLR2004
        return tuple(found)
    base, more = found
    hashed = "--hash=" in text_of(root / more)
    includes = root / base in lockfile.files(root / more)
    return (more,) if hashed or includes else (base, more)


def _listed(root: Path, lists: tuple[str, ...]) -> Form:
    texts = [text for name in lists for text in lockfile.texts_of(root / name)]
    whole = (
        len(lists) == 1 and lockfile.is_exact(texts) and any("--hash=" in each for each in texts)
    )
    installable = is_installable(root)
    if whole:
        return Form(lock=lists[0], installable=installable)
    package = package_file(root) if installable else ""
    sources = (*lists, *((package,) if package else ()))
    hashed = _can_be_hashed(texts)
    return Form(sources=sources, lists=lists, installable=installable, hashed=hashed)


def _can_be_hashed(texts: list[str]) -> bool:
    """pip checks no digest of what comes from a folder or from a repository of git."""
    said = [line for text in texts for line in lockfile.lines(text)]
    others = [line for line in said if line.kind in {"editable", "local", "other"}]
    elsewhere = [line for line in others if re.sub(r"\[.*", "", line.says) not in {".", "./"}]
    addresses = [
        line for line in said
        if line.kind == "requirement" and (it := lockfile.parsed(line.says)) and it.url
    ]  # fmt: skip
    return not elsewhere and not addresses


def _conda(root: Path) -> Form | None:
    file = conda.file_in(root)
    if file is None:
        return None
    names, lines = conda.packages(file)
    if others := conda.only_condas(names):
        few = ", ".join(others[:_FEW]) + (", …" if len(others) > _FEW else "")
        return Form(
            refused=f"{file.name} names packages of conda ({few}); Headstart installs only those "
            f"that pip can install. `micromamba create --file {file.name}` makes that environment"
        )
    if not lines:
        return None
    included = (at for at in conda.inputs(file)[1:] if at.name not in lockfile.METADATA)
    texts = [text for at in included for text in lockfile.texts_of(at)]
    hashed = _can_be_hashed(["\n".join(lines), *texts])
    installable = is_installable(root)
    return Form(lines=lines, lists=(file.name,), installable=installable, hashed=hashed)


def _packaged(root: Path, package: str) -> Form:
    """What the package needs, and what those who work on it need, where usual names say it."""
    pyproject = toml(root / "pyproject.toml")
    optional = inside(pyproject, "project", "optional-dependencies")
    of_tools = declared.groups_of_tools(root / "pyproject.toml")
    # Which groups are for development, PEP 735 leaves to their names; PDM and uv install all.
    groups = [name for name in declared.groups(root / "pyproject.toml") if name in _DEVELOPMENT]
    wanted = tuple(dict.fromkeys((*groups, *of_tools)))
    said = [line for name in of_tools for line in of_tools[name]]
    extras = optional if isinstance(optional, dict) else _setup_cfg(root, "options.extras_require")
    return Form(
        sources=(package,),
        extras=tuple(name for name in _DEVELOPMENT if name in extras),
        groups=wanted,
        hashed=_can_be_hashed(["\n".join(said)]),
        installable=is_installable(root),
        # What is not built has no metadata to verify: the file itself is asked.
        lists=() if is_installable(root) else (package,),
    )


def _setup_cfg(root: Path, section: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text_of(root / "setup.cfg"))
    except configparser.Error:
        return {}
    return dict(parser[section]) if parser.has_section(section) else {}
