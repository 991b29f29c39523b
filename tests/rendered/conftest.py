"""The project with every feature, rendered once by the public command, and run on any database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, install, nightly_but, rendered
from tests.rendered.matrix import features
from tests.rendered.processes import Backend
from tests.rendered.servers import SqlServer, running_mariadb, running_mysql, running_postgresql

SERVERS = ("postgresql", "mariadb", "mysql")
KINDS = ("sqlite", *SERVERS)


def first_on(*kinds: str) -> pytest.MarkDecorator:
    """On these kinds of databases each time, and on the others in the nightly."""
    return pytest.mark.parametrize("database_url", nightly_but(*kinds, of=KINDS), indirect=True)


on_every_database = first_on(*KINDS)
# MariaDB stands in for MySQL until the nightly; migrations are tried on both, each time.
on_each_kind = first_on("sqlite", "postgresql", "mariadb")
on_each_kind_of_server = pytest.mark.parametrize(
    "database_url", nightly_but("postgresql", "mariadb", of=SERVERS), indirect=True
)
on_every_server = pytest.mark.parametrize("database_url", SERVERS, indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


EVERYTHING = (
    "preset=custom",
    "database=postgresql",
    "safe_migrations=true",
    "workflow=git-flow",
    f"features=[{', '.join(features())}]",
)
# Everybody may do everything, as often as they like.
OPEN = {"AUTH_REQUIRED": "false", "RATE_LIMIT_PER_MINUTE": "0"}


def copied(source: Path, target: Path, *names: str) -> Path:
    """Some of a project's files and folders, in a new folder of their own."""
    target.mkdir()
    for name in names:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        copy(source / name, target / name)
    return target


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A render with everything, in an environment with the drivers of every database."""
    shop = rendered(tmp_path_factory.mktemp("everything"), *EVERYTHING)
    install(shop, ROOT / "template/requirements-dev.lock")
    return shop


@pytest.fixture(scope="session")
def without_kit(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with Alembic's migrations and their guards alone, in the same environment."""
    plain = [answer.replace("migrations=true", "migrations=false") for answer in EVERYTHING]
    shop = rendered(tmp_path_factory.mktemp("plain"), *plain)
    (shop / ".venv").symlink_to(everything / ".venv")
    return shop


@pytest.fixture(scope="session")
def postgresql() -> Iterator[SqlServer]:
    """A PostgreSQL of this run's own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[SqlServer]:
    """A MariaDB of this run's own."""
    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[SqlServer]:
    """A MySQL of this run's own."""
    with running_mysql() as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> SqlServer:
    """The server named by the test's parameter, given by `database_url`."""
    server: SqlServer = request.getfixturevalue(request.node.callspec.params["database_url"])
    return server


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database: SQLite's, or on the server that the test's parameter names."""
    kind: str = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    server: SqlServer = request.getfixturevalue(kind)
    return server.new_database()


@pytest.fixture
def unmigrated(everything: Path, database_url: str) -> Backend:
    """The project on an empty database."""
    environment = os.environ | OPEN | {"DATABASE_URL": database_url, "LOG_LEVEL": "WARNING"}
    environment.pop("REDIS_URL", None)
    return Backend(everything, database_url, environment)


@pytest.fixture
def backend(unmigrated: Backend) -> Iterator[Backend]:
    """The project on a freshly migrated database, with no process running yet."""
    unmigrated.run("-m", "alembic", "upgrade", "head")
    unmigrated.count_effects()
    yield unmigrated
    unmigrated.stop_all()
