"""A build's log, from wherever it comes: a file, a folder of them, or pasted text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bootstrap.errors import UsageError
from bootstrap.language import Said

if TYPE_CHECKING:
    from pathlib import Path

_DECORATION = re.compile(
    r"\x1b\[[0-9;?]{0,40}[A-Za-z]|\x1b\][^\x07\n]{0,400}\x07|\r(?=\n)"  # colours, titles, CRLF
    # times in front, and the numbers of Docker's steps
    r"|^(?:\d{4}-\d\d-\d\dT[\d:.]{1,40}Z|\[\d\d:\d\d:\d\d\]|[ ]{0,40}\d{1,9}\.\d\d [OE]"
    r"|\#\d{1,4} \d{1,9}\.\d{1,3}) ?"
    r"|^(?:> ){1,20}|^[ \t]{1,40}",  # quoted, indented
    re.MULTILINE,
)
# Thousands of lines of an installation that say nothing: kept as empty ones, for their numbers.
_CHATTER = re.compile(
    r"^(?:Compiling '|Listing '|Creating directory /|copying |changing mode |/\S*install -c ).*$",
    re.MULTILINE,
)
_FOLDER = ("console*", "*.ts", "*.out", "*.log", "*.txt")
# What pyenv says of the system decides; then what only macOS writes, unless it is a word of Linux.
_BUILT_ON = re.compile(r"BUILD FAILED \(([^\n]{1,80}?) using ")
_MACOS = re.compile(
    r"OS ?X\b|\b[mM]ac ?OS\b|-apple-darwin|\bdarwin\d|-darwin\.so|/opt/homebrew|xcrun|xcode|Xcode"
    r"|\bmacosx?[_-]?\d|MacOSX[\d.]{0,20}\.sdk|\.dylib\b|symbol\(s\) not found|Killed: 9"
    r"|(?:Segmentation fault|Bus error|Abort trap|Trace/BPT trap|Illegal instruction): \d"
    r"|referenced from:|MACOSX_DEPLOYMENT_TARGET|OSX\b|\bdyld\b|\bdlopen\(|libSystem|Mach-O|mach-o"
    r"|/usr/local/(?:Cellar|opt)/|/Library/(?:Developer|Frameworks)|CommandLineTools|python\.exe\b"
    r"|(?<![\w:])/Users/|/private/(?:var|tmp)|/var/folders/|library not found for -l"
    r"|ld: library .\w{1,40}. not found|for architecture (?:arm64|x86_64)|\.profclang[rd]"
    r"|Symbol not found: |\.\.\. \"?darwin|-framework \w|Apple (?:clang|LLVM)|\b_PyMac_|\bsw_vers\b"
    r"|Python\.framework\b|\bcodesign\b"
)
# Homebrew and clang are on Linux too, but seldom.
_MACOS_PERHAPS = re.compile(
    r"\bfrom (?:homebrew|MacPorts)\b|\bbrew\b|\bin flat namespace\b|\bclang(?:\+\+)?: "
    r"|\bzsh: killed|' file not found\b|\bto parameter of type '|No available formula"
)
_FAMILIES = (
    (
        "debian",
        r"\b(?:Debian|Ubuntu|Linux ?Mint|Pop!_OS|Raspbian|Kali|[Dd]eepin|deb\d+u\d+|ubuntu\d)",
    ),
    (
        "fedora",
        r"\b(?:Fedora|CentOS|Red ?Hat|RHEL|Rocky|Alma|Amazon Linux|Oracle ?Linux|\.el\d|\.fc\d)",
    ),
    # musl, unlike others, does not quote the option that it does not know.
    ("alpine", r"\b(?:Alpine|linux-musl|BusyBox v\d|unrecognized option: \w)"),
    ("arch", r"\b(?:Arch (?:Linux|rolling)|Manjaro|EndeavourOS)"),
    ("suse", r"\b(?:openSUSE|SUSE|SLES)"),
)
_LINUX = re.compile(
    r"-linux-(?:gnu|musl)|linux-x86_64|linux-aarch64|/usr/bin/ld:|\bGLIBC_\d|linuxbrew|/mnt/[a-z]/"
    r"|\bBusyBox v\d|\bLinux \d"
)
_LINUX_PERHAPS = re.compile(r"\bLinux\b|\(core dumped\)|/home/\w")
_PYTHON = (
    re.compile(r"\b(?:Installing|Downloading) Python-(\d{1,2}(?:\.\d{1,3}){1,2})\b"),
    re.compile(r"\bpyenv install (?:-[\w-]{1,20} ){0,3}(\d{1,2}(?:\.\d{1,3}){1,2})\b"),
    re.compile(
        r"\b(?:C?Python[- ]|versions/|definition not found: |Configuring )"
        r"(\d{1,2}\.\d{1,3}\.\d{1,3})"
    ),
    re.compile(r"/Python-(\d{1,2}\.\d{1,3})/"),
)


@dataclass(frozen=True)
class Log:
    """The text, and what it says of the machine it was written on; empty where it does not.

    `files` are the names of the files it is made of, each with the number of its first line;
    `others` those of its folder that are of other builds.
    """

    text: str
    system: str
    family: str
    python: str
    files: tuple[tuple[int, str], ...] = ()
    others: tuple[str, ...] = ()

    def place(self, line: int) -> tuple[str, int]:
        """The file that a line of the whole is from, and the line's number there."""
        before = [(first, name) for first, name in self.files if first <= line]
        if not before:
            return "", line
        first, name = before[-1]
        return name, line - first + 1


def from_text(text: str) -> Log:
    plain = _CHATTER.sub("", _DECORATION.sub("", text))
    system, family = _written_on(plain)
    return Log(plain, system, family, _version(plain))


def from_path(path: Path) -> Log:
    """A log; of a folder, everything in it that is one, what the build wrote before the rest.

    Where a folder has logs of several builds, it is the newest of them.
    """
    others: tuple[str, ...] = ()
    try:
        texts = _texts_of(path) if path.is_dir() else ((path.name, _text(path)),)
        if path.is_dir() and _are_of_several_builds(texts):
            newest = max(_logs_in(path), key=lambda at: (at.stat().st_mtime_ns, at.name))
            beside = _texts_of(newest.parent)
            texts = ((newest.name, _text(newest)),) if _are_of_several_builds(beside) else beside
            taken = {newest} if len(texts) == 1 else {*_logs_in(newest.parent)}
            others = tuple(str(at.relative_to(path)) for at in _logs_in(path) if at not in taken)
    except OSError as error:
        raise UsageError(Said("{path} cannot be read.", path=path), why=(str(error),)) from error
    first, files = 1, []
    for name, text in texts:
        files.append((first, name))
        first += text.count("\n") + 1
    log = from_text("\n".join(text for _, text in texts))
    return replace(log, files=tuple(files), others=others)


def failing_check(config_log: str) -> str:
    """The check that ended configure: the rest of config.log is full of failures that are meant."""
    start = config_log.rfind("checking whether the C compiler works")
    end = config_log.find("result: no", start)
    return config_log[start:end] if 0 <= start < end else ""


def _texts_of(folder: Path) -> tuple[tuple[str, str], ...]:
    found = _found_in(folder)
    logs = _logs_in(folder)
    if not logs:
        raise UsageError(
            Said("There is no log in {folder}.", folder=folder), next=("headstart explain FILE",)
        )
    texts = [(at.name, _text(at)) for at in logs]
    if any("configure: error" in text for _, text in texts):
        texts += [(at.name, _text(at)) for at in sorted(found - set(logs))]
    return tuple(texts)


def _logs_in(folder: Path) -> list[Path]:
    return sorted((at for at in _found_in(folder) if at.name != "config.log"), key=_order)


def _found_in(folder: Path) -> set[Path]:
    return {at for pattern in _FOLDER for at in folder.rglob(pattern) if at.is_file()}


def _are_of_several_builds(texts: tuple[tuple[str, str], ...]) -> bool:
    """A build has one Python, and ends once."""
    pythons = {_version(text) for _, text in texts} - {""}
    ended = [name for name, text in texts if _BUILT_ON.search(text)]
    return len(pythons) > 1 or len(ended) > 1


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    return failing_check(text) if path.name == "config.log" else text


def _order(path: Path) -> tuple[bool, str]:
    return path.name.startswith("console"), path.name


def _written_on(text: str) -> tuple[str, str]:
    """The system, and its family; empty where the text does not tell."""
    built_on = _BUILT_ON.search(text)
    if built_on:
        macos = _MACOS.search(built_on[1])
        return ("macos", "macos") if macos else ("linux", _family(built_on[1]) or _family(text))
    linux = _LINUX.search(text)
    if _MACOS.search(text) and not linux:
        return "macos", "macos"
    family = _family(text)
    if family or linux or _LINUX_PERHAPS.search(text):
        return "linux", family
    return ("macos", "macos") if _MACOS_PERHAPS.search(text) else ("", "")


def _family(text: str) -> str:
    return next((name for name, words in _FAMILIES if re.search(words, text)), "")


def _version(text: str) -> str:
    found = (match for pattern in _PYTHON if (match := pattern.search(text)))
    return next((match[1] for match in found), "")
