"""Build a Python with pyenv: watched while it runs, verified, diagnosed, tried again.

The prefix of a build that is under way has a marker beside it, from before the first change until
the interpreter has verified; an earlier prefix waits under another name until then.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv, state
from bootstrap.errors import HeadstartError
from bootstrap.files import exclusive, write_atomically
from bootstrap.language import Said
from bootstrap.machine.building import attempts, build_env, progress
from bootstrap.machine.building.preflight import MEBIBYTE
from bootstrap.machine.building.progress import Progress
from bootstrap.machine.diagnosis import log as logs
from bootstrap.machine.diagnosis.causes import UNKNOWN, CauseId, cause_named
from bootstrap.machine.diagnosis.diagnose import Diagnosis, diagnose, repair, telling_line
from bootstrap.machine.facts import interpreter
from bootstrap.machine.runner import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from bootstrap.machine.building.attempts import Attempt
    from bootstrap.machine.building.preflight import BuildFact, Site
    from bootstrap.machine.building.progress import Advance
    from bootstrap.machine.diagnosis.causes import Cause
    from bootstrap.machine.runner import Runner


_FULL = 16 * MEBIBYTE  # left after a failure: then that was its reason


class DoomedError(Exception):
    """Configure has just said that this build cannot end well."""

    def __init__(self, cause: Cause, line: str) -> None:
        super().__init__(line)
        self.cause = cause


@dataclass(frozen=True)
class Builder:
    """One build of Python, in up to three attempts."""

    fact: BuildFact
    site: Site
    runner: Runner
    logs: Path
    advance: Callable[[Advance], None]
    tell: Callable[[str], None]

    def build(self) -> str:
        """Build until it verifies, at most three times; HeadstartError with the diagnosis."""
        with one_builder(self.site.prefix, self.tell):
            python = pyenv.executable(self.site.prefix, self.site.version)
            waited = python and not pyenv.marker(self.site.prefix).exists()
            if python and waited and interpreter.defect(python, self.site.version) is None:
                return f"{self.site.version}, built meanwhile for another project"
            return self._climb()

    def _climb(self) -> str:
        made: tuple[Attempt, ...] = (attempts.first(self.fact, self.site.version),)
        found: tuple[Diagnosis, ...] = ()
        for name in build_env.left_out(self.site.given, self.site.platform):
            self.tell(f"left out of the build: {name}")
        while True:
            for why in made[-1].why:
                self.tell(why)
            folder = self.logs / f"python-{self.site.version}-{len(made)}"
            diagnosis = self._attempt(made[-1], folder)
            if diagnosis is None:
                return (
                    f"{self.site.version}, built by pyenv{' as a framework' * made[-1].framework}"
                )
            found = (*found, diagnosis)
            platform, given = self.site.platform, self.site.given
            next_attempt = attempts.next_attempt(made, diagnosis, platform, user_tmpdir(), given)
            if next_attempt is None:
                raise failure(self.site, found, folder.parent)
            made = (*made, next_attempt)

    def _attempt(self, attempt: Attempt, folder: Path) -> Diagnosis | None:
        """One build; None when it verifies, else why not. No half prefix stays."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environ = attempt.applied(build_env.clean(self.site.given, self.site.platform))
        if "TMPDIR" in environ:
            Path(environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
        home = environ.get("TMPDIR") or self.site.given.get("TMPDIR") or tempfile.gettempdir()
        work = Path(tempfile.mkdtemp(prefix="headstart-build-", dir=home))
        begin(self.site, work)
        verified = False
        try:
            diagnosis = self._run(environ | {"TMPDIR": str(work)}, work, folder)
            verified = diagnosis is None
        finally:
            end(self.site, verified=verified)
        if not attempt.variables and diagnosis and self.site.platform.system == "macos":
            progress.remember_failure(self.site.version)
        return diagnosis

    def _run(self, environ: dict[str, str], work: Path, folder: Path) -> Diagnosis | None:
        advancing = Progress(progress.latest(self.site.version))
        console = folder / "console.log"
        watch = _Watch(work, console, advancing, self.advance)
        started = time.monotonic()
        doomed: Cause | None = None
        try:
            argv = (str(self.site.pyenv), "install", self.site.version)
            self.runner.run(argv, environ=environ, cwd=work, log=console, watch=watch)
        except DoomedError as stopped:
            doomed = stopped.cause
        except CommandError as error:
            self.tell(error.what)
        finally:
            keep_logs(work, folder)
        wrong = self._wrong(environ) if doomed is None else str(doomed.explanation)
        if wrong is None:
            progress.remember(advancing.learned(self.site.version, time.monotonic() - started))
            return None
        return _diagnosed(folder, wrong, self.site, work)

    def _wrong(self, environ: dict[str, str]) -> str | None:
        python = pyenv.executable(self.site.prefix, self.site.version)
        if python is None:
            return "pyenv has left no interpreter"
        options = environ.get("PYTHON_CONFIGURE_OPTS", "")
        return interpreter.defect(python, self.site.version, self.site.platform.machine, options)


def one_builder(prefix: Path, tell: Callable[[str], None]) -> AbstractContextManager[None]:
    """Hold the prefix for this process: projects share it, so a second build waits."""
    locks = state.private_dir(state.state_dir() / "locks")
    waiting = f"another `headstart up` is building {prefix.name}; waiting for it"
    return exclusive(locks / f"python-{prefix.name}.lock", lambda _: tell(waiting))


def begin(site: Site, work: Path) -> None:
    """Mark the prefix as half made, and set an earlier one aside; a killed build's goes."""
    site.prefix.parent.mkdir(parents=True, exist_ok=True)
    sign = pyenv.marker(site.prefix)
    if sign.exists():
        _discard(site.prefix, sign)
    write_atomically(sign, json.dumps({"work": str(work)}), mode=0o600)
    if os.path.lexists(site.prefix):
        aside = f"{site.prefix.name}.aside-{datetime.now(UTC):%Y%m%d%H%M%S}"
        site.prefix.rename(site.prefix.with_name(aside))


def end(site: Site, *, verified: bool) -> None:
    """Take the marker away: with what was aside, or by bringing that back.

    The marker goes before an earlier prefix returns: whatever it stands beside is thrown away.
    """
    sign = pyenv.marker(site.prefix)
    if verified:
        for path in pyenv.aside(site.prefix):
            shutil.rmtree(path, ignore_errors=True)
        _discard_work(sign)
        sign.unlink(missing_ok=True)
        return
    with suppress(OSError):  # A disk that has failed may refuse this too; the next run does it.
        _discard(site.prefix, sign)
        sign.unlink(missing_ok=True)
        if earlier := pyenv.aside(site.prefix):
            earlier[-1].rename(site.prefix)


def user_tmpdir() -> str:
    """A folder for temporary files that is the user's own: not on a small or closed /tmp."""
    return str(Path.home() / ".cache" / "headstart" / "tmp")


def keep_logs(work: Path, folder: Path) -> None:
    """pyenv's log, and configure's own; the rest of the build is not kept."""
    for source in sorted(work.glob("python-build.*.log")):
        shutil.copy(source, folder / "build.log")
    for source in sorted(work.glob("python-build.*/Python-*/config.log")):
        with suppress(OSError):
            shutil.copy(source, folder / "config.log")


def failure(site: Site, found: tuple[Diagnosis, ...], folder: Path) -> HeadstartError:
    """The first cause is the one to repair; the later ones are of builds that tried to."""
    first = found[0]
    source = (f"see {first.source}",) if first.source else ()
    later = tuple(f"tried again: {each.cause}: {_evidence(each)}" for each in found[1:])
    return HeadstartError(
        Said(
            "Python {version} could not be built: {cause}.", version=site.version, cause=first.cause
        ),
        why=tuple(line for line in (first.explanation, _evidence(first), *later) if line),
        next=(
            *first.repair,
            Said("the whole log: {folder}", folder=folder),
            *source,
            "headstart up",
        ),
        cause=first.cause,
    )


def _evidence(diagnosis: Diagnosis) -> str:
    where = f" ({diagnosis.file}:{diagnosis.line})" if diagnosis.line else ""
    return f"{diagnosis.evidence}{where}"


def _diagnosed(folder: Path, wrong: str, site: Site, work: Path) -> Diagnosis:
    """The log's own diagnosis; what does not verify although the log is clean is named as such."""
    family = site.platform.family
    found = diagnose(logs.from_path(folder), site.platform.system, family)
    if found.cause != UNKNOWN:
        return found
    # A log on a full disk may end before it says so.
    for place in (work, site.prefix.parent):
        if shutil.disk_usage(place).free < _FULL:
            cause = cause_named(CauseId("disk-full"))
            evidence = f"{place} has no room left"
            advice = repair(cause, family, site.version)
            return Diagnosis(cause.id, evidence, "", 0, cause.explanation, advice, cause.source)
    explanation = f"{found.explanation} What is wrong in the end: {wrong}."
    return Diagnosis(UNKNOWN, found.evidence, found.file, found.line, explanation, (), "")


def _discard(prefix: Path, sign: Path) -> None:
    if prefix.is_dir() and not prefix.is_symlink():
        shutil.rmtree(prefix, ignore_errors=True)
    _discard_work(sign)


def _discard_work(sign: Path) -> None:
    with suppress(OSError, ValueError, KeyError):
        work = Path(json.loads(sign.read_text(encoding="utf-8"))["work"])
        if work.name.startswith("headstart-build-"):
            shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True)
class _Watch:
    """Reads what the build writes, as it writes it."""

    work: Path
    console: Path
    progress: Progress
    advance: Callable[[Advance], None]
    _open: dict[Path, BinaryIO] = field(default_factory=dict, init=False)
    _rest: dict[Path, bytes] = field(default_factory=dict, init=False)

    def __call__(self) -> None:
        for path in (self.console, *sorted(self.work.glob("python-build.*.log"))):
            for line in self._new_lines(path):
                self.progress.feed(line)
                if cause := telling_line(line):
                    raise DoomedError(cause, line)
        self.advance(self.progress.advance)

    def _new_lines(self, path: Path) -> list[str]:
        if path not in self._open:
            if not path.exists():
                return []
            self._open[path] = path.open("rb")
        *whole, self._rest[path] = (self._rest.get(path, b"") + self._open[path].read()).split(
            b"\n"
        )
        return [line.decode(errors="replace") for line in whole]
