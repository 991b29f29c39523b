"""Causes named from logs: real ones of pyenv, and what issues quote of Macs."""

from __future__ import annotations

import json
import lzma
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bootstrap.machine.diagnosis.causes import UNKNOWN, all_causes
from bootstrap.machine.diagnosis.diagnose import Diagnosis, diagnose, telling_line
from bootstrap.machine.diagnosis.log import from_path, from_text
from tests import forkserver
from tests.conftest import ROOT

LOGS = Path(__file__).parent / "data" / "build-logs"
TAILS = Path(__file__).parent / "data" / "tails.yml"

# Every folder holds the log of a real run of pyenv 2.6.30 with the named thing really missing.
REAL = {
    "bad-cflags": "unknown",
    "bad-ldflags": "unknown",
    "bad-checksum-cache": "checksum-mismatch",
    "bad-checksum-mirror": "checksum-mismatch",
    "bad-openssl-path-libssl-present-3.13": "openssl-mismatch",
    "disk-full-compile": "disk-full",
    "disk-full-extract": "disk-full",
    "framework-on-linux": "framework-unsupported",
    "mem-limit": "memory-exhausted",
    "mirror-offline": "download-failed",
    "missing-optional-3.13": "ffi-missing",
    "missing-optional-3.9": "ffi-missing",
    "missing-ssl-3.13": "openssl-missing",
    "missing-ssl-3.9": "openssl-missing",
    "missing-zlib-3.13": "zlib-missing",
    "missing-zlib-3.9": "zlib-missing",
    "no-compiler": "clt-missing",
    "no-http-client": "download-failed",
    "no-make": "make-missing",
    "no-patch": "patch-missing",
    "no-xz": "xz-missing",
    "ok-3.13.5": "unknown",
    "prefix-exists-noninteractive": "unknown",
    "prefix-readonly": "prefix-not-writable",
    "rehash-locked": "rehash-locked",
    "tmp-noexec": "tmp-noexec",
    "unknown-configure-option": "unknown",
    "unknown-definition": "unknown-version",
}

# What people pasted into issues; nothing of it was run here.
QUOTED = {
    "sdk-newer-than-os": [
        (
            "BUILD FAILED (OS X 26.1 using python-build 2.8.5)\n"
            '  File "/private/var/folders/x/Python-3.9.21/Lib/ensurepip/__init__.py", line 50\n'
            "subprocess.CalledProcessError: Command '[...]' died with <Signals.SIGSEGV: 11>.\n"
            "make: *** [install] Error 1"
        ),
        (
            "checking build system type... aarch64-apple-darwin25.1.0\n"
            "checking for dup3... yes\n"
            "/bin/sh: line 5: 4242 Segmentation fault: 11  ./python.exe -E -m ensurepip --root=/"
        ),
    ],
    "libintl-arch": [
        (
            "BUILD FAILED (OS X 12.0 using python-build 20180424)\n"
            "Undefined symbols for architecture arm64:\n"
            '  "_libintl_bindtextdomain", referenced from:\n'
            "ld: symbol(s) not found for architecture arm64\n"
            "clang: error: linker command failed with exit code 1 (use -v to see invocation)"
        ),
        (
            "ld: warning: ignoring file /usr/local/lib/libintl.dylib, building for macOS-arm64"
            " but attempting to link with file built for macOS-x86_64\n"
            '  "_libintl_gettext", referenced from:'
        ),
    ],
    "mixed-architecture": [
        (
            "ld: warning: ignoring file /usr/local/opt/readline/lib/libreadline.dylib, building for"
            " macOS-arm64 but attempting to link with file built for macOS-x86_64\n"
            "ld: symbol(s) not found for architecture arm64"
        ),
        "dlopen(_ctypes.so, 2): no suitable image found: mach-o, but wrong architecture",
    ],
    "rosetta-shell": [
        (
            "ld: warning: ignoring file '/opt/homebrew/lib/libbz2.dylib': found architecture"
            " 'arm64', required architecture 'x86_64'\n"
            "ld: symbol(s) not found for architecture x86_64"
        ),
        "Error: Cannot install under Rosetta 2 in ARM default prefix (/opt/homebrew)!",
    ],
    "clt-missing": [
        "xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools)",
        (
            "BUILD FAILED (OS X 11.6 using python-build 2.0)\n"
            "checking whether the C compiler works... no\n"
            "configure: error: C compiler cannot create executables"
        ),
        "ld: library not found for -lSystem\nclang: error: linker command failed",
    ],
    "old-python-new-sdk": [
        "Installing Python-3.7.3...\nconfigure: error: Unexpected output of 'arch' on OSX",
        (
            "BUILD FAILED (OS X 11.1 using python-build 1.2.21)\n"
            "./Modules/posixmodule.c:8320:15: error: implicit declaration of function 'sendfile' is"
            " invalid in C99 [-Werror,-Wimplicit-function-declaration]\nmake: *** Error 1"
        ),
    ],
    "foreign-compiler": [
        "Installing Python-3.11.4...\nconfigure: error: Unexpected output of 'arch' on OSX",
        "/usr/local/bin/gcc-9: error: this compiler does not support 'arm64'",
    ],
    "binutils-conflict": [
        "ld: archive member '/' not a mach-o file in '/usr/local/lib/libpython3.9.a'",
        (
            "ld: warning: ignoring file libpython3.8.a, building for macOS-x86_64 but attempting to"
            " link with file built for unknown-unsupported file format ( 0x21 0x3C 0x61 )"
        ),
    ],
    "killed-by-security": [
        "/bin/sh: line 1: 123 Killed: 9  ./_bootstrap_python ./Programs/_freeze_module.py",
        "make: ./_bootstrap_python: Permission denied\nmake: *** [deepfreeze.c] Error 1",
    ],
    "openssl-mismatch": [
        (
            "ImportError: dlopen(_ssl.cpython-39-darwin.so, 2): Library not loaded:"
            " /usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib"
        ),
        'WARNING: renaming "_ssl" since importing it failed: undefined symbol: SSLv3_method',
        "./Modules/_ssl.c:55:10: error: implicit declaration of function 'SSLv3_method'",
    ],
    "openssl-missing": [
        "ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?",
        "checking for stdlib extension module _ssl... missing",
    ],
    "openssl-build": [
        (
            "Installing openssl-1.1.1u...\nBUILD FAILED (OS X 14.0 using python-build 2.3)\n"
            "make: *** [build_libs] Error 2"
        ),
        "Can't locate FindBin.pm in @INC (you may need to install the FindBin module)",
    ],
    "zlib-missing": [
        "zipimport.ZipImportError: can't decompress data; zlib not available",
        "checking for inflateCopy in -lz... no",
    ],
    "tcltk-9": [
        (
            "./Modules/_tkinter.c:470:40: error: incompatible pointer types passing 'int *' to"
            " parameter of type 'Tcl_Size *' (aka 'long *')"
        ),
        "Library not loaded: /opt/homebrew/opt/tcl-tk/lib/libtcl8.6.dylib",
        "tk.h:23:3: error: Tk 9.0 must be compiled with tcl.h from Tcl 9.0 or better",
    ],
    "pyenv-outdated": [
        "Hunk #1 FAILED at 1828.\n1 out of 2 hunks FAILED -- saving rejects to file setup.py.rej",
        "Reversed (or previously applied) patch detected!  Assume -R? [n]",
    ],
    "pip-incompatible": [
        "AttributeError: module 'pkgutil' has no attribute 'ImpImporter'. Did you mean: 'zip'?",
        "ERROR: This script does not work on Python 3.6. The minimum supported Python is 3.7.",
    ],
    "prefix-not-writable": [
        "mkdir: /Users/ada/.pyenv/versions/3.9.1: Permission denied",
        "install: mkdir /Library/Frameworks/Python.framework: Permission denied",
    ],
    "tmp-not-writable": [
        "python-build: TMPDIR=/tmp is set to a non-accessible location",
        "python-build: line 100: /tmp/python-build.20200101.log: Permission denied",
    ],
    "memory-exhausted": [
        "gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.",
        "gcc: internal compiler error: Killed (program cc1)",
        "cc1: out of memory allocating 65536 bytes after a total of 25718784 bytes",
    ],
    "bz2-missing": ["WARNING: The Python bz2 extension was not compiled. Missing the bzip2 lib?"],
    "lzma-missing": ["ModuleNotFoundError: No module named '_lzma'"],
    "readline-missing": ["WARNING: The Python readline extension was not compiled."],
    "sqlite-missing": ["checking for stdlib extension module _sqlite3... missing"],
    "tk-missing": ["WARNING: The Python tkinter extension was not compiled."],
    "unknown": [
        "make: *** [Makefile:2276: install] Error 1",
        "BUILD FAILED (OS X 11.2 using python-build 2)\nSegmentation fault: 11  ./python.exe -E -S",
        "checking for dup3... no\nchecking for getentropy... yes",
        "",
    ],
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real logs, unpacked."""
    folder = tmp_path_factory.mktemp("build-logs")
    for packed in LOGS.glob("*/*.xz"):
        path = folder / packed.parent.name / packed.stem
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    return folder


@pytest.mark.parametrize("scenario", sorted(at.name for at in LOGS.iterdir()))
def test_the_cause_of_a_real_failure_is_named(logs: Path, scenario: str) -> None:
    found = diagnose(from_path(logs / scenario))
    assert found.cause == REAL[scenario]
    if found.cause != UNKNOWN:
        told = from_path(logs / scenario / found.file).text.splitlines()
        assert found.evidence[:200] in told[found.line - 1]


@pytest.mark.parametrize("scenario", sorted(set(REAL) - {"no-xz", "no-patch"}))
def test_each_file_of_a_real_failure_gives_its_cause_or_none(logs: Path, scenario: str) -> None:
    one_of_several = {"missing-optional-3.13", "missing-optional-3.9"}
    others = {"bz2-missing"} if scenario in one_of_several else set()
    # Without the build's log, it does not show that a folder of OpenSSL was named.
    others |= {"openssl-missing"} if scenario.startswith("bad-openssl-path") else set()
    for path in (logs / scenario).glob("*.[lt][os]*"):
        if path.name != "config.log":
            found = diagnose(from_text(path.read_text(errors="replace")))
            assert found.cause in {REAL[scenario], UNKNOWN, *others}, (path.name, found.evidence)


@pytest.mark.parametrize(
    ("cause", "text"), [(cause, text) for cause, texts in QUOTED.items() for text in texts]
)
def test_the_cause_of_a_pasted_failure_is_named(cause: str, text: str) -> None:
    assert diagnose(from_text(text)).cause == cause


@pytest.mark.parametrize("tail", yaml.safe_load(TAILS.read_text()))
def test_the_cause_shows_in_the_last_lines_that_people_paste(tail: dict[str, str]) -> None:
    found = diagnose(from_text(tail["log"]))
    assert found.cause == tail["cause"], found.evidence


@pytest.mark.parametrize("scenario", sorted(set(REAL) - {"no-xz", "no-patch"}))
def test_the_last_ten_lines_give_the_cause_or_none(logs: Path, scenario: str) -> None:
    path = logs / scenario / "build.log"
    if not path.exists():
        path = logs / scenario / "console.ts"
    tail = "\n".join(path.read_text(errors="replace").splitlines()[-10:])
    assert diagnose(from_text(tail)).cause in {REAL[scenario], UNKNOWN}


def test_what_stands_around_the_lines_does_not_matter() -> None:
    plain = "ld: archive member '/' not a mach-o file in 'a'"
    for around in (
        f"2026-11-22T09:00:00.123Z {plain}\r\n",
        f"\x1b[31m{plain}\x1b[0m",
        f"> {plain}",
        f"[09:00:01] {plain}",
    ):
        assert diagnose(from_text(around)).evidence == plain


def test_the_repair_is_the_command_of_the_system_that_the_log_is_from() -> None:
    line = "ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?"

    def repair(system: str) -> str:
        text = f"BUILD FAILED ({system} using python-build 2.6.30)\nInstalling Python-3.9.21...\n"
        return "\n".join(diagnose(from_text(text + line)).repair)

    assert "sudo apt-get install -y libssl-dev" in repair("Ubuntu 22.04")
    assert "sudo dnf install -y openssl-devel" in repair("Fedora 41")
    assert "sudo apk add openssl-dev" in repair("Alpine 3.20")
    assert "brew install openssl@3" in repair("OS X 26.1")
    assert "pyenv install 3.9.21" in repair("OS X 26.1")


def test_an_unknown_failure_shows_its_first_error_and_not_its_last() -> None:
    text = "checking for errno.h... yes\ngcc -c -Werror=x a.c\nfoo.c:1: error: odd\nmake: *** E"
    found = diagnose(from_text(text))
    assert (found.cause, found.line, found.evidence) == (UNKNOWN, 3, "foo.c:1: error: odd")


def test_configure_that_succeeds_is_never_stopped(logs: Path) -> None:
    for line in from_path(logs / "ok-3.13.5" / "build.log").text.splitlines():
        assert telling_line(line) is None


@pytest.mark.parametrize(
    ("scenario", "share"),
    [("missing-ssl-3.13", 0.15), ("missing-ssl-3.9", 0.1), ("missing-zlib-3.9", 0.1)],
)
def test_a_doomed_build_is_known_early(logs: Path, scenario: str, share: float) -> None:
    lines = from_path(logs / scenario / "build.log").text.splitlines()
    first = next(at for at, line in enumerate(lines) if telling_line(line))
    assert first / len(lines) < share


def test_every_cause_says_what_to_do() -> None:
    for cause in all_causes():
        assert cause.explanation.endswith(".")
        assert cause.repair
        assert cause.source.startswith("https://")


def explain(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = ("-m", "bootstrap", "explain", *arguments)
    return forkserver.of_headstart().run(*command, cwd=ROOT, env=os.environ, given=given)


def test_explain_reads_a_file_a_folder_and_what_is_pasted(logs: Path) -> None:
    folder = logs / "missing-ssl-3.9"
    pasted = explain("--json", given="make: command not found")
    assert json.loads(pasted.stdout)["cause"] == "make-missing"
    for path in (folder, folder / "build.log"):
        told = json.loads(explain("--json", str(path)).stdout)
        assert told.keys() >= set(Diagnosis.__annotations__) - {"retry"}
        assert (told["cause"], told["line"]) == ("openssl-missing", 738)
    assert "openssl-missing" in explain(str(folder)).stdout


def test_explain_does_not_mix_the_logs_of_several_builds(tmp_path: Path) -> None:
    failed = "Installing Python-{0}...\n{1}\nBUILD FAILED (Debian 12 using python-build 2.4)\n"
    (tmp_path / "old.log").write_text(failed.format("2.7.15", "make: command not found"))
    newest = tmp_path / "new.log"
    newest.write_text(failed.format("3.12.1", "No space left on device"))
    os.utime(tmp_path / "old.log", (1, 1))
    told = json.loads(explain("--json", str(tmp_path)).stdout)
    assert (told["cause"], told["file"], told["others"]) == ("disk-full", "new.log", ["old.log"])
    assert "pyenv install 3.12.1" in told["repair"]
    os.utime(newest, (0, 0))
    assert "make-missing" in (said := explain(str(tmp_path)).stdout)
    assert "2.7.15" in said
    assert "new.log" in said


def test_explain_says_by_its_exit_code_that_it_knows_no_cause() -> None:
    assert explain(given="error: something odd").returncode == 5
    assert explain(given="make: command not found").returncode == 0
    assert (
        explain(given="Installed Python-3.12.1 to /home/a/.pyenv/versions/3.12.1").returncode == 0
    )
    empty = explain(given=" \n")
    assert (empty.returncode, empty.stdout) == (64, "")
    assert "is empty" in empty.stderr


def test_explain_says_when_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert explain(str(tmp_path / "no.log")).returncode == 64
    assert explain(str(tmp_path)).returncode == 64
