"""What tests stand on: a database of their own each, the api around it, and its client."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from PIL import Image

from app.core.database import Database
from app.core.project import ROOT
from app.main import create_app
from app.settings import Environment, Settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def alembic_config(url: str) -> Config:
    """Return the project's own Alembic configuration, for the database at `url`."""
    config = Config(ROOT / "alembic.ini", attributes={"url": url})
    config.set_main_option("script_location", str(ROOT / "migrate"))
    return config


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that the migrations built, once; tests work on copies."""
    path = tmp_path_factory.mktemp("database") / "migrated.db"
    command.upgrade(alembic_config(f"sqlite:///{path}"), "head")
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated_file: Path) -> Settings:
    """Settings of one test: its own database, and no trace of the developer's environment."""
    path = shutil.copy(migrated_file, tmp_path / "test.db")
    return Settings(
        _env_file=None,
        environment=Environment.TEST,
        database_url=f"sqlite:///{path}",
        redis_url=None,
        job_poll=timedelta(milliseconds=20),
    )


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The test's database, without an api."""
    database = Database(settings.database_url)
    yield database
    await database.close()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The api, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the api."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def picture() -> bytes:
    """A picture as a camera makes it: larger than a thumbnail and not square."""
    target = BytesIO()
    Image.new("RGB", (800, 600), "steelblue").save(target, "PNG")
    return target.getvalue()
