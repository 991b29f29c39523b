"""The api: an ASGI application made by `create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.responses import RedirectResponse

from app import features, modules
from app.core import health
from app.core.database import Database
from app.core.docs import install_docs
from app.core.errors import install_errors
from app.core.listing import Cursors
from app.core.logging import configure_logging
from app.core.middleware import BodyLimit, HeadOfGet, RequestContext
from app.core.outbox import Queue
from app.core.revisions import read_revisions, require_current
from app.core.routes import shorten_routes
from app.core.runner import JobProcess
from app.core.unambiguous import require_unambiguous
from app.settings import Environment, Settings, read_project

Tell = Callable[[Mapping[Queue, int]], None]


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
        # To wherever the Host header says: a client that asks for another path is told so.
        redirect_slashes=False,
        dependencies=[Depends(require_unambiguous)],
    )
    app.state.settings = settings
    app.state.at_end = AsyncExitStack()
    app.state.database = database or Database(settings.database_url, settings.database_wait)
    app.state.cursors = Cursors(settings.secret_key.get_secret_value())
    app.state.revisions = read_revisions()
    app.add_middleware(HeadOfGet)
    app.add_middleware(BodyLimit, most=settings.max_body_bytes, patience=settings.request_body_time)
    app.add_middleware(RequestContext)
    install_errors(app)
    install_docs(app)
    for _, router in (("health", health.router), *modules.routers()):
        app.include_router(router)
    if settings.environment is Environment.DEVELOPMENT:
        app.add_route("/", lambda _: RedirectResponse("docs"))
    for feature in features.found():
        feature.install(app)
    shorten_routes(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.database
    try:
        await require_current(database, app.state.revisions)
        async with _jobs(app.state.settings, database) as app.state.tell:
            yield
    finally:
        await database.close()
        await app.state.at_end.aclose()


@asynccontextmanager
async def _jobs(settings: Settings, database: Database) -> AsyncIterator[Tell]:
    """Yield what hears of jobs: the worker's processes, or, without a REDIS_URL, this one."""
    if settings.redis_url is None:
        jobs = JobProcess(settings, database)
        await jobs.start()
        yield jobs.runner.tell
        await jobs.end()
        return
    # Only who has Redis pays for it.
    from app.core.broker import ToWorkers, build_broker  # noqa: PLC0415

    broker = build_broker(settings.redis_url)
    workers = ToWorkers(database, broker, poll=settings.job_poll)
    yield workers.tell
    await workers.close()
