"""What this machine is: system, chip, compiler tools, and Homebrew with its formulae."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from bootstrap.files import text_of
from bootstrap.machine.facts.homebrew import by_use, installed
from bootstrap.processes import probe

if TYPE_CHECKING:
    from bootstrap.machine.facts.homebrew import Homebrew
    from bootstrap.machine.pins import Pins

System = Literal["macos", "linux"]

BREWFILE = "Brewfile"
_FORMULA = re.compile(r"""^[ \t]*brew[ \t]+["']([^"']+)["']""", re.MULTILINE)
_OS_RELEASE = Path("/etc/os-release")
_FAMILIES = (
    ("debian", {"debian", "ubuntu", "linuxmint", "raspbian", "pop", "kali"}),
    ("fedora", {"fedora", "rhel", "centos", "rocky", "almalinux", "amzn"}),
    ("alpine", {"alpine"}),
    ("arch", {"arch", "manjaro"}),
    ("suse", {"suse", "opensuse", "sles"}),
)


@dataclass(frozen=True)
class PlatformFact:
    """`sdk` is the macOS SDK that the Command Line Tools bring, empty without them.

    `machine` is the chip's own architecture, `translated` says that this shell runs under Rosetta;
    `brews` are its Homebrews, of which the first is used. `tools_say` is why the Command Line Tools
    that are there give no compiler, in their own words.
    """

    system: System
    family: str
    name: str
    machine: str
    version: str = ""
    sdk: str = ""
    translated: bool = False
    developer_tools: bool = True
    tools_say: str = ""
    brews: tuple[Homebrew, ...] = ()
    wsl: bool = False

    @property
    def brew(self) -> Path | None:
        """The prefix of the Homebrew that is used."""
        return self.brews[0].prefix if self.brews else None

    @property
    def apple_silicon(self) -> bool:
        return self.system == "macos" and self.machine == "arm64"


class HomebrewFact(NamedTuple):
    """The formulae of the project's Brewfile that are not installed on this Mac."""

    missing: tuple[str, ...] = ()


def look() -> PlatformFact:
    if is_macos():
        return _macos()
    release = _os_release()
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    family = next((family for family, ids in _FAMILIES if ids & names), "")
    return PlatformFact(
        system="linux",
        family=family,
        name=release.get("PRETTY_NAME", "Linux"),
        machine=_answer("uname", "-m"),
        wsl="microsoft" in _answer("uname", "-r").lower(),
    )


def _macos() -> PlatformFact:
    version = _answer("sw_vers", "-productVersion")
    translated = is_translated()
    machine = "arm64" if translated else _answer("uname", "-m")
    tools = probe(("xcode-select", "-p")).code == 0
    # It may lead to an Xcode that is gone, or whose license nobody has agreed to.
    compiler = probe(("xcrun", "--find", "clang")) if tools else None
    return PlatformFact(
        system="macos",
        family="macos",
        name=f"macOS {version}",
        machine=machine,
        version=version,
        sdk=_answer("xcrun", "--sdk", "macosx", "--show-sdk-version") if tools else "",
        translated=translated,
        developer_tools=tools,
        tools_say=compiler.output.strip() if compiler and compiler.code else "",
        brews=by_use(installed(), machine),
    )


def is_macos() -> bool:
    return _answer("uname", "-s") == "Darwin"


def is_translated() -> bool:
    """Whether this shell runs under Rosetta: there, `uname` calls Apple's chip an Intel one."""
    return _answer("sysctl", "-n", "sysctl.proc_translated") == "1"


def homebrews() -> tuple[Homebrew, ...]:
    """All that are here, of which the first is used; only of two or more is the chip asked."""
    found = installed()
    if len(found) > 1:
        return by_use(found, "arm64" if is_translated() else _answer("uname", "-m"))
    return found


def homebrew() -> Path | None:
    """The prefix of the one that is used."""
    return next((each.prefix for each in homebrews()), None)


def brew_command() -> tuple[str, ...]:
    """What a person types for it: by its path where `brew` is another one, or none.

    Under Rosetta the one for Apple's chip installs nothing, unless it is started as that chip's.
    """
    used = next(iter(homebrews()), None)
    on_path = shutil.which("brew")
    name = "brew" if used is None or on_path == str(used.program) else str(used.program)
    of_chip = ("arch", "-arm64") if is_macos() and is_translated() else ()
    return (*of_chip, name)


def look_at_homebrew(pins: Pins) -> HomebrewFact:
    """By the links that Homebrew keeps in `opt`; no process is started where there is none."""
    named = formulae(pins.root / BREWFILE)
    prefix = homebrew() if named else None
    if prefix is None or not is_macos():
        return HomebrewFact()
    return HomebrewFact(tuple(name for name in named if not is_installed(prefix, name)))


def formulae(brewfile: Path) -> tuple[str, ...]:
    """What its `brew` lines name, in their order."""
    return tuple(dict.fromkeys(_FORMULA.findall(text_of(brewfile))))


def is_installed(prefix: Path, formula: str) -> bool:
    return (prefix / "opt" / formula.rpartition("/")[2]).exists()


def _answer(*argv: str) -> str:
    answer = probe(argv)
    return answer.output if answer.code == 0 else ""


def _os_release() -> dict[str, str]:
    pairs = re.findall(r"^(\w+)=(.*)$", text_of(_OS_RELEASE), re.MULTILINE)
    return {key: value.strip("\"'") for key, value in pairs}
