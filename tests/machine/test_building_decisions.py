"""What is decided about a build, before, during and after it: no build is needed to tell."""

from __future__ import annotations

import lzma
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap import pyenv
from bootstrap.machine.building import attempts, build, build_env
from bootstrap.machine.building.preflight import BuildFact, Site, obstacles, pyenv_program
from bootstrap.machine.building.progress import PastBuild, Progress
from bootstrap.machine.diagnosis.diagnose import diagnose
from bootstrap.machine.diagnosis.log import from_text
from bootstrap.machine.facts import interpreter, platform
from bootstrap.machine.facts.homebrew import APPLE, Homebrew
from bootstrap.machine.facts.interpreter import InterpreterReport
from bootstrap.machine.facts.platform import PlatformFact
from tests.conftest import disk, remount
from tests.machine.conftest import other_python

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGS = Path(__file__).parent / "data" / "build-logs"
M3 = PlatformFact(
    "macos",
    "macos",
    "macOS 26.1",
    "arm64",
    "26.1",
    "26.1",
    brews=(Homebrew(APPLE, APPLE / "bin" / "brew"),),
)
DEBIAN = PlatformFact("linux", "debian", "Debian 12", "x86_64")
NOTES = "--enable-framework --with-openssl=/opt/homebrew/opt/openssl@3"


def told(text: str) -> attempts.Attempt | None:
    """The attempt that follows a first plain one on an M3 that failed with `text`."""
    first = attempts.first(BuildFact(M3, None), "3.9.21")
    return attempts.next_attempt((first,), diagnose(from_text(text), "macos"), M3, "/home/ada/tmp")


def test_the_first_build_is_plain() -> None:
    assert attempts.first(BuildFact(M3, None), "3.9.21") == attempts.Attempt()
    assert attempts.first(BuildFact(DEBIAN, None, failed_plain=True), "3.9.21").variables == {}


def test_the_flags_of_the_notes_follow_a_plain_failure_on_a_mac_only() -> None:
    following = told("ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?")
    assert following
    assert following.variables == {"PYTHON_CONFIGURE_OPTS": NOTES}
    plain = (attempts.Attempt(),)
    unknown = diagnose(from_text("strange: error: x"), "linux")
    assert attempts.next_attempt(plain, unknown, DEBIAN, "") is None


@pytest.mark.parametrize(
    "text", ["No space left on device", "Killed: 9", "xcrun: error: invalid active developer path"]
)
def test_what_another_build_cannot_help_is_not_built_again(text: str) -> None:
    assert told(text) is None


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("--with-openssl=/opt/openssl", None),
        ("--with-openssl=/opt/openssl --enable-shared", "--enable-shared"),
        ("--enable-shared --with-openssl-rpath=auto", "--enable-shared"),
    ],
)
def test_of_the_given_options_only_the_wrong_ones_are_left_out(
    given: str, left: str | None
) -> None:
    name = "PYTHON_CONFIGURE_OPTS"
    failed = diagnose(from_text("checking for openssl/ssl.h in /opt/openssl... no"), "linux")
    made = attempts.next_attempt((attempts.Attempt(),), failed, DEBIAN, "", {name: given})
    assert made
    assert made.applied({name: given}).get(name) == left


@pytest.mark.parametrize("given", [{}, {"PYTHON_CONFIGURE_OPTS": "--enable-shared"}])
def test_what_was_not_given_cannot_be_left_out(given: dict[str, str]) -> None:
    failed = diagnose(from_text("checking for openssl/ssl.h in /opt/openssl... no"), "linux")
    assert attempts.next_attempt((attempts.Attempt(),), failed, DEBIAN, "", given) is None


@pytest.mark.parametrize(
    ("given", "flags"),
    [({}, "-O2"), ({"PYTHON_CFLAGS": "-g3 -O3"}, "-g3 -O3 -O2")],
)
def test_a_flag_that_repairs_is_added_to_those_that_were_given(
    given: dict[str, str], flags: str
) -> None:
    crash = "Installing Python-3.6.8...\nSegmentation fault (core dumped) ./python -m ensurepip"
    failed = diagnose(from_text(crash), "linux")
    made = attempts.next_attempt((attempts.Attempt(),), failed, DEBIAN, "", given)
    assert made
    assert made.applied(given)["PYTHON_CFLAGS"] == flags
    assert attempts.next_attempt((made,), failed, DEBIAN, "", given) is None
    present = {"PYTHON_CFLAGS": flags}
    assert attempts.next_attempt((attempts.Attempt(),), failed, DEBIAN, "", present) is None


def test_the_function_that_a_mac_lacks_is_kept_from_configure() -> None:
    lines = ("dyld[3]: Symbol not found: (_mkfifoat)", "  Referenced from: '/x/python.exe'")
    text = "\n".join((*lines, "  Expected in: '/usr/lib/libSystem.B.dylib'"))
    failed = diagnose(from_text(text), "linux")
    made = attempts.next_attempt((attempts.Attempt(),), failed, M3, "")
    assert made
    assert made.variables == {"ac_cv_func_mkfifoat": "no"}


def test_other_peoples_llvm_is_not_on_the_path_of_a_build() -> None:
    folders = ("/opt/homebrew/opt/llvm/bin", "/usr/local/opt/llvm@17/bin", "/opt/homebrew/bin")
    given = {"PATH": os.pathsep.join(folders)}
    assert build_env.clean_path(given, M3)[0] == "/opt/homebrew/bin"
    linuxbrew = {"PATH": "/home/linuxbrew/.linuxbrew/bin:/usr/bin"}
    assert build_env.clean_path(linuxbrew, DEBIAN)[0] == "/usr/bin"


def test_never_more_than_three_builds() -> None:
    failed = diagnose(from_text("TMPDIR=/tmp cannot hold executables"), "macos")
    made: tuple[attempts.Attempt, ...] = (attempts.Attempt(),)
    while following := attempts.next_attempt(made, failed, M3, "/home/ada/tmp"):
        made = (*made, following)
    assert len(made) <= attempts.MOST
    unknown = diagnose(from_text("odd: error: x"), "macos")
    assert attempts.next_attempt((*made, *made, *made), unknown, M3, "") is None


@pytest.mark.parametrize(
    ("sdk", "system", "python", "expected"),
    [
        ("27.0", "26.1", "3.9.21", True),
        ("27.0", "26.1", "3.13.14", True),
        ("27.0", "26.1", "3.13.15", False),
        ("27.0", "27.0", "3.9.21", False),
        ("26.1", "26.1", "3.9.21", False),
        ("", "26.1", "3.9.21", False),
    ],
)
def test_an_sdk_is_too_new_only_for_the_pythons_that_believe_it(
    sdk: str, system: str, python: str, expected: bool
) -> None:
    machine = replace(M3, sdk=sdk, version=system)
    assert attempts.sdk_is_newer(machine, python) is expected


def test_the_surroundings_of_a_build_are_an_allow_list() -> None:
    given = {
        "HOME": "/home/ada",
        "CFLAGS": "-O9",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHON_BUILD_CACHE_PATH": "/cache",
        "VIRTUAL_ENV": "/venv",
        "PATH": "/venv/bin:/opt/conda/bin:/home/ada/.pyenv/shims:/usr/bin",
    }
    clean = build_env.clean(given, DEBIAN)
    assert clean.keys() == {"HOME", "PATH", "PYTHON_BUILD_CACHE_PATH"}
    assert clean["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin"
    assert build_env.left_out(given, DEBIAN)[0] == "CFLAGS"


def test_an_interpreter_is_held_against_all_that_was_asked_for() -> None:
    good = InterpreterReport("3.9.21", "arm64", "OpenSSL 3.5.1", f"'{NOTES}'", "Python", ())
    assert interpreter.problems(good, "3.9.21", "arm64", NOTES) == ()
    for bad in (
        replace(good, version="3.9.20"),
        replace(good, machine="x86_64"),
        replace(good, openssl="LibreSSL 3.3.6"),
        replace(good, missing=("lzma",)),
        replace(good, flags=""),
        replace(good, framework=""),
    ):
        assert len(interpreter.problems(bad, "3.9.21", "arm64", NOTES)) == 1


@pytest.mark.parametrize("scenario", ["ok-3.13.5", "missing-optional-3.9"])
def test_progress_only_grows_and_ends_near_the_end(scenario: str) -> None:
    packed = (LOGS / scenario / "build.log.xz").read_bytes()
    progress = Progress(None)
    fractions = []
    for line in lzma.decompress(packed).decode(errors="replace").splitlines():
        progress.feed(line)
        fractions.append(progress.advance.fraction)
    assert fractions == sorted(fractions)
    assert 0.9 < fractions[-1] < 1
    assert progress.advance.left is None


def test_what_a_build_took_tells_what_the_next_will_take() -> None:
    clock = iter(range(0, 100_000, 1))
    progress = Progress(None, clock=lambda: float(next(clock)))
    lines = ["checking build system type", *["checking for x... no"] * 9, "creating Makefile"]
    for line in lines:
        progress.feed(line)
    learned = progress.learned("3.13.5", 100.0)
    assert learned.phases["configure"][1] == 10
    again = Progress(PastBuild("3.13.5", 100.0, {"configure": (50.0, 10), "compile": (50.0, 5)}))
    for line in lines[:6]:
        again.feed(line)
    assert again.advance.fraction == pytest.approx(0.3)
    assert again.advance.left == pytest.approx(70.0)


def site(root: Path, **given: str) -> Site:
    machine = platform.look()
    program = pyenv_program(os.environ, machine) or pyenv.root(os.environ) / "bin" / "pyenv"
    return Site(other_python(), program, root, machine, dict(os.environ) | given)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with disk(tmp_path / "small", "size=1m") as folder:
        yield folder


def test_a_disk_that_is_too_small_is_found_before_the_build(small: Path, tmp_path: Path) -> None:
    (found,) = obstacles(site(tmp_path / "pyenv", TMPDIR=str(small)))
    assert found.cause == "disk-full"
    assert str(small) in found.detail
    (found,) = obstacles(site(small / "pyenv"))
    assert found.cause == "disk-full"


def test_a_prefix_that_cannot_be_written_to_is_found_before_the_build(small: Path) -> None:
    remount(small, "ro")
    causes = {each.cause for each in obstacles(site(small / "pyenv"))}
    assert "prefix-not-writable" in causes


def test_a_space_in_the_prefix_is_found_before_the_build(tmp_path: Path) -> None:
    (found,) = obstacles(site(tmp_path / "jane doe" / ".pyenv"))
    assert found.cause == "space-in-path"
    assert "jane doe" in found.detail


def test_an_earlier_prefix_never_returns_beside_the_marker_of_a_half_made_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, the next run would throw it away with the marker."""
    here = Site("3.9.21", Path("pyenv"), tmp_path, DEBIAN, {})
    here.prefix.mkdir(parents=True)
    (here.prefix / "mine.txt").write_text("kept")
    build.begin(here, tmp_path / "work")

    def killed(at: Path, to: Path) -> Path:
        raise OSError(f"{at} is not renamed to {to}")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        build.end(here, verified=False)
    assert not pyenv.marker(here.prefix).exists()
    build.begin(here, tmp_path / "work")
    build.end(here, verified=False)
    assert (here.prefix / "mine.txt").read_text() == "kept"
