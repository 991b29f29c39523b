"""What a build will need, asked of the compiler itself: milliseconds instead of a failed build.

It is looked at only where Python has to be built.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv
from bootstrap.language import Said
from bootstrap.machine.building import build_env, progress
from bootstrap.machine.diagnosis.causes import CauseId, all_causes, cause_of_command
from bootstrap.machine.facts import platform
from bootstrap.machine.facts.homebrew import INTEL
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.machine.facts.platform import PlatformFact
    from bootstrap.machine.pins import Pins

MEBIBYTE = 1024 * 1024
# Measured for 3.13: 402 MB of sources and objects, 326 MB installed.
BUILD_MEBIBYTES = 450
PREFIX_MEBIBYTES = 350

_DARWIN_WITHOUT = {"zlib.h", "bzlib.h", "sqlite3.h", "ffi.h", "readline/readline.h"}
_FRAMEWORKS_BREW = ("openssl@3", "readline", "sqlite", "xz", "zlib", "libffi", "bzip2", "gettext")
_GIVEN_OPENSSL = re.compile(r"--with-openssl=(\S+)")
_ANSWER = re.compile(r"^HAVE (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Obstacle:
    """Why a build cannot succeed, by the id of its cause, and the particulars."""

    cause: CauseId
    detail: str


@dataclass(frozen=True)
class Site:
    """Where a version is built: pyenv's program and root, the machine, the variables given."""

    version: str
    pyenv: Path
    root: Path
    platform: PlatformFact
    given: Mapping[str, str]

    @property
    def prefix(self) -> Path:
        return self.root / "versions" / self.version

    @property
    def definition(self) -> Path | None:
        """pyenv's recipe for the version; None where its recipes are not where they always are."""
        folders = _definition_folders(self)
        found = (at / self.version for at in folders if (at / self.version).is_file())
        return next(found, None)


@dataclass(frozen=True)
class BuildFact:
    """`site` is None without a pyenv. `failed_plain`: an earlier plain build ended in failure."""

    platform: PlatformFact
    site: Site | None
    obstacles: tuple[Obstacle, ...] = ()
    wrong_openssl: Path | None = None
    failed_plain: bool = False


def look(pins: Pins) -> BuildFact:
    machine = platform.look()
    site = site_here(pins.python, machine)
    if site is None:
        return BuildFact(machine, None)
    failed = progress.plain_failed(pins.python)
    return BuildFact(machine, site, obstacles(site), wrong_openssl(site.given), failed)


def site_here(version: str, machine: PlatformFact) -> Site | None:
    """Where that version would be built on this machine; None without a pyenv."""
    program = pyenv_program(os.environ, machine)
    given = {name: value for name, value in os.environ.items() if value}
    return Site(version, program, pyenv.root(os.environ), machine, given) if program else None


def pyenv_program(environ: Mapping[str, str], machine: PlatformFact) -> Path | None:
    """On PATH, in pyenv's own root, or where Homebrew puts it."""
    found = shutil.which("pyenv", path=environ.get("PATH", os.defpath))
    if found:
        return Path(found)
    homes = [pyenv.root(environ), *([machine.brew] if machine.brew else [])]
    programs = (home / "bin" / "pyenv" for home in homes)
    return next((at for at in programs if os.access(at, os.X_OK)), None)


def obstacles(site: Site) -> tuple[Obstacle, ...]:
    """Everything that can be known beforehand, before anything is downloaded or compiled."""
    return (*_system(site), *_prefix(site), *_definition(site), *_tools(site), *_space(site))


def wrong_openssl(given: Mapping[str, str]) -> Path | None:
    """The folder named by --with-openssl, when no OpenSSL can be built against in it."""
    match = _GIVEN_OPENSSL.search(given.get("PYTHON_CONFIGURE_OPTS", ""))
    if match is None or (Path(match[1]) / "include" / "openssl" / "ssl.h").is_file():
        return None
    return Path(match[1])


def _system(site: Site) -> Iterator[Obstacle]:
    machine = site.platform
    if machine.translated:
        yield Obstacle(
            CauseId("rosetta-shell"), Said("this shell runs under Rosetta on an Apple chip")
        )
    if machine.apple_silicon and machine.brew == INTEL:
        detail = Said("the Homebrew in {intel} is for Intel; the chip is Apple's", intel=INTEL)
        yield Obstacle(CauseId("mixed-architecture"), detail)
    if not machine.developer_tools:
        yield Obstacle(CauseId("clt-missing"), Said("the Command Line Tools are not installed"))
    elif machine.tools_say:
        evident = cause_of_command(machine.tools_say)
        steps = f" ({evident.repair[0]})" if evident else ""
        said = evident.sentence if evident else machine.tools_say.splitlines()[0]
        yield Obstacle(
            CauseId("clt-missing"),
            Said("xcrun finds no compiler: {said}{steps}", said=said, steps=steps),
        )


def _prefix(site: Site) -> Iterator[Obstacle]:
    """make splits paths at spaces, so it cannot install into one that has some."""
    if any(letter.isspace() for letter in str(site.prefix)):
        detail = Said(
            "there is a space in {prefix}, where it would be installed", prefix=site.prefix
        )
        yield Obstacle(CauseId("space-in-path"), detail)


def _definition(site: Site) -> Iterator[Obstacle]:
    if _definition_folders(site) and site.definition is None:
        detail = Said(
            "pyenv in {root} does not know Python {version}", root=site.root, version=site.version
        )
        yield Obstacle(CauseId("unknown-version"), detail)


def _tools(site: Site) -> Iterator[Obstacle]:
    """The compiler has to make a program that runs; the rest has to be found."""
    environ = build_env.clean(site.given, site.platform)
    path = environ["PATH"]
    if not site.platform.developer_tools or site.platform.tools_say:
        return
    compiler = _compiler(path)
    if compiler is None or not _compiles(compiler, environ):
        yield Obstacle(CauseId("clt-missing"), Said("there is no C compiler whose programs run"))
        return
    if not shutil.which("make", path=path):
        yield Obstacle(CauseId("make-missing"), Said("there is no make"))
    if _patched(site) and not shutil.which("patch", path=path):
        yield Obstacle(CauseId("patch-missing"), Said("there is no patch"))
    if not shutil.which("xz", path=path) and site.platform.system == "linux":
        yield Obstacle(CauseId("xz-missing"), Said("there is no xz"))
    if not any(shutil.which(each, path=path) for each in ("aria2c", "curl", "wget")):
        yield Obstacle(CauseId("download-failed"), Said("there is no curl, wget or aria2c"))
    yield from _headers(compiler, environ, site)


def _headers(compiler: str, environ: dict[str, str], site: Site) -> Iterator[Obstacle]:
    wanted = {cause.header: cause for cause in all_causes() if cause.header}
    present = (
        _homebrew_headers(site, tuple(wanted))
        if site.platform.system == "macos"
        else _included(compiler, environ, site, tuple(wanted))
    )
    if present is None:
        return
    for header, cause in wanted.items():
        if header not in present:
            yield Obstacle(cause.id, f"<{header}> is not there")


def _included(
    compiler: str, environ: dict[str, str], site: Site, headers: tuple[str, ...]
) -> set[str] | None:
    """The headers that the compiler finds; None when it is too old to be asked this way."""
    source = "#ifdef __has_include\nHAVE asked\n"
    source += "".join(f"#if __has_include(<{each}>)\nHAVE {each}\n#endif\n" for each in headers)
    answer = probe(
        (compiler, *_include_flags(site), "-E", "-P", "-x", "c", "-"),
        environ=environ,
        given=source + "#endif\n",
    )
    found = set(_ANSWER.findall(answer.output))
    return found if answer.code == 0 and "asked" in found else None


def _homebrew_headers(site: Site, headers: tuple[str, ...]) -> set[str]:
    """On a Mac the SDK brings some, and Homebrew's formulae the others, linked or not."""
    folders = [
        site.platform.brew / at
        for at in ("include", *(f"opt/{formula}/include" for formula in _FRAMEWORKS_BREW))
        if site.platform.brew
    ]
    from_formulae = {each for each in headers for at in folders if (at / each).is_file()}
    return from_formulae | (_DARWIN_WITHOUT & set(headers))


def _include_flags(site: Site) -> tuple[str, ...]:
    given = _GIVEN_OPENSSL.search(site.given.get("PYTHON_CONFIGURE_OPTS", ""))
    flags = [site.given.get("PYTHON_CPPFLAGS", ""), site.given.get("PYTHON_CFLAGS", "")]
    words = " ".join(flags).split()
    named = [f"-I{given[1]}/include"] if given else []
    return (*named, *(word for word in words if word.startswith("-I")))


def _compiler(path: str) -> str | None:
    return next(
        (at for name in ("gcc", "cc", "clang") if (at := shutil.which(name, path=path))), None
    )


def _compiles(compiler: str, environ: dict[str, str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        program = f"{folder}/a.out"
        argv = (compiler, "-x", "c", "-", "-o", program)
        made = probe(argv, environ=environ, given="int main(void) { return 0; }\n")
        # Whether a program in the folder of temporary files may run at all is another question.
        return made.code == 0 and Path(program).is_file()


def _patched(site: Site) -> bool:
    definition = site.definition
    if definition is None:
        return False
    patches = definition.parent / "patches" / site.version / f"Python-{site.version}"
    return patches.is_dir() and any(patches.iterdir())


def _definition_folders(site: Site) -> tuple[Path, ...]:
    given = site.given.get("PYTHON_BUILD_DEFINITIONS", "").split(os.pathsep)
    # Homebrew keeps pyenv's own files beside the program, not in PYENV_ROOT.
    homes = (site.root, site.pyenv.resolve().parent.parent)
    known = [
        *(Path(each) for each in given if each),
        *(at for home in homes for at in home.glob("plugins/*/share/python-build")),
    ]
    return tuple(at for at in known if at.is_dir())


def _space(site: Site) -> Iterator[Obstacle]:
    temporary = Path(site.given.get("TMPDIR") or tempfile.gettempdir())
    for folder, needed in (
        (temporary, BUILD_MEBIBYTES),
        (_existing(site.prefix), PREFIX_MEBIBYTES),
    ):
        if not folder.is_dir():
            yield Obstacle(
                CauseId("tmp-not-writable"), Said("{folder} is no folder", folder=folder)
            )
            continue
        free = shutil.disk_usage(folder).free // MEBIBYTE
        if free < needed:
            detail = Said(
                "{folder} has {free} MB free, a build needs {needed} MB there",
                folder=folder,
                free=free,
                needed=needed,
            )
            yield Obstacle(CauseId("disk-full"), detail)
    if not os.access(_existing(site.prefix), os.W_OK):
        detail = Said("{existing} cannot be written to", existing=_existing(site.prefix))
        yield Obstacle(CauseId("prefix-not-writable"), detail)


def _existing(path: Path) -> Path:
    return next(at for at in (path.parent, *path.parents) if at.is_dir())
