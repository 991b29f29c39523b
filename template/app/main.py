"""The api: an ASGI application made by `create_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from app import features, modules
from app.core import health
from app.core.database import Database
from app.core.errors import install_errors
from app.core.http import RequestContext
from app.core.logging import configure_logging
from app.core.pagination import Cursors
from app.core.project import read_project
from app.core.relay import InProcess, Relay, Transport
from app.core.security.gate import Gate, Gated
from app.settings import Settings

SHUTDOWN_GRACE = timedelta(seconds=10)


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """Return the api. It connects to nothing before it starts, and to nothing after it ends."""
    settings = settings or Settings()
    configure_logging(settings.log_level, settings.log_format)
    modules.load_models()
    modules.load_tasks()
    about = read_project()
    app = FastAPI(
        title=about.name, version=about.version, description=about.description, lifespan=_lifespan
    )
    app.state.settings = settings
    app.state.database = database or Database(settings.database_url)
    app.state.cursors = Cursors(settings.secret_key.get_secret_value())
    app.state.gate = Gate(settings, app.state.database)
    app.add_middleware(Gated, gate=app.state.gate)
    app.add_middleware(RequestContext)
    install_errors(app)
    for router in (health.router, *modules.routers()):
        app.include_router(router)
    for feature in features.found():
        feature.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database: Database = app.state.database
    gate: Gate = app.state.gate
    await gate.open()
    transport = _transport(settings, database)
    relay = app.state.relay = Relay(
        database, transport, poll=settings.job_poll, resend=settings.job_resend
    )
    if isinstance(transport, InProcess):
        transport.on_room = relay.wake
    relaying = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        relay.stop()
        await relaying
        if isinstance(transport, InProcess):
            await transport.drain(SHUTDOWN_GRACE)
        await gate.close()
        await database.close()


def _transport(settings: Settings, database: Database) -> Transport:
    """Return where jobs go: to the worker's processes, or, without a REDIS_URL, into this one."""
    if settings.redis_url is None:
        return InProcess(database, concurrency=settings.job_concurrency, lease=settings.job_lease)
    from app.core.broker import ToWorkers, build_broker  # noqa: PLC0415 - only who has Redis pays for it

    return ToWorkers(build_broker(settings.redis_url))
