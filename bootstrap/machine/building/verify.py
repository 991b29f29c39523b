"""Is an interpreter what it should be? Asked of it, because no exit code says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.processes import probe

if TYPE_CHECKING:
    from pathlib import Path

# pyenv reports success with most of these missing, when their headers were not there.
MODULES = ("ssl", "zlib", "sqlite3", "bz2", "lzma", "ctypes", "readline", "hashlib")
_PROBE = """
import importlib, json, platform, sys, sysconfig
missing = []
for name in sys.argv[1:]:
    try: importlib.import_module(name)
    except ImportError: missing.append(name)
try: import ssl; openssl = ssl.OPENSSL_VERSION
except ImportError: openssl = ""
print(json.dumps({
    "version": platform.python_version(), "machine": platform.machine(), "missing": missing,
    "openssl": openssl, "flags": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "framework": sysconfig.get_config_var("PYTHONFRAMEWORK") or "",
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """What an interpreter says of itself."""

    version: str
    machine: str
    openssl: str
    flags: str
    framework: str
    missing: tuple[str, ...]


def interrogate(python: Path) -> Interpreter | str:
    """What it says of itself; a sentence where it does not run."""
    answer = probe((str(python), "-I", "-c", _PROBE, *MODULES))
    try:
        told = json.loads(answer.output.splitlines()[-1])
        return Interpreter(**{**told, "missing": tuple(told["missing"])})
    except (ValueError, TypeError, KeyError, IndexError):
        last = answer.output.splitlines()[-1:] or [f"exit code {answer.code}, and not a word"]
        return f"{python} does not run: {last[0]}"


def problems(
    said: Interpreter, version: str, machine: str = "", options: str = ""
) -> tuple[str, ...]:
    """In what it is not as it should be; pure. `machine` and `options` are what was asked for."""
    found: list[str] = []
    if said.version != version:
        found.append(f"it says it is Python {said.version}, not {version}")
    if said.missing:
        found.append(f"it was built without {', '.join(said.missing)}")
    if machine and said.machine.lower() != machine.lower():
        found.append(f"it is for {said.machine}, this machine is {machine}")
    if said.openssl.startswith("LibreSSL"):
        found.append(f"it is linked with {said.openssl}, not with OpenSSL")
    wanted = [each for each in options.split() if each.startswith("--with-openssl=")]
    found += [f"it was not configured with {each}" for each in wanted if each not in said.flags]
    if "--enable-framework" in options and not said.framework:
        found.append("it is no framework build")
    return tuple(found)


def defect(python: Path, version: str, machine: str = "", options: str = "") -> str | None:
    """What is wrong with an interpreter, in words; None when nothing is."""
    said = interrogate(python)
    if isinstance(said, str):
        return said
    return "; ".join(problems(said, version, machine, options)) or None
