"""The operators' commands: `python -m app api | worker | dev | smoke`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from app.settings import Settings

WORKER = [sys.executable, "-m", "dramatiq", "app.worker:boot", "--processes=1", "--skip-logging"]


def api(settings: Settings, arguments: argparse.Namespace) -> None:
    """Serve the api until interrupted."""
    import uvicorn  # noqa: PLC0415 - only this command needs the server

    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        reload=arguments.reload,
        reload_dirs=["app"] if arguments.reload else None,
        access_log=False,
        log_config=None,
    )


def worker(settings: Settings, _: argparse.Namespace) -> None:
    """Run the worker until interrupted."""
    command = _worker_command(settings)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter


def dev(settings: Settings, _: argparse.Namespace) -> None:
    """Serve api and worker, both reloaded when the code changes."""
    commands = [[sys.executable, "-m", "app", "api", "--reload"]]
    if settings.redis_url is not None:
        watched = subprocess.list2cmdline(_worker_command(settings))
        commands.append([sys.executable, "-m", "watchfiles", "--filter=python", watched, "app"])
    processes = [subprocess.Popen(command) for command in commands]
    try:
        for process in processes:
            process.wait()
    except KeyboardInterrupt:
        # The terminal has interrupted them too; they end in their own order.
        for process in processes:
            process.wait()


def smoke(settings: Settings, arguments: argparse.Namespace) -> None:
    """Prove the whole way of one request: answered, stored, and its job done."""
    from app import smoke as smoke_test  # noqa: PLC0415 - only this command needs an HTTP client

    sys.exit(smoke_test.run(settings, arguments.url))


def _worker_command(settings: Settings) -> list[str]:
    return [*WORKER, f"--threads={settings.job_concurrency}"]


def main() -> None:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (api, worker, dev, smoke):
        sub = commands.add_parser(
            command.__name__, help=command.__doc__, description=command.__doc__
        )
        sub.set_defaults(command=command)
        if command is api:
            sub.add_argument("--reload", action="store_true", help="restart when the code changes")
        if command is smoke:
            sub.add_argument("--url", help="prove the api that runs there, instead of starting one")
    arguments = parser.parse_args()
    arguments.command(Settings(), arguments)


if __name__ == "__main__":
    main()
