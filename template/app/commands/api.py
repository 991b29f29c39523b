"""Serve the api until interrupted."""

from __future__ import annotations

import gc
import math
import resource
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from socket import socket
from typing import TYPE_CHECKING

import structlog

from app.core.logging import configure_logging
from app.ports import listen
from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

# The collector looks at new objects after so many, instead of Python's 2000: a request makes many.
NEW_OBJECTS = 10_000
# What a process has open besides the connections of clients.
OTHER_FILES = 256
# The code with which uvicorn ends when the api could not start.
STARTUP_FAILED = 3


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("--fd", type=int, help="serve on a socket that listens already")


def run(arguments: Namespace) -> None:
    # Only this command needs the server.
    import uvicorn  # noqa: PLC0415

    from app.core.door import door  # noqa: PLC0415

    settings = Settings()
    config = uvicorn.Config(
        "app.commands.api:make",
        factory=True,
        http=door(settings),
        root_path=settings.root_path,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_graceful_shutdown=math.ceil(settings.request_grace.total_seconds()),
        access_log=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    _let_open(settings.max_connections + OTHER_FILES)
    with _socket(arguments.fd, settings) as listening, suppress(KeyboardInterrupt):
        server.run([listening])
    if not server.started:
        sys.exit(STARTUP_FAILED)


def address(host: str, port: int) -> str:
    """Return where a browser of this machine finds what listens there."""
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - compared, not bound
    return f"http://{here or (f'[{host}]' if ':' in host else host)}:{port}"


def _socket(fd: int | None, settings: Settings) -> socket:
    if fd is not None:
        return socket(fileno=fd)
    listening = listen(settings.host, settings.port)
    configure_logging(settings.log_level, settings.log_format)
    url = address(settings.host, listening.getsockname()[1])
    structlog.get_logger(__name__).info("serving", url=url)
    return listening


def _let_open(files: int) -> None:
    """Let this process have so many files open: most systems begin with 1024, and allow more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < files:
        most = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def make() -> FastAPI:
    """Make the api of a process of its own. What it begins with lives as long as it does."""
    from app.main import create_app  # noqa: PLC0415 - the server's process needs it, and only that

    app = create_app()
    # The collector walks the modules no more, which takes a tenth off each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    return app
