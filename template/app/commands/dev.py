"""Serve api and worker, both reloaded when the code changes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from datetime import timedelta
from types import FrameType
from urllib.parse import urlsplit

from app.commands import api, worker
from app.ports import listen
from app.settings import Settings
from app.supervisor import Program, Supervisor

# What a program takes to end, besides the grace of its jobs.
PATIENCE = timedelta(seconds=12)
LOOK_MILLISECONDS = 300
BANNER = """\
Docs    {docs}
Jobs    {jobs}
Reload  when a Python file in app/ changes
Ctrl-C ends it; a second one at once.
"""


def declare(_: ArgumentParser) -> None:
    """Add no argument: the settings say everything."""


def run(_: Namespace) -> None:
    """Serve until interrupted, or until the api or the worker ends."""
    settings = Settings()
    with listen(settings.host, settings.port) as listening:
        port: int = listening.getsockname()[1]
        _say(BANNER.format(docs=f"{api.address(settings.host, port)}/docs", jobs=_jobs(settings)))
        sys.exit(Development(settings, listening.fileno()).run())


class Development:
    """The programs of a developer's machine, from their start to the reason for their end."""

    def __init__(self, settings: Settings, listening: int) -> None:
        """Start nothing yet; the api will serve on the socket `listening`."""
        self._signals: list[int] = []
        self._stop = threading.Event()
        self._parent = os.getppid()
        self._has_terminal = os.isatty(0)
        self._is_edited = False
        self._supervisor = Supervisor(
            _programs(settings, listening),
            (settings.job_grace + PATIENCE).total_seconds(),
            is_urgent=lambda: len(self._signals) > 1,
        )

    def run(self) -> int:
        """Run until there is a reason to end; return the exit code that tells it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        self._supervisor.start()
        code = self._watch()
        self._supervisor.stop()
        return code

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)
        self._stop.set()

    def _watch(self) -> int:
        from watchfiles import PythonFilter, watch  # noqa: PLC0415 - after the first words

        for changes in watch(
            "app",
            watch_filter=PythonFilter(),
            stop_event=self._stop,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
        ):
            if self._is_alone():
                return 128 + signal.SIGHUP
            if changes:
                self._reload(sorted(os.path.relpath(path) for _, path in changes))
            elif (code := self._judge(self._supervisor.ended())) is not None:
                return code
        return 128 + self._signals[0]

    def _is_alone(self) -> bool:
        """Say whether who started this is gone, or the terminal: not everybody is sent a signal."""
        return os.getppid() != self._parent or self._has_terminal != os.isatty(0)

    def _reload(self, paths: list[str]) -> None:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        _say(f"{paths[0]}{more} changed: starting again")
        self._supervisor.stop()
        self._supervisor.start()
        self._is_edited = True

    def _judge(self, ended: tuple[str, int] | None) -> int | None:
        """Return the code to end with, if something has ended that an edit will not bring back."""
        if ended is None:
            return None
        name, code = ended
        if self._is_edited and code > 0:
            # What somebody is still writing: the next change starts it again.
            _say(f"The {name} has ended with code {code}; waiting for the next change in app/")
            self._supervisor.stop()
            return None
        _say(f"The {name} has ended {_by(code)}, so everything ends")
        return 128 - code if code < 0 else code or 1


def _programs(settings: Settings, listening: int) -> list[Program]:
    serve = [sys.executable, "-m", "app", "api", f"--fd={listening}"]
    programs = [Program("api", serve, interactive=True, files=[listening])]
    if settings.redis_url is not None:
        programs.append(Program("worker", worker.command_line(settings)))
    return programs


def _jobs(settings: Settings) -> str:
    if settings.redis_url is None:
        return "run in the api, as there is no REDIS_URL"
    redis = urlsplit(settings.redis_url)
    return f"run in the worker, sent through Redis on {redis.hostname}:{redis.port or 6379}"


def _by(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def _say(text: str) -> None:
    print(text, flush=True)
