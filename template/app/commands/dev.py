"""Serve api and worker, both reloaded when the code changes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace

from app.commands import worker
from app.settings import Settings


def declare(_: ArgumentParser) -> None:
    """Add no argument: the settings say everything."""


def run(_: Namespace) -> None:
    """Start both, and wait for both to end."""
    settings = Settings()
    commands = [[sys.executable, "-m", "app", "api", "--reload"]]
    if settings.redis_url is not None:
        watched = shlex.join(worker.command_line(settings))
        commands.append([sys.executable, "-m", "watchfiles", "--filter=python", watched, "app"])
    processes = [subprocess.Popen(command) for command in commands]
    try:
        for process in processes:
            process.wait()
    except KeyboardInterrupt:
        # The terminal has interrupted them too; they end in their own order.
        for process in processes:
            process.wait()
