"""`up` finds the server that answers chose, makes its database once, and keeps what is in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from bootstrap.machine import pins
from bootstrap.machine.facts import dotenv, services
from bootstrap.machine.facts.port_set import moved_ports
from tests.conftest import headstart, rendered
from tests.rendered.servers import SqlServer, engine_of

pytestmark = pytest.mark.slow

ANSWERS = [
    ("postgresql", "postgresql"),
    ("mysql", "mariadb"),
    pytest.param("mysql", "mysql", marks=pytest.mark.nightly),
]


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
    example, toolchain = shop / ".env.example", shop / "toolchain.yml"
    port = sa.make_url(server.url).port
    example.write_text(
        re.sub(r"(?m)^DATABASE_PORT=\d+$", f"DATABASE_PORT={port}", example.read_text())
    )
    text = toolchain.read_text("utf-8").replace("installer: pip", "installer: uv")
    toolchain.write_text(text.partition("proof:")[0], "utf-8")
    (service,) = services.urls(pins.read(shop))
    assert sa.make_url(service).port == port
    return service


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mysql"])
def test_every_file_follows_the_ports_that_dotenv_says(
    everything: Path, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, what `up` looks for, and compose; at first by the answer, then by an edit."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    answers = ("preset=custom", f"database={database}", "project_name=big-shop", "port_base=9000")
    shop = rendered(tmp_path, *answers)
    text = (shop / ".env.example").read_text("utf-8").replace("# REDIS_URL", "REDIS_URL")
    (shop / ".env").write_text(text, "utf-8")
    assert_all_agree(everything, shop, database, moved=1000)
    moved = re.sub(r"(?m)^(\w*PORT)=(\d+)$", lambda at: f"{at[1]}={int(at[2]) + 5}", text)
    (shop / ".env").write_text(moved, "utf-8")
    assert_all_agree(everything, shop, database, moved=1005 if database != "sqlite" else 1000)


def assert_all_agree(everything: Path, shop: Path, database: str, moved: int) -> None:
    usual = {"postgresql": 5432, "mysql": 3306}.get(database)
    url = f"{database}://{{}}@127.0.0.1:{(usual or 0) + moved}/big_shop"
    url = url.format("root" if database == "mysql" else "postgres") if usual else ""
    redis = f"redis://127.0.0.1:{6379 + moved}/0"
    assert services.urls(pins.read(shop)) == (*([url] if usual else []), redis)
    read = "from app.settings import Settings as S; s = S(); print(s.database_url, s.redis_url)"
    python = everything / ".venv/bin/python"
    settings = subprocess.check_output([python, "-c", read], cwd=shop, text=True)
    assert settings.split() == [url or "sqlite:///var/app.db", redis]
    if usual:
        values = dotenv.variables(shop / ".env")
        compose = yaml.safe_load((shop / "compose.yaml").read_text("utf-8"))["services"]
        published = {name: each["ports"][0] for name, each in compose.items()}
        interpolated = {
            name: re.sub(r"\$\{(\w+):-(\d+)\}", lambda at: values[at[1]], port)
            for name, port in published.items()
        }
        assert interpolated["database"] == f"127.0.0.1:{usual + moved}:{usual}"
        assert interpolated["redis"] == f"127.0.0.1:{6379 + moved}:6379"
        if database == "mysql":
            assert interpolated["test-database"] == f"127.0.0.1:{3307 + moved}:3306"


def test_a_server_of_the_kind_that_is_asked_for_is_no_stranger_on_its_port(
    tmp_path: Path, postgresql: SqlServer
) -> None:
    shop = rendered(tmp_path, "preset=custom", "database=postgresql")
    on(shop, postgresql)
    text = (shop / ".env.example").read_text("utf-8")
    assert moved_ports(pins.read(shop), text) == ()
    as_mysql = moved_ports(pins.read(shop), text.replace("=postgresql:", "=mysql:"))
    assert {each.name for each in as_mysql} == {"DATABASE_PORT", "REDIS_PORT"}
