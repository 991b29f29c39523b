"""Run the worker until interrupted."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from datetime import timedelta

from app.core.outbox import Queue
from app.settings import Settings

COMMAND = [sys.executable, "-m", "app.master"]
# One thread, which hears of jobs: they run on the process's event loop.
OPTIONS = ["app.worker:boot", "--processes=1", "--threads=1", "--skip-logging"]


def declare(parser: ArgumentParser) -> None:
    queues = [queue.label for queue in Queue]
    text = "take jobs of these queues only (default: all, the urgent ones first)"
    parser.add_argument("--queues", nargs="+", choices=queues, default=[], help=text)


def run(arguments: Namespace) -> None:
    command = command_line(Settings())
    if arguments.queues:
        command += ["--queues", *arguments.queues]
    os.execv(command[0], command)  # noqa: S606 - our own interpreter


def command_line(settings: Settings) -> list[str]:
    # Jobs are cut off after the grace; this is for what comes after them.
    shutdown = settings.job_grace + timedelta(seconds=10)
    return [
        *COMMAND,
        *OPTIONS,
        f"--worker-shutdown-timeout={shutdown // timedelta(milliseconds=1)}",
    ]
