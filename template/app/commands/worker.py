"""Run the worker until interrupted."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace

from app.settings import Settings

COMMAND = [sys.executable, "-m", "dramatiq", "app.worker:boot", "--processes=1", "--skip-logging"]


def declare(_: ArgumentParser) -> None:
    """Add no argument: the settings say everything."""


def run(_: Namespace) -> None:
    """Become the worker."""
    command = command_line(Settings())
    os.execv(command[0], command)  # noqa: S606 - our own interpreter


def command_line(settings: Settings) -> list[str]:
    """Return the command line of a worker with one process."""
    return [*COMMAND, f"--threads={settings.job_concurrency}"]
