"""What this machine is, asked of its own commands: system, chip, compiler tools, Homebrew."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootstrap.processes import probe

System = Literal["macos", "linux"]

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
    `brew` is Homebrew's prefix.
    """

    system: System
    family: str
    name: str
    machine: str
    version: str = ""
    sdk: str = ""
    translated: bool = False
    developer_tools: bool = True
    brew: Path | None = None
    wsl: bool = False

    @property
    def apple_silicon(self) -> bool:
        return self.system == "macos" and self.machine == "arm64"


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
        brew=None,
        wsl="microsoft" in _answer("uname", "-r").lower(),
    )


def _macos() -> PlatformFact:
    version = _answer("sw_vers", "-productVersion")
    translated = _answer("sysctl", "-n", "sysctl.proc_translated") == "1"
    machine = "arm64" if translated else _answer("uname", "-m")
    tools = probe(("xcode-select", "-p")).code == 0
    return PlatformFact(
        system="macos",
        family="macos",
        name=f"macOS {version}",
        machine=machine,
        version=version,
        sdk=_answer("xcrun", "--sdk", "macosx", "--show-sdk-version") if tools else "",
        translated=translated,
        developer_tools=tools,
        brew=homebrew(),
    )


def is_macos() -> bool:
    return _answer("uname", "-s") == "Darwin"


def homebrew() -> Path | None:
    """Its prefix: what `brew` on PATH says, else one of the two places it lives in."""
    if shutil.which("brew") and (prefix := _answer("brew", "--prefix")):
        return Path(prefix)
    known = (Path("/opt/homebrew"), Path("/usr/local"))
    return next((at for at in known if os.access(at / "bin" / "brew", os.X_OK)), None)


def _answer(*argv: str) -> str:
    answer = probe(argv)
    return answer.output if answer.code == 0 else ""


def _os_release() -> dict[str, str]:
    try:
        text = _OS_RELEASE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {
        key: value.strip("\"'") for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)
    }
