"""Serve the api until interrupted."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from app.settings import Settings


def declare(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--reload", action="store_true", help="restart when the code changes")


def run(arguments: Namespace) -> None:
    """Serve."""
    import uvicorn  # noqa: PLC0415 - only this command needs the server

    settings = Settings()
    uvicorn.run(
        "app.main:create_app",
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
