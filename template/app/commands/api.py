"""Serve the api until interrupted."""

from __future__ import annotations

import gc
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from app.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

# The collector looks at new objects after so many, instead of Python's 2000: a request makes many.
NEW_OBJECTS = 10_000


def declare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--reload", action="store_true", help="restart when the code changes")


def run(arguments: Namespace) -> None:
    """Serve."""
    import uvicorn  # noqa: PLC0415 - only this command needs the server

    settings = Settings()
    uvicorn.run(
        "app.commands.api:make",
        factory=True,
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        reload=arguments.reload,
        reload_dirs=["app"] if arguments.reload else None,
        access_log=False,
        log_config=None,
    )


def make() -> FastAPI:
    """Make the api of a process of its own. What it begins with lives as long as it does."""
    from app.main import create_app  # noqa: PLC0415 - the server's process needs it, and only that

    app = create_app()
    # The collector walks the modules no more, which takes a tenth off each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
    return app
