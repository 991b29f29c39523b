"""`up` finds the server that answers chose, makes its database once, and keeps what is in it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bootstrap.machine import pins
from tests.conftest import headstart, rendered
from tests.rendered.servers import SqlServer, engine_of

pytestmark = pytest.mark.slow

ANSWERS = [("postgresql", "postgresql"), ("mysql", "mariadb"), ("mysql", "mysql")]


def up(shop: Path, state: Path) -> tuple[str, list[str]]:
    """How a run that has to succeed ends, and the steps that it took."""
    lines = headstart("up", "--json", cwd=shop, state=state).splitlines()
    told = json.loads(lines[-1])
    return told["outcome"], told["steps"]


@pytest.mark.parametrize(("chosen", "kind"), ANSWERS)
def test_a_project_comes_up_on_its_server_and_loses_nothing(
    tmp_path: Path,
    chosen: str,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: SqlServer = request.getfixturevalue(kind)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    shop = rendered(tmp_path, "preset=custom", f"database={chosen}")
    url = on(shop, server)
    state = tmp_path / "state"
    assert {"services", "migrations"} <= set(up(shop, state)[1])
    with engine_of(url).connect() as connection:
        connection.execute(sa.text("CREATE TABLE mine (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO mine VALUES (1)"))
        assert connection.execute(sa.text("SELECT count(*) FROM alembic_version")).scalar() == 1
    (shop / "migrate/env.py").rename(shop / "env.py")  # the driver is asked, and no Alembic
    assert up(shop, state)[0] == "nothing-to-do"
    (shop / "env.py").rename(shop / "migrate/env.py")
    for stamp in state.rglob("database-*"):
        stamp.unlink()
    assert up(shop, state)[1] == ["services"]
    with engine_of(url).connect() as connection:
        assert connection.execute(sa.text("SELECT n FROM mine")).scalar() == 1
    drop(url)
    assert up(shop, state)[1] == ["services", "migrations"]
    assert up(shop, state)[0] == "nothing-to-do"


def drop(url: str) -> None:
    """Drop the database, as a person does who wants to begin again."""
    made = sa.make_url(url)
    elsewhere = {"postgresql": "postgres"}.get(made.get_backend_name(), "mysql")
    server = engine_of(made.set(database=elsewhere).render_as_string(hide_password=False))
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"DROP DATABASE {made.database}"))
    server.dispose()


def on(shop: Path, server: SqlServer) -> str:
    """Point a render at a server of the test's own, and spare it its proof and pip's time."""
    port = sa.make_url(server.url).port
    for name in ("toolchain.yml", ".env.example"):
        text = (shop / name).read_text("utf-8")
        text = re.sub(r"127\.0\.0\.1:(5432|3306)/", f"127.0.0.1:{port}/", text)
        text = text.replace("installer: pip", "installer: uv").partition("proof:")[0]
        (shop / name).write_text(text, "utf-8")
    (service,) = pins.read(shop).services
    assert f"DATABASE_URL={service}\n" in (shop / ".env.example").read_text("utf-8")
    return service


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mysql"])
def test_what_up_looks_for_is_what_the_settings_connect_to(tmp_path: Path, database: str) -> None:
    shop = rendered(tmp_path, "preset=custom", f"database={database}", "project_name=big-shop")
    (url,) = re.findall(
        r"^DATABASE_URL=(.+)$", (shop / ".env.example").read_text("utf-8"), re.MULTILINE
    )
    assert pins.read(shop).services == (() if database == "sqlite" else (url,))
