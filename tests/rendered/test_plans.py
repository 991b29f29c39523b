"""Lists stay cheap: at a million rows a page is a range of the index, wherever it lies.

The plans are those of the statements that the api really sent, told by the databases' own logs.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_every_server
from tests.rendered.processes import Backend, create_profile
from tests.rendered.servers import SqlServer, engine_of, wait_until

pytestmark = pytest.mark.slow

TABLE = "profiles"
HALF = 500_000
PAGE = 20

# What distinguishes one of many profiles, from its number; everything else is as the first's.
OWN = {
    "postgresql": {
        "id": "gen_random_uuid()",
        "employee_number": "'M-' || n",
        "created_at": "timestamptz '2020-01-01' + n * interval '1 second'",
    },
    "mysql": {
        "id": "uuid()",
        "employee_number": "concat('M-', seq)",
        "created_at": "timestamp '2020-01-01 00:00:00' + interval seq second",
    },
}
NUMBERS = {
    "postgresql": "generate_series({start}, {last}) AS n",
    "mysql": "seq_{start}_to_{last}",
}
ANALYZE = {"postgresql": f"ANALYZE {TABLE}", "mysql": f"ANALYZE TABLE {TABLE}"}
EXPLAIN = {
    "postgresql": [
        "ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain'",
        "ALTER DATABASE {name} SET auto_explain.log_min_duration = 0",
        "ALTER DATABASE {name} SET auto_explain.log_analyze = on",
    ],
    "mysql": [
        "SET GLOBAL log_slow_verbosity = 'query_plan,explain'",
        "SET GLOBAL long_query_time = 0",
        "SET GLOBAL slow_query_log = ON",
    ],
}
# Where the next statement begins in a log.
STATEMENT = r"(?m)^# User@Host|duration: "


@on_every_server
def test_every_page_of_a_million_rows_is_an_index_range(
    backend: Backend, server: SqlServer
) -> None:
    explain(backend)
    _, client = backend.start_api()
    create_profile(client, 1)
    backend.execute("UPDATE profiles SET created_at = '2000-01-01 00:00:00'")
    fill(backend, 1, HALF)
    middle = page(client)["next"]
    fill(backend, HALF, 2 * HALF)
    for parameters in ({}, {"cursor": middle}):
        known = len(plans(server))
        assert len(page(client, **parameters)["items"]) == PAGE
        wait_until(lambda known=known: len(plans(server)) > known, "the plan in the log")  # type: ignore[misc]
        (plan,) = plans(server)[known:]
        assert "ix_profiles_created_at_id" in plan, plan
        assert not re.search(r"Sort|filesort|temporary|Seq Scan on profiles", plan), plan
        assert rows_read(plan) <= 3 * PAGE, plan


def page(client: httpx.Client, **parameters: str) -> dict[str, Any]:
    answer = client.get("/v1/profiles", params={"limit": PAGE, **parameters})
    assert answer.is_success, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fill(backend: Backend, start: int, end: int) -> None:
    """Add profiles from number `start` up to `end`, newer and newer."""
    columns = [column["name"] for column in sa.inspect(engine_of(backend.url)).get_columns(TABLE)]
    kind = sa.make_url(backend.url).get_backend_name()
    values = ", ".join(OWN[kind].get(name, name) for name in columns)
    numbers = NUMBERS[kind].format(start=start, last=end - 1)
    backend.execute(
        f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {values} "  # noqa: S608 - our own names
        f"FROM {numbers}, {TABLE} WHERE employee_number = 'E-1'",
        ANALYZE[kind],
    )


def explain(backend: Backend) -> None:
    """Let the database log the plan of every statement of new connections, with what it read."""
    kind = sa.make_url(backend.url).get_backend_name()
    name = sa.make_url(backend.url).database
    backend.execute(*(statement.format(name=name) for statement in EXPLAIN[kind]))


def plans(server: SqlServer) -> list[str]:
    """Return the plans of lists in the server's logs, oldest first."""
    logs = sorted(server.log.parent.glob("*.log"))
    told = "\n".join(log.read_text("utf-8", "replace") for log in logs)
    return [plan for plan in re.split(STATEMENT, told) if "ORDER BY profiles.created_at" in plan]


def rows_read(plan: str) -> int:
    """Return how many rows were read from the table, by its index."""
    examined = re.search(r"Rows_examined: (\d+)", plan)
    if examined:
        return int(examined[1])
    scanned = re.search(r"Index Scan.* on profiles .*actual .*rows=(\d+)", plan)
    removed = re.search(r"Rows Removed by Filter: (\d+)", plan)
    assert scanned, plan
    return int(scanned[1]) + (int(removed[1]) if removed else 0)
