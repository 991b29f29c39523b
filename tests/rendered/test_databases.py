"""One code base, three databases: the project's own suite and its migrations pass on each."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from tests.rendered.conftest import first_on, on_each_kind, on_each_kind_of_server
from tests.rendered.processes import Backend, row_of_profile
from tests.rendered.servers import engine_of

pytestmark = pytest.mark.slow

# What a second run does meanwhile: rows, real commits, jobs and migrations of its own.
MEANWHILE = ("tests/test_migrations.py", "tests/modules", "tests/core/test_outbox.py")
# On servers it is these each time, and all in the nightly.
OF_THE_CORE = ("tests/test_migrations.py", "tests/test_promises.py", "tests/modules")
# What asks no database is run beside the one on SQLite alone.
WITHOUT_A_DATABASE = (
    *("tests/gateway", "tests/postman", "tests/rundeck", "tests/workflow"),
    *("tests/features/keys/test_states.py", "tests/features/keys/test_settings.py"),
    *("tests/features/security/test_jwks.py", "tests/features/security/test_tokens.py"),
)


def suite(backend: Backend, *tests: str) -> subprocess.Popen[str]:
    """Start the project's own tests on a server (SQLite needs none), with their output kept."""
    url = sa.make_url(backend.url)
    server = {} if url.get_backend_name() == "sqlite" else {"TEST_DATABASE_URL": backend.url}
    return subprocess.Popen(
        [backend.python, "-m", "pytest", "-q", *tests],
        cwd=backend.project,
        # What a test logs is the test's own affair.
        env={k: v for k, v in (backend.environment | server).items() if k != "LOG_LEVEL"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def passed(suite: subprocess.Popen[str]) -> int:
    """Wait for the suite to pass; return how many tests it had."""
    output, _ = suite.communicate(timeout=900)
    assert suite.returncode == 0, output
    skipped = [line for line in output.splitlines() if line.startswith("SKIPPED")]
    # Nobody has made the collection here, of which there is one for each setting of the api.
    assert all("make postman" in line for line in skipped), output
    (count,) = re.findall(r"(\d+) passed", output.strip().splitlines()[-1])
    return int(count)


def contents(backend: Backend) -> dict[str, list[object]]:
    """Return every row of every table."""
    tables = sa.inspect(engine_of(backend.url)).get_table_names()
    return {table: list(backend.query(f"SELECT * FROM {table}")) for table in tables}  # noqa: S608


def databases(backend: Backend) -> set[str]:
    kind = sa.make_url(backend.url).get_backend_name()
    if kind == "sqlite":
        return set()
    names = "SELECT datname FROM pg_database" if kind == "postgresql" else "SHOW DATABASES"
    return {str(row[0]) for row in backend.query(names)}


@first_on("sqlite")
def test_the_suite_passes_beside_another_and_a_developers_database(backend: Backend) -> None:
    is_file = backend.url.startswith("sqlite")
    # On SQLite each has a file of its own, and nothing in common.
    beside = () if is_file else MEANWHILE
    ignored = [f"--ignore={each}" for each in WITHOUT_A_DATABASE if not is_file]
    assert passed_untouched(backend, ignored, beside) > 400


@on_each_kind_of_server
def test_the_core_s_tests_pass_beside_others_and_a_developers_database(backend: Backend) -> None:
    assert passed_untouched(backend, OF_THE_CORE, MEANWHILE) > 60


def passed_untouched(backend: Backend, tests: Sequence[str], beside: Sequence[str]) -> int:
    """Run tests, and others meanwhile; nothing of the database or its server is another then."""
    backend.execute(row_of_profile("D-1", 1))
    before, known = contents(backend), databases(backend)
    whole = suite(backend, *tests)
    assert not beside or passed(suite(backend, *beside)) > 40
    count = passed(whole)
    assert contents(backend) == before, "a test has touched the development database"
    assert databases(backend) == known, "a test has left its database behind"
    return count


@on_each_kind
def test_the_migrations_go_up_down_and_up_without_drift(unmigrated: Backend) -> None:
    alembic(unmigrated, "upgrade head", "check", "downgrade base")
    assert set(contents(unmigrated)) == {"alembic_version", "alembic_journal"}
    alembic(unmigrated, "upgrade head", "check")


def alembic(backend: Backend, *commands: str) -> None:
    """Run Alembic's own commands one after the other: one process, one start-up to pay for."""
    lines = [f"main(argv={command.split()!r})" for command in commands]
    backend.run("-c", "\n".join(["from alembic.config import main", *lines]))
