"""Servers of the tests' own: on free ports, and theirs to stop, to kill and to start again.

Only the programs must be installed (Debian: postgresql, mariadb-server, redis-server); a real
MySQL is unpacked from Debian unstable. What the machine runs besides is neither
used nor touched. Their data lies in memory where there is room for it: all that they write is still
there when one of them is killed, and nobody waits for a disk.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from uuid import uuid4

import sqlalchemy as sa

from tests import debian
from tests.conftest import unavailable
from tests.memory import MEMORY, has_room
from tests.waiting import DEADLINE, wait_until

ROOM = 2 * 2**30  # bytes, for the data of all servers of a worker
DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
}

AnyServer = TypeVar("AnyServer", bound="Server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def program(name: str) -> str:
    """Find a program; without it the test is skipped here, and fails where CI is set."""
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*debian, os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        unavailable(name)
    return found


def engine_of(url: str) -> sa.Engine:
    """Return an engine that keeps no connection: the test looks, and is gone."""
    parsed = sa.make_url(url)
    kind = parsed.get_backend_name()
    return sa.create_engine(
        parsed.set(drivername=DRIVERS[kind]),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
        # PyMySQL would read all authorities of the machine for each connection.
        connect_args={"ssl_disabled": True} if kind == "mysql" else {},
    )


@dataclass
class Server:
    """A server that is started, ended in any way, and started again on the same port and data."""

    url: str
    command: list[str]
    log: Path
    ends_by: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it, again and again while what was killed still holds its lock or its port."""
        end = time.monotonic() + DEADLINE
        while not self._started():
            assert time.monotonic() < end, self.log.read_text("utf-8")
            time.sleep(0.2)

    def _started(self) -> bool:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        ended = self.process.poll
        wait_until(lambda: ended() is not None or self.answers(), self.command[0])
        return ended() is None

    def answers(self) -> bool:
        return listens(int(sa.make_url(self.url).port or 0))

    def end(self, how: signal.Signals) -> None:
        """End it by a signal, and wait until it has ended."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        self.process.wait(DEADLINE)


class SqlServer(Server):
    """A database server: it answers when it answers a client."""

    def answers(self) -> bool:
        try:
            with engine_of(self.url).connect():
                return True
        except sa.exc.OperationalError:
            return False

    @property
    def kind(self) -> str:
        """Which server it is; MariaDB has MySQL's name in URLs."""
        named = sa.make_url(self.url).get_backend_name()
        with engine_of(self.url).connect() as connection:
            version = str(connection.exec_driver_sql("SELECT version()").scalar())
        return "mariadb" if named == "mysql" and "MariaDB" in version else named

    def new_database(self) -> str:
        """Make a database; return its URL. It goes with the server."""
        name = f"own_{uuid4().hex}"
        with engine_of(self.url).connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def running_postgresql() -> Iterator[SqlServer]:
    """Run a PostgreSQL whose superuser needs no password."""
    initdb, postgres = program("initdb"), program("postgres")
    with _folder_of("postgres") as data:
        make = [initdb, "--auth=trust", "--username=postgres", "--no-sync", f"--pgdata={data}"]
        subprocess.run(_as_user("postgres", make), check=True, stdout=subprocess.DEVNULL, cwd="/")
        port = free_port()
        serve = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data)]
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        log = data / "server.log"
        with running(SqlServer(url, _as_user("postgres", serve), log, signal.SIGINT)) as server:
            yield server


@contextmanager
def running_mariadb() -> Iterator[SqlServer]:
    """Run a MariaDB whose root needs no password."""
    install, mariadbd = program("mariadb-install-db"), program("mariadbd")
    with _folder_of("mysql") as data:
        own = ["--no-defaults", f"--datadir={data}/data"]
        own += ["--user=mysql"] if os.getuid() == 0 else []
        make = [install, *own, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/")
        port = free_port()
        serve = [mariadbd, *own, f"--port={port}", "--bind-address=127.0.0.1"]
        serve += [f"--socket={data}/socket", f"--pid-file={data}/pid"]
        serve += [f"--slow-query-log-file={data}/slow.log"]
        url = f"mysql://root@127.0.0.1:{port}/mysql"
        with running(SqlServer(url, serve, data / "server.log")) as server:
            yield server


@contextmanager
def running_mysql() -> Iterator[SqlServer]:
    """Run a MySQL of Debian's unstable, on its own libraries; its root needs no password."""
    root = debian.unpacked("unstable", "mysql-server-core")
    start = [str(debian.loader(root)), "--library-path", debian.library_path(root)]
    with _folder_of("mysql") as data:
        serve = [*start, str(root / "usr/sbin/mysqld"), "--no-defaults", f"--datadir={data}/data"]
        serve += ["--user=mysql"] if os.getuid() == 0 else []
        serve += [f"--lc-messages-dir={root}/usr/share/mysql", "--secure-file-priv="]
        serve += [f"--character-sets-dir={root}/usr/share/mysql/charsets"]
        make = [*serve, "--initialize-insecure"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = free_port()
        serve += [f"--port={port}", "--bind-address=127.0.0.1", "--mysqlx=OFF"]
        serve += [f"--socket={data}/socket", f"--pid-file={data}/pid"]
        serve += [f"--slow-query-log-file={data}/slow.log"]
        url = f"mysql://root@127.0.0.1:{port}/mysql"
        with running(SqlServer(url, serve, data / "server.log")) as server:
            yield server


@contextmanager
def running_pgbouncer(server: SqlServer, mode: str) -> Iterator[str]:
    """Run a PgBouncer before the server, with few sessions; yields its URL, without a database."""
    port = free_port()
    behind = sa.make_url(server.url)
    with _folder_of("postgres") as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={behind.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = 3\nunix_socket_dir =\n",
            "utf-8",
        )
        serve = _as_user("postgres", [program("pgbouncer"), str(settings)])
        url = f"postgresql://postgres@127.0.0.1:{port}/"
        with running(Server(url, serve, folder / "log")):
            yield url


def redis_server(folder: Path) -> Server:
    """Return a Redis that keeps nothing, and is not started yet."""
    port = free_port()
    serve = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    serve += ["--save", "", "--dir", str(folder)]
    return Server(f"redis://127.0.0.1:{port}/0", serve, folder / "redis.log")


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis of the test's own and yield its URL."""
    with running(redis_server(folder)) as server:
        yield server.url, server.process


@contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """Run a server while the test needs it; it may end and start it in between."""
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(server.ends_by)


@contextmanager
def _folder_of(user: str) -> Iterator[Path]:
    """Make a folder for a server's data, of the user it will run as."""
    place = MEMORY if has_room(ROOM) else None
    with TemporaryDirectory(prefix=f"{user}-", dir=place) as name:
        if os.getuid() == 0:
            os.chown(name, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        yield Path(name)


def _as_user(name: str, command: list[str]) -> list[str]:
    """Return `command` as that user's where we are root: PostgreSQL refuses to be."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid", name, "--regid", name, "--init-groups", *command]
