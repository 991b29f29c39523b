"""A build's log, from wherever it comes: a file, a folder of them, or pasted text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_DECORATION = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r(?=\n)"  # colours, titles, CRLF
    r"|^(?:\d{4}-\d\d-\d\dT[\d:.]+Z|\[\d\d:\d\d:\d\d\]|[ ]*\d+\.\d\d [OE]) ?"  # times in front
    r"|^(?:> )+",  # quoted
    re.MULTILINE,
)
# Thousands of lines of an installation that say nothing: kept as empty ones, for their numbers.
_CHATTER = re.compile(
    r"^(?:Compiling '|Listing '|Creating directory |copying |changing mode |/\S*install -c ).*$",
    re.MULTILINE,
)
_FOLDER = ("console*", "*.ts", "*.out", "*.log", "*.txt")
_MACOS = re.compile(
    r"BUILD FAILED \((?:OS X|macOS|MacOS|Darwin)|-apple-darwin|/opt/homebrew|xcrun:|xcode-select:"
    r"|\bmacosx?[_-]?\d|MacOSX[\d.]*\.sdk|\.dylib\b|ld: symbol\(s\) not found|Killed: 9"
    r"|Segmentation fault: 11|referenced from:|on OSX\b|MACOSX_DEPLOYMENT_TARGET|OSX\b"
)
_FAMILIES = (
    ("debian", r"\b(?:Debian|Ubuntu|Linux ?Mint|Pop!_OS|Raspbian|Kali|deb\d+u\d+|ubuntu\d)"),
    ("fedora", r"\b(?:Fedora|CentOS|Red Hat|RHEL|Rocky|AlmaLinux|Amazon Linux|\.el\d|\.fc\d)"),
    ("alpine", r"\b(?:Alpine|linux-musl)"),
    ("arch", r"\b(?:Arch Linux|Manjaro|EndeavourOS)"),
    ("suse", r"\b(?:openSUSE|SUSE|SLES)"),
)
_LINUX = re.compile(r"-linux-(?:gnu|musl)|\bLinux\b|linux-x86_64|linux-aarch64|/usr/bin/ld:")
_PYTHON = re.compile(
    r"\b(?:C?Python[- ]|versions/|definition not found: |Configuring )(\d+\.\d+\.\d+)"
)


@dataclass(frozen=True)
class Log:
    """The text, and what it says of the machine it was written on; empty where it does not.

    `files` are the names of the files it is made of, each with the number of its first line.
    """

    text: str
    system: str
    family: str
    python: str
    files: tuple[tuple[int, str], ...] = ()

    def place(self, line: int) -> tuple[str, int]:
        """The file that a line of the whole is from, and the line's number there."""
        before = [(first, name) for first, name in self.files if first <= line]
        if not before:
            return "", line
        first, name = before[-1]
        return name, line - first + 1


def from_text(text: str) -> Log:
    plain = _CHATTER.sub("", _DECORATION.sub("", text))
    family = next((name for name, words in _FAMILIES if re.search(words, plain)), "")
    if _MACOS.search(plain) and not family:
        return Log(plain, "macos", "macos", _version(plain))
    system = "linux" if family or _LINUX.search(plain) else ""
    return Log(plain, system, family, _version(plain))


def from_path(path: Path) -> Log:
    """A log; of a folder, everything in it that is one, what the build wrote before the rest."""
    try:
        texts = _texts_of(path) if path.is_dir() else ((path.name, _text(path)),)
    except OSError as error:
        raise UsageError(f"{path} cannot be read.", why=(str(error),)) from error
    first, files = 1, []
    for name, text in texts:
        files.append((first, name))
        first += text.count("\n") + 1
    log = from_text("\n".join(text for _, text in texts))
    return replace(log, files=tuple(files))


def failing_check(config_log: str) -> str:
    """The check that ended configure: the rest of config.log is full of failures that are meant."""
    start = config_log.rfind("checking whether the C compiler works")
    end = config_log.find("result: no", start)
    return config_log[start:end] if 0 <= start < end else ""


def _texts_of(folder: Path) -> tuple[tuple[str, str], ...]:
    found = {at for pattern in _FOLDER for at in folder.rglob(pattern) if at.is_file()}
    logs = sorted((at for at in found if at.name != "config.log"), key=_order)
    if not logs:
        raise UsageError(f"There is no log in {folder}.", next=("headstart explain FILE",))
    texts = [(at.name, _text(at)) for at in logs]
    if any("configure: error" in text for _, text in texts):
        texts += [(at.name, _text(at)) for at in sorted(found - set(logs))]
    return tuple(texts)


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return failing_check(text) if path.name == "config.log" else text


def _order(path: Path) -> tuple[bool, str]:
    return path.name.startswith("console"), path.name


def _version(text: str) -> str:
    match = _PYTHON.search(text)
    return match[1] if match else ""
