"""Services are found or started, and the test database is made once, whatever it holds."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bootstrap.machine import pins
from bootstrap.machine.facts import services
from bootstrap.machine.facts.ports import owner_of
from bootstrap.machine.facts.services import Greeting, ServiceState, judge, service_of, state_of
from bootstrap.machine.steps.services import start_commands
from tests import forkserver
from tests.conftest import nightly_but
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

    from bootstrap.machine.facts.services import Service

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
    starts = f"redis-server --port {port} --daemonize yes --save '' --pidfile {tmp_path}/redis.pid"
    shims = homebrew_with_redis(tmp_path / "homebrew", starts)
    try:
        done = shop.headstart("up", PATH=f"{shims}:/usr/bin:/bin")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        end = ["/usr/bin/redis-cli", "-p", str(port), "shutdown", "nosave"]
        subprocess.run(end, check=False, capture_output=True)


def homebrew_with_redis(prefix: Path, starts: str) -> Path:
    """The folder of a `brew` whose service runs this."""
    (prefix / "opt" / "redis").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "brew").write_text(
        f'#!/bin/sh\ncase "$*" in --prefix) echo {prefix};;\n'
        f'"services start redis") exec {starts} >/dev/null;; esac\n'
    )
    (prefix / "bin" / "brew").chmod(0o755)
    return prefix / "bin"


IMPATIENT = """\
from bootstrap import cli
from bootstrap.machine.steps import services
services._SECONDS = 0
cli.main()
"""


def test_what_stays_silent_after_it_was_started_is_told(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    pin(shop, f"redis://127.0.0.1:{port}/0")
    shims = homebrew_with_redis(tmp_path / "homebrew", "true")
    environment = shop.environment({"PATH": f"{shims}:/usr/bin:/bin"})
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


@contextmanager
def mute() -> Iterator[int]:
    """A port that accepts, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "name"),
    [("mysql://root@{}/shop_test", "MySQL"), ("redis://{}/0", "Redis")],
)
@pytest.mark.parametrize("command", nightly_but("up", of=("plan", "up", "doctor")))
def test_a_port_that_another_program_has_is_named_with_it(
    shop: Shop, url: str, name: str, command: str
) -> None:
    with mute() as port:
        pin(shop, url.format(f"127.0.0.1:{port}"))
        done = shop.headstart(command)
        owner = owner_of(port)
    assert owner is not None
    told = f"127.0.0.1:{port} is taken by {owner.shown}, which is not {name}"
    assert told in " ".join((done.stdout + done.stderr).split())
    if command == "up":
        assert done.returncode == 4
        assert "stop that program, or give the service another port" in done.stderr


def test_the_owner_is_the_process_that_listens() -> None:
    listen = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
    listen += "print(s.getsockname()[1], flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", listen], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        owner = owner_of(int(process.stdout.readline()))
        process.kill()
    assert owner is not None
    assert owner.pid == process.pid
    assert owner.shown.endswith(f"(pid {process.pid})")
    assert "python" in owner.shown


def test_nobody_is_the_owner_of_a_free_port() -> None:
    assert owner_of(free_port()) is None


HTTP = b"HTTP/1.1 400 Bad Request\r\n"


@pytest.mark.parametrize(
    ("kind", "said", "state"),
    [
        ("redis", b"+PONG\r\n", ServiceState.ANSWERS),
        ("redis", b"-NOAUTH Authentication required.\r\n", ServiceState.ANSWERS),
        ("redis", HTTP, ServiceState.FOREIGN),
        ("postgresql", b"N", ServiceState.ANSWERS),
        ("postgresql", b"S", ServiceState.ANSWERS),
        ("postgresql", b"SSH-2.0-OpenSSH_9.2\r\n", ServiceState.FOREIGN),
        ("postgresql", HTTP, ServiceState.FOREIGN),
        ("mysql", b"\x4a\x00\x00\x00\x0a8.4.0\x00", ServiceState.ANSWERS),
        ("mysql", b"\x45\x00\x00\x00\xff\x6a\x04Host is blocked", ServiceState.ANSWERS),
        ("mysql", HTTP, ServiceState.FOREIGN),
        ("mariadb", b"", ServiceState.SILENT),
    ],
)
def test_the_first_words_tell_a_service(kind: str, said: bytes, state: ServiceState) -> None:
    assert judge(kind, said) is state


def test_a_server_is_known_by_its_first_words(server: SqlServer) -> None:
    """A PostgreSQL and a MariaDB; each is foreign where the other is expected."""
    known = {each: state_of(service_at(server.url, each)) for each in ("mysql", "postgresql")}
    own = sa.make_url(server.url).get_backend_name()
    assert known.pop(own) is ServiceState.ANSWERS
    assert set(known.values()) == {ServiceState.FOREIGN}


def service_at(url: str, kind: str) -> Service:
    return service_of(f"{kind}{url[url.index('://') :]}")


def test_a_database_behind_a_foreign_port_is_not_asked_for_its_revision(shop: Shop) -> None:
    with mute() as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/shop"
        planned = shop.headstart("plan", DATABASE_URL=url)
        done = shop.headstart("up", DATABASE_URL=url)
    assert f"127.0.0.1:{port} is taken by" in planned.stdout
    assert done.returncode == 4
    assert "The database cannot be migrated: its port is taken." in done.stderr


DOCKER = """\
#!/bin/sh
case "$1" in
  compose) [ "$2" = version ] && exit {compose} ;;
  version) echo "{said}" >&2; exit {daemon} ;;
esac
"""


@pytest.mark.parametrize(
    ("compose", "daemon", "said", "cause", "repair"),
    [
        (1, 0, "", "Docker has no compose plugin.", "docs.docker.com/compose/install/linux"),
        (124, 0, "", "Docker does not answer.", "sudo systemctl restart docker"),
        (0, 124, "", "Docker does not answer.", "sudo systemctl restart docker"),
        (0, 1, "Cannot connect", "its daemon is not running.", "sudo systemctl start docker"),
        (0, 1, "permission denied", "does not let this user in.", "sudo usermod -aG docker"),
        (None, 0, "", "Docker is not installed.", "docs.docker.com/engine/install"),
    ],
    ids=["no plugin", "hangs", "daemon hangs", "no daemon", "no permission", "no docker"],
)
def test_docker_says_the_one_reason_for_not_starting_a_service(
    ready: Shop,
    tmp_path: Path,
    compose: int | None,
    daemon: int,
    said: str,
    cause: str,
    repair: str,
) -> None:
    pin(ready, f"mysql://root@127.0.0.1:{free_port()}/shop_test")
    (ready.root / "compose.yaml").write_text("services: {}\n")
    # Only what a step needs besides: no server of this machine's, and no Docker of its own.
    for name in ("sh", "uname", "ps", "git"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    if compose is not None:
        (tmp_path / "docker").write_text(DOCKER.format(compose=compose, daemon=daemon, said=said))
        (tmp_path / "docker").chmod(0o755)
    done = ready.headstart("up", "--only", "services", PATH=str(tmp_path))
    assert done.returncode == 4, done.stdout + done.stderr
    told = " ".join(done.stderr.split())
    assert cause in told
    assert repair in told
    assert "systemctl start mysql" not in told


def test_a_service_is_what_the_variable_of_dotenv_says(shop: Shop) -> None:
    """Where it names a server; one on another machine is not started here."""
    pin(shop, "DATABASE_URL", "REDIS_URL")
    assert services.look(pins.read(shop.root), nobody, gone=False).silent == ()
    (shop.root / ".env").write_text(
        "CACHE_PORT=6390\nDATABASE_URL=mysql+asyncmy://me:p%40ss@db.example:3310/shop?charset=utf8mb4\n"
        "REDIS_URL=redis://127.0.0.1:${CACHE_PORT}/0\n"
    )
    fact = services.look(pins.read(shop.root), nobody, gone=False)
    database, redis = fact.silent
    assert (database.kind, database.place, database.database) == (
        "mysql",
        "db.example:3310",
        "shop",
    )
    assert (redis.place, fact.without_database) == ("127.0.0.1:6390", ())
    (advice,) = start_commands(fact)
    assert "does not reach db.example:3310" in advice


def nobody(*_: object) -> Greeting:
    return Greeting(ServiceState.SILENT)


@pytest.mark.parametrize(
    "address",
    ["root:s3cret@127.0.0.1:33o6/shop", "root:s3/cret@h:1/shop", "root:s3@cret@127.0.0.1:1/shop"],
)
def test_an_unreadable_url_is_told_without_its_password(shop: Shop, address: str) -> None:
    pin(shop, "DATABASE_URL")
    (shop.root / ".env").write_text(f"SECRET_KEY=x\nDATABASE_URL=mysql://{address}\n")
    for command in ("plan", "up", "doctor"):
        done = shop.headstart(command)
        assert done.returncode == 64, done.stdout + done.stderr
        assert "The URL of a mysql service cannot be read." in done.stderr
        assert "s3" not in done.stdout + done.stderr
