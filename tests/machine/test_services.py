"""Services are found or started, and the test database is made once, whatever it holds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bootstrap.machine.facts.services import service_of
from tests import forkserver
from tests.machine.conftest import Shop
from tests.rendered.servers import (
    SqlServer,
    engine_of,
    free_port,
    running_mariadb,
    running_postgresql,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(params=[running_mariadb, running_postgresql], ids=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    with request.param() as server:
        yield server


def pin(shop: Shop, *urls: str) -> None:
    listed = "".join(f"  - {url}\n" for url in urls)
    shop.edit("toolchain.yml", "environment:", f"services:\n{listed}environment:")


def test_the_test_database_is_made_once_and_its_data_stays(shop: Shop, server: SqlServer) -> None:
    url = sa.make_url(server.new_database()).set(database="shop_test")
    kind = url.drivername.partition("+")[0].replace("mysql", "mariadb")
    pin(shop, f"{kind}://{url.username}@{url.host}:{url.port}/shop_test")
    shop.up()
    engine = engine_of(url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (n INTEGER)"))
    for stamp in shop.state.rglob("database-*"):
        stamp.unlink()
    shop.up()
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM kept")).scalar() == 0
    engine.dispose()
    assert shop.up()[-1]["outcome"] == "nothing-to-do"
    assert shop.findings() == []


def test_a_silent_service_is_named_with_the_command_that_starts_it(shop: Shop) -> None:
    port = free_port()
    pin(shop, f"redis://127.0.0.1:{port}/0")
    refused = shop.headstart("up")
    assert refused.returncode == 4
    assert f"redis on 127.0.0.1:{port} does not respond" in refused.stderr
    assert "sudo systemctl start redis-server" in refused.stderr


def test_homebrew_starts_what_is_silent(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    pin(shop, f"redis://127.0.0.1:{port}/0")
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "brew").write_text(
        f'#!/bin/sh\n[ "$*" = "services start redis" ] && exec redis-server --port {port}'
        f" --daemonize yes --save '' --pidfile {tmp_path}/redis.pid >/dev/null\n"
    )
    (shims / "brew").chmod(0o755)
    try:
        done = shop.headstart("up", PATH=f"{shims}:/usr/bin:/bin")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        end = ["/usr/bin/redis-cli", "-p", str(port), "shutdown", "nosave"]
        subprocess.run(end, check=False, capture_output=True)


IMPATIENT = """\
from bootstrap import cli
from bootstrap.machine.steps import services
services._SECONDS = 0
cli.main()
"""


def test_what_stays_silent_after_it_was_started_is_told(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    pin(shop, f"redis://127.0.0.1:{port}/0")
    (tmp_path / "brew").symlink_to("/bin/true")
    environment = shop.environment({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    command = ("-c", IMPATIENT, "up")
    failed = forkserver.of_headstart().run(*command, cwd=shop.root, env=environment)
    assert failed.returncode == 1
    assert f"Started, but not responding: redis on 127.0.0.1:{port}." in failed.stderr


def test_a_password_is_never_told(shop: Shop) -> None:
    pin(shop, f"mysql://shop:s3cret@127.0.0.1:{free_port()}/shop_test")
    refused = shop.headstart("up")
    planned = shop.headstart("plan", "--json")
    assert "s3cret" not in refused.stdout + refused.stderr + planned.stdout
    kept = [path for path in shop.state.rglob("*") if path.is_file() and "cache" not in path.parts]
    assert all(b"s3cret" not in path.read_bytes() for path in kept)


def test_the_port_and_the_database_are_read_from_the_url() -> None:
    found = service_of("mysql://root:a%40b@127.0.0.1:3307/shop_test")
    assert (found.port, found.password, found.database) == (3307, "a@b", "shop_test")
    assert service_of("redis://127.0.0.1/0").port == 6379
