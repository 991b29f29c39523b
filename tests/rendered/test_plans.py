"""Lists stay cheap: of many rows a page is a range of the index, wherever it lies.

The statements are those that the api really sent, told by the databases' own logs, and so are their
plans where the log has them.
"""

from __future__ import annotations

import os
import re
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_every_server
from tests.rendered.processes import Backend, create_profile
from tests.rendered.servers import SqlServer, engine_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cases]

TABLE = "profiles"
CASES = int(os.environ.get("HEADSTART_CASES", "0"))  # make nightly: thousands
# Enough that reading them all is dearer than the index; the nightly has a million.
HALF = 500 * CASES if CASES > 1000 else 30_000
PAGE = 20

# What distinguishes one of many profiles, from its number; everything else is as the first's.
OWN_OF_MYSQL = {
    "id": "uuid()",
    "employee_number": "concat('M-', n)",
    "created_at": "timestamp '2020-01-01 00:00:00' + interval n second",
}
OWN = {
    "postgresql": {
        "id": "gen_random_uuid()",
        "employee_number": "'M-' || n",
        "created_at": "timestamptz '2020-01-01' + n * interval '1 second'",
    },
    "mariadb": OWN_OF_MYSQL,
    "mysql": OWN_OF_MYSQL | {"id": "replace(uuid(), '-', '')"},  # it has no type for them
}
NUMBERS = {
    "postgresql": "generate_series({start}, {last}) AS n",
    "mariadb": "(SELECT seq AS n FROM seq_{start}_to_{last}) AS numbers",
    "mysql": "(WITH RECURSIVE numbers (n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM numbers "
    "WHERE n < {last}) SELECT n FROM numbers) AS numbers",
}
MANY = {"mysql": ["SET SESSION cte_max_recursion_depth = 10000000"]}
ANALYZE = {"postgresql": f"ANALYZE {TABLE}"}
EXPLAIN = {
    "postgresql": [
        "ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain'",
        "ALTER DATABASE {name} SET auto_explain.log_min_duration = 0",
        "ALTER DATABASE {name} SET auto_explain.log_analyze = on",
    ],
    "mariadb": [
        "SET GLOBAL log_slow_verbosity = 'query_plan,explain'",
        "SET GLOBAL long_query_time = 0",
        "SET GLOBAL slow_query_log = ON",
    ],
    "mysql": ["SET GLOBAL long_query_time = 0", "SET GLOBAL slow_query_log = ON"],
}
# Where the next statement begins in a log.
STATEMENT = r"(?m)^# User@Host|duration: "


@on_every_server
def test_every_page_of_many_rows_is_an_index_range(backend: Backend, server: SqlServer) -> None:
    explain(backend, server.kind)
    _, client = backend.start_api()
    create_profile(client, 1)
    backend.execute("UPDATE profiles SET created_at = '2000-01-01 00:00:00'")
    fill(backend, server.kind, 1, HALF)
    middle = page(client)["next"]
    fill(backend, server.kind, HALF, 2 * HALF)
    for parameters in ({}, {"cursor": middle}):
        known = len(told(server))
        assert len(page(client, **parameters)["items"]) == PAGE
        wait_until(lambda known=known: len(told(server)) > known, "the statement in the log")  # type: ignore[misc]
        (statement,) = told(server)[known:]
        plan = statement + (plan_of(backend, statement) if server.kind == "mysql" else "")
        assert "ix_profiles_created_at_id" in plan, plan
        assert not re.search(r"Sort|filesort|temporary|Seq Scan on profiles", plan), plan
        assert rows_read(plan) <= 3 * PAGE, plan


def page(client: httpx.Client, **parameters: str) -> dict[str, Any]:
    answer = client.get("/v1/profiles", params={"limit": PAGE, **parameters})
    assert answer.is_success, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fill(backend: Backend, kind: str, start: int, end: int) -> None:
    """Add profiles from number `start` up to `end`, newer and newer."""
    columns = [column["name"] for column in sa.inspect(engine_of(backend.url)).get_columns(TABLE)]
    values = ", ".join(OWN[kind].get(name, name) for name in columns)
    numbers = NUMBERS[kind].format(start=start, last=end - 1)
    backend.execute(
        *MANY.get(kind, []),
        f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {values} "  # noqa: S608 - our own names
        f"FROM {numbers}, {TABLE} WHERE employee_number = 'E-1'",
        ANALYZE.get(kind, f"ANALYZE TABLE {TABLE}"),
    )


def explain(backend: Backend, kind: str) -> None:
    """Let the database log every statement of new connections, with what it read and its plan."""
    name = sa.make_url(backend.url).database
    backend.execute(*(statement.format(name=name) for statement in EXPLAIN[kind]))


def plan_of(backend: Backend, told: str) -> str:
    """Ask MySQL, whose log has no plans, for the plan of a statement that its log has."""
    (statement,) = re.findall(r"(?ms)^SELECT .*?;$", told)
    return str(backend.query(f"EXPLAIN FORMAT=JSON {statement}"))


def told(server: SqlServer) -> list[str]:
    """Return what the server's logs tell of lists, oldest first."""
    logs = sorted(server.log.parent.glob("*.log"))
    text = "\n".join(log.read_text("utf-8", "replace") for log in logs)
    return [each for each in re.split(STATEMENT, text) if "ORDER BY profiles.created_at" in each]


def rows_read(plan: str) -> int:
    """Return how many rows were read from the table, by its index."""
    examined = re.search(r"Rows_examined: (\d+)", plan)
    if examined:
        return int(examined[1])
    scanned = re.search(r"Index Scan.* on profiles .*actual .*rows=(\d+)", plan)
    removed = re.search(r"Rows Removed by Filter: (\d+)", plan)
    assert scanned, plan
    return int(scanned[1]) + (int(removed[1]) if removed else 0)
