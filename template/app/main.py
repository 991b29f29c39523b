"""The api: an ASGI application made by `create_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.responses import RedirectResponse

from app import features, modules
from app.core import health
from app.core.database import Database
from app.core.docs import install_docs
from app.core.errors import install_errors
from app.core.listing import Cursors
from app.core.logging import configure_logging
from app.core.middleware import BodyLimit, RequestContext, SecurityHeaders
from app.core.relay import Relay
from app.core.revisions import read_revisions, require_current
from app.core.runner import InProcess, JobProcess, make_relay
from app.settings import Environment, Settings, read_project


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """Return the api. It connects to nothing before it starts, and to nothing after it ends."""
    settings = settings or Settings()
    configure_logging(settings.log_level, settings.log_format)
    modules.load_models()
    modules.load_jobs()
    about = read_project()
    app = FastAPI(
        title=about.name,
        version=about.version,
        description=about.description,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.at_end = AsyncExitStack()
    app.state.database = database or Database(settings.database_url, settings.database_wait)
    app.state.cursors = Cursors(settings.secret_key.get_secret_value())
    app.state.revisions = read_revisions()
    app.add_middleware(BodyLimit, most=settings.max_body_bytes)
    app.add_middleware(RequestContext)
    app.add_middleware(SecurityHeaders)
    install_errors(app)
    install_docs(app)
    for _, router in (("health", health.router), *modules.routers()):
        app.include_router(router)
    if settings.environment is Environment.DEVELOPMENT:
        app.add_route("/", lambda _: RedirectResponse("docs"))
    for feature in features.found():
        feature.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.database
    try:
        await require_current(database, app.state.revisions)
        async with _jobs(app.state.settings, database) as app.state.relay:
            yield
    finally:
        await database.close()
        await app.state.at_end.aclose()


@asynccontextmanager
async def _jobs(settings: Settings, database: Database) -> AsyncIterator[Relay]:
    """Yield what sends jobs: to the worker's processes, or, without a REDIS_URL, into this one."""
    if settings.redis_url is None:
        limit = settings.job_concurrency
        jobs = JobProcess(settings, database, lambda runner: InProcess(runner, concurrency=limit))
        await jobs.start()
        yield jobs.relay
        await jobs.end()
        return
    # Only who has Redis pays for it.
    from app.core.broker import ToWorkers, build_broker  # noqa: PLC0415

    relay = make_relay(settings, database, ToWorkers(build_broker(settings.redis_url)))
    relaying = asyncio.create_task(relay.run())
    yield relay
    relay.stop()
    await relaying
