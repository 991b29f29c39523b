"""What tests stand on: a database, the api around it, and its client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event

from app.core.database import Database
from app.core.logging import correlation_id
from app.main import create_app
from app.settings import Environment, Settings
from tests import things
from tests.databases import emptied_after, migrated_database, rolled_back

# The id of requests whose statements are counted.
COUNTED = "counted"
# What brackets a transaction is not a statement about data.
BRACKETS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with migrated_database(tmp_path_factory.mktemp("database")) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings of a test: no trace of the developer's environment."""
    return Settings(
        _env_file=None,
        environment=Environment.TEST,
        database_url=database_url,
        redis_url=None,
        job_poll=timedelta(milliseconds=20),
    )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database, in a transaction that is rolled back after the test."""
    async with rolled_back(database_url) as database:
        yield database


@pytest.fixture
async def committing(database_url: str) -> AsyncIterator[Database]:
    """The database with real commits, for tests of what commits do."""
    async with emptied_after(database_url) as database:
        yield database


@asynccontextmanager
async def serve(settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    """Start the api around `database`: the project's, with `tests.things` in it."""
    with things.listed():
        app = create_app(settings, database)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def connect(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def app(settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    async with serve(settings, database) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(app) as client:
        yield client


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement of counted requests from here on; what runs beside them has no such id."""
    found: list[str] = []

    def record(*arguments: object) -> None:
        statement = str(arguments[2])
        if correlation_id() == COUNTED and not statement.startswith(BRACKETS):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    yield found
    event.remove(Engine, "before_cursor_execute", record)
