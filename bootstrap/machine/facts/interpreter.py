"""Is an interpreter whole? That is asked of the interpreter itself: no exit code says so.

One that is whole is asked once: what it says is kept for as long as every file that it has loaded,
libraries of the system's too, is the one it was. Where the system does not tell which those are
(there is a `/proc` on Linux only), it is kept for this process.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.files import text_of, write_atomically
from bootstrap.language import Said, joined
from bootstrap.processes import probe

if TYPE_CHECKING:
    from collections.abc import Iterable
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
try: mapped = [line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line]
except Exception: mapped = []
modules = [getattr(each, "__file__", None) for each in list(sys.modules.values())]
print(json.dumps({
    "version": platform.python_version(), "machine": platform.machine(), "missing": missing,
    "openssl": openssl, "flags": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "framework": sysconfig.get_config_var("PYTHONFRAMEWORK") or "",
    "loaded": mapped and sorted(set(filter(None, mapped + modules))),
}))
"""
_COARSE = 2_000_000_000  # ns: some file systems count in whole seconds


@dataclass(frozen=True)
class InterpreterReport:
    """What an interpreter says of itself; `loaded` are the files that this depends on."""

    version: str
    machine: str
    openssl: str
    flags: str
    framework: str
    missing: tuple[str, ...]
    loaded: tuple[str, ...] = ()


def defect(python: Path, version: str, machine: str = "", options: str = "") -> str | None:
    """What is wrong with an interpreter, in words; None when nothing is."""
    report = interrogate(python)
    if isinstance(report, str):
        return report
    return joined(problems(report, version, machine, options)) or None


def interrogate(python: Path) -> InterpreterReport | str:
    """What it says of itself; a sentence where it does not run."""
    return _recalled(python) or _asked(python)


def problems(
    report: InterpreterReport, version: str, machine: str = "", options: str = ""
) -> tuple[str, ...]:
    """In what it is not as it should be; pure. `machine` and `options` are what was asked for."""
    found: list[str] = []
    if report.version != version:
        found.append(
            Said(
                "it says it is Python {version}, not {wanted}",
                version=report.version,
                wanted=version,
            )
        )
    if report.missing:
        found.append(Said("it was built without {missing}", missing=", ".join(report.missing)))
    if machine and report.machine.lower() != machine.lower():
        found.append(
            Said(
                "it is for {machine}, this machine is {here}",
                machine=report.machine,
                here=machine,
            )
        )
    if report.openssl.startswith("LibreSSL"):
        found.append(Said("it is linked with {openssl}, not with OpenSSL", openssl=report.openssl))
    wanted = [each for each in options.split() if each.startswith("--with-openssl=")]
    found += [
        Said("it was not configured with {each}", each=each)
        for each in wanted
        if each not in report.flags
    ]
    if "--enable-framework" in options and not report.framework:
        found.append(Said("it is no framework build"))
    return tuple(found)


def _asked(python: Path) -> InterpreterReport | str:
    began = time.time_ns()
    answer = probe((str(python), "-I", "-c", _PROBE, *MODULES))
    try:
        said = json.loads(answer.output.splitlines()[-1])
        lists = {name: tuple(said[name]) for name in ("missing", "loaded") if name in said}
        report = InterpreterReport(**{**said, **lists})
    except (ValueError, TypeError, KeyError, IndexError):
        last = answer.output.splitlines()[-1:] or [
            Said("exit code {code}, and not a word", code=answer.code)
        ]
        return Said("{python} does not run: {last}", python=python, last=last[0])
    if not report.missing:
        _keep(python, report, began - _COARSE)
    return report


# -- what is kept ----------------------------------------------------------------------------------

_IN_THIS_PROCESS: dict[str, InterpreterReport] = {}


def _recalled(python: Path) -> InterpreterReport | None:
    try:
        question = _question(python)
        if question in _IN_THIS_PROCESS:
            return _IN_THIS_PROCESS[question]
        seen, said = json.loads(text_of(_place(question)))
        report = InterpreterReport(**said)
        return replace(report, missing=()) if seen == _seen(report.loaded)[0] else None
    except (OSError, ValueError, TypeError):
        return None


def _keep(python: Path, report: InterpreterReport, before: int) -> None:
    """What has changed while it was asked may be another one by now."""
    with suppress(OSError):  # only a shortcut
        question = _question(python)
        seen, changed = _seen(report.loaded)
        if not report.loaded:
            _IN_THIS_PROCESS[question] = report
        elif changed < before:
            text = json.dumps([seen, asdict(report)])
            write_atomically(_place(question), text, mode=0o600)


def _place(question: str) -> Path:
    return state.cache_of("interpreters") / f"{question}.json"


def _question(python: Path) -> str:
    """Which program is asked, on which system, and with which libraries put before its own."""
    put_before = sorted(each for each in os.environ.items() if each[0].startswith(("LD_", "DYLD_")))
    program = _seen((str(python), os.path.realpath(python)))
    said = json.dumps([_PROBE, str(python), program, os.uname()[2:], put_before])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _seen(files: Iterable[str]) -> tuple[str, int]:
    """What stands for all of them as they are, and when (in ns) the last of them has changed.

    Raises OSError where one is gone.
    """
    stats = [os.stat(file) for file in files]  # noqa: PTH116 - a hundred of them
    what = [(each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns) for each in stats]
    changed = max((each.st_ctime_ns for each in stats), default=0)
    return hashlib.sha256(repr(what).encode()).hexdigest(), changed
