"""A rendered project's api and worker as real processes, and what is left in its database."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

import httpx
import sqlalchemy as sa
from PIL import Image

from tests.forkserver import Forked, ForkServer, fork_server
from tests.rendered.servers import engine_of, free_port
from tests.waiting import DEADLINE, wait_until

# What a render with everything imports of others; what is its own is imported by each command.
LIBRARIES = (
    *("aiosqlite", "alembic.autogenerate", "alembic.command", "alembic.config", "asyncmy"),
    *("alembic.ddl.postgresql", "asyncpg", "cronsim", "cryptography"),
    *("dramatiq", "email_validator", "fastapi", "fastapi.openapi.docs", "httpx", "joserfc", "mako"),
    *("opentelemetry.sdk.trace", "orjson", "PIL.Image", "PIL.PngImagePlugin", "prometheus_client"),
    *(
        "psycopg",
        "pydantic_settings",
        "pymysql",
        "python_multipart",
        "redis.asyncio",
        "rich.pretty",
    ),
    *("sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.ext.asyncio", "structlog", "uvicorn", "uvicorn.loops.auto"),
    "uvicorn.protocols.http.auto",
)
# A profile's row as every database takes it, without what tells it from others.
_COLUMNS = (
    "id, employee_number, full_name, name_key, email, department, version, created_at, updated_at"
)
_OTHERS = (
    "'Ada', 'ada', 'ada@example.com', 'Engines', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00'"
)
WORKER = """
import runpy, sys
from app.commands.worker import command_line
from app.settings import Settings

sys.argv[:] = [*command_line(Settings())[2:], *sys.argv[1:]]
runpy.run_module("app.master", run_name="__main__", alter_sys=True)
"""


def of_render(project: Path) -> ForkServer:
    """Return the server for commands of a render that has everything."""
    return fork_server(str(project / ".venv/bin/python"), LIBRARIES)


COUNT_EFFECTS = {
    "sqlite": """
CREATE TRIGGER count_effects AFTER UPDATE OF thumbnail ON profile_headshots
WHEN new.thumbnail IS NOT NULL BEGIN INSERT INTO effects VALUES (new.profile_id); END
""",
    "postgresql": """
CREATE FUNCTION count_effect() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO effects VALUES (new.profile_id); RETURN NULL; END $$;
CREATE TRIGGER count_effects AFTER UPDATE OF thumbnail ON profile_headshots
FOR EACH ROW WHEN (new.thumbnail IS NOT NULL) EXECUTE FUNCTION count_effect()
""",
    "mysql": """
CREATE TRIGGER count_effects AFTER UPDATE ON profile_headshots FOR EACH ROW
IF new.thumbnail IS NOT NULL THEN INSERT INTO effects VALUES (new.profile_id); END IF
""",
}


@cache
def picture(side: int = 600) -> bytes:
    """A PNG whose decoding takes longer the longer its side is."""
    target = BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(target, "PNG")
    return target.getvalue()


@dataclass
class Backend:
    """A rendered project on a database of its own, whose processes can be started and killed."""

    project: Path
    url: str
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes] | Forked] = field(default_factory=list)
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def python(self) -> str:
        return str(self.project / ".venv/bin/python")

    def run(self, *arguments: str) -> None:
        """Run `python ARGUMENTS` to its end, which must be a good one."""
        self.output(*arguments)

    def output(self, *arguments: str) -> str:
        """Return what `python ARGUMENTS` prints to its good end."""
        done = self.done(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python ARGUMENTS` to whatever end."""
        return of_render(self.project).run(*arguments, cwd=self.project, env=self.environment)

    def start(self, *command: str, **settings: str) -> Forked:
        """Start `python -m app COMMAND` as the leader of a process group of its own."""
        return self._fork("-m", "app", *command, **settings)

    def start_worker(self, *options: str, **settings: str) -> Forked:
        """Start what `python -m app worker` becomes, without a new interpreter for it."""
        return self._fork("-c", WORKER, *options, **settings)

    def run_program(self, program: str, *arguments: str, **settings: str) -> Forked:
        """Start a program's text on the project's Python, in its folder."""
        return self._fork("-c", program, *arguments, **settings)

    def _fork(self, *command: str, **settings: str) -> Forked:
        environment = self.environment | settings
        forked = of_render(self.project).start(
            *command, cwd=self.project, env=environment, stdout=None, session=True
        )
        self.processes.append(forked)
        return forked

    def spawn(self, command: list[str], **settings: str) -> subprocess.Popen[bytes]:
        """Start any program, as the leader of a process group of its own."""
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment | settings,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start_api(self, **settings: str) -> tuple[Forked, httpx.Client]:
        """Start an api on a free port, and wait until it is ready."""
        port = free_port()
        process = self.start("api", PORT=str(port), **settings)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE)
        self.clients.append(client)

        def ready() -> bool:
            assert process.poll() is None, "the api has ended"
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(ready, "the api to become ready")
        return process, client

    def kill(self, process: subprocess.Popen[bytes] | Forked) -> None:
        """Kill -9 the process and every child of its."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for client in self.clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Read from the database, beside whoever writes."""
        with engine_of(self.url).connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def count(self, sql: str) -> int:
        return int(str(self.query(sql)[0][0]))

    def execute(self, *statements: str) -> None:
        """Change the database behind the project's back."""
        with engine_of(self.url).connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def count_effects(self) -> None:
        """From now on let the database itself count every thumbnail that is committed."""
        kind = sa.make_url(self.url).get_backend_name()
        self.execute("CREATE TABLE effects (profile_id VARCHAR(36))", COUNT_EFFECTS[kind])

    def wait_for_thumbnails(self, number: int, seconds: float = DEADLINE) -> None:
        sql = "SELECT count(*) FROM profile_headshots WHERE thumbnail IS NOT NULL"
        wait_until(lambda: self.count(sql) == number, f"{number} thumbnails", seconds)

    def assert_each_job_took_effect_once(self, number: int) -> None:
        """Every job is gone, and every profile has had its thumbnail made exactly once."""
        wait_until(lambda: self.count("SELECT count(*) FROM outbox") == 0, "an empty outbox")
        assert self.count("SELECT count(*) FROM effects") == number
        assert self.count("SELECT count(DISTINCT profile_id) FROM effects") == number


def members(group: int) -> Iterator[int]:
    """Yield the processes of a group, but for those that have ended and wait for somebody."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if os.getpgid(int(folder.name)) == group and state != "Z":
                yield int(folder.name)


def draft_of(employee_number: str) -> dict[str, str]:
    return {
        "employee_number": employee_number,
        "full_name": "Grace Hopper",
        "email": "grace@example.com",
        "department": "Compilers",
    }


def row_of_profile(employee_number: str, place: int) -> str:
    """Return the statement that stores a profile, whose id ends with `place`."""
    values = f"'{place:032}', '{employee_number}', {_OTHERS}"
    return f"INSERT INTO profiles ({_COLUMNS}) VALUES ({values})"  # noqa: S608 - a test's texts


def create_profile(client: httpx.Client, number: int) -> str:
    """Create a profile over HTTP and return its path."""
    answer = client.post("/v1/profiles", json=draft_of(f"E-{number}"))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def upload(client: httpx.Client, path: str, data: bytes) -> None:
    answer = client.put(f"{path}/headshot", files={"image": data})
    assert answer.status_code == 202, answer.text
