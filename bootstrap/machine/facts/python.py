"""Which interpreter of exactly the pinned version is on this machine, and is it whole?

That is asked of the interpreter itself, because no exit code says so.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bootstrap import pyenv
from bootstrap.machine.facts.venv import base_python, python_version, settings_of
from bootstrap.processes import probe
from bootstrap.versions import minor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.machine.pins import Pins


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
class PythonFact:
    """`pyenv` is its root, where there is one; `defect`: why an installed Python is unusable."""

    executable: Path | None
    provider: Literal["pyenv", "uv", "system", "running", "venv"] | None
    pyenv: Path | None
    defect: str | None = None


@dataclass(frozen=True)
class InterpreterReport:
    """What an interpreter says of itself."""

    version: str
    machine: str
    openssl: str
    flags: str
    framework: str
    missing: tuple[str, ...]


def look(pins: Pins, *, closely: bool) -> PythonFact:
    """Ask the file system: starting pyenv costs a tenth of a second, a folder listing nothing.

    `closely` asks the interpreter too, before anything is built on it.
    """
    if pins.provider != "pyenv":
        return _look_elsewhere(pins)
    root = pyenv.root(os.environ)
    found = root if root.is_dir() else None
    prefix = root / "versions" / pins.python
    executable = pyenv.executable(prefix, pins.python)
    wrong = _defect(prefix, executable, pins.python, closely=closely)
    if executable and wrong is None:
        return PythonFact(executable, "pyenv", found)
    if wrong is None and (base := _under_venv(pins, closely=closely)):
        return PythonFact(base, "venv", found)
    if running := _running(pins.python):
        return PythonFact(running, "running", found)
    if managed := _managed_by_uv(pins.python):
        return PythonFact(managed, "uv", found)
    return PythonFact(None, None, found, wrong)


def interrogate(python: Path) -> InterpreterReport | str:
    """What it says of itself; a sentence where it does not run."""
    answer = probe((str(python), "-I", "-c", _PROBE, *MODULES))
    try:
        report = json.loads(answer.output.splitlines()[-1])
        return InterpreterReport(**{**report, "missing": tuple(report["missing"])})
    except (ValueError, TypeError, KeyError, IndexError):
        last = answer.output.splitlines()[-1:] or [f"exit code {answer.code}, and not a word"]
        return f"{python} does not run: {last[0]}"


def problems(
    report: InterpreterReport, version: str, machine: str = "", options: str = ""
) -> tuple[str, ...]:
    """In what it is not as it should be; pure. `machine` and `options` are what was asked for."""
    found: list[str] = []
    if report.version != version:
        found.append(f"it says it is Python {report.version}, not {version}")
    if report.missing:
        found.append(f"it was built without {', '.join(report.missing)}")
    if machine and report.machine.lower() != machine.lower():
        found.append(f"it is for {report.machine}, this machine is {machine}")
    if report.openssl.startswith("LibreSSL"):
        found.append(f"it is linked with {report.openssl}, not with OpenSSL")
    wanted = [each for each in options.split() if each.startswith("--with-openssl=")]
    found += [f"it was not configured with {each}" for each in wanted if each not in report.flags]
    if "--enable-framework" in options and not report.framework:
        found.append("it is no framework build")
    return tuple(found)


def defect(python: Path, version: str, machine: str = "", options: str = "") -> str | None:
    """What is wrong with an interpreter, in words; None when nothing is."""
    report = interrogate(python)
    if isinstance(report, str):
        return report
    return "; ".join(problems(report, version, machine, options)) or None


def _look_elsewhere(pins: Pins) -> PythonFact:
    find = _managed_by_uv if pins.provider == "uv" else _on_path
    executable = find(pins.python)
    return PythonFact(executable, pins.provider if executable else None, None)


def _managed_by_uv(version: str) -> Path | None:
    """Where uv keeps the Pythons it has downloaded."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(home) / "uv" / "python")
    prefixes = sorted(folder.glob(f"cpython-{version}-*"))
    found = (pyenv.executable(prefix, version) for prefix in prefixes)
    return next((path for path in found if path), None)


def _on_path(version: str) -> Path | None:
    """The first interpreter on PATH that says it is exactly this one."""
    return next((at for at, says in _all_on_path(version) if says == version), None)


def another_patch(version: str) -> str:
    """The version on PATH that differs only in its last number; empty where there is none."""
    found = (says for _, says in _all_on_path(version) if minor(says) == minor(version))
    return next(found, "")


def _all_on_path(version: str) -> Iterator[tuple[Path, str]]:
    for name in (f"python{minor(version)}", "python3", "python"):
        if program := shutil.which(name):
            yield Path(program), probe((program, "-V")).output.removeprefix("Python ")


def _defect(prefix: Path, executable: Path | None, version: str, *, closely: bool) -> str | None:
    if pyenv.marker(prefix).exists():
        return f"the build of Python {version} was interrupted"
    if executable is None:
        return f"{prefix} has no working interpreter" if prefix.is_dir() else None
    if not closely:
        return None
    wrong = defect(executable, version)
    return f"Python {version} cannot be used: {wrong}" if wrong else None


def _under_venv(pins: Pins, *, closely: bool) -> Path | None:
    """The Python that the project's venv was made from, wherever it is.

    An IDE or cron has not the PYENV_ROOT of a shell, by which it would be found.
    """
    if python_version(settings_of(pins.venv) or {}) != pins.python:
        return None
    base = base_python(pins)
    if not os.access(base, os.X_OK) or pyenv.marker(pyenv.prefix_of(base)).exists():
        return None
    return None if closely and defect(base, pins.python) else base


def _running(version: str) -> Path | None:
    """The Python under the one that runs Headstart, if it happens to be the pinned one."""
    info = sys.version_info
    own = f"{info.major}.{info.minor}.{info.micro}"
    if own != version or info.releaselevel != "final" or sys.implementation.name != "cpython":
        return None
    return pyenv.executable(Path(sys.base_prefix), version)
