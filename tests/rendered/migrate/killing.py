"""Run by the interpreter of a rendered project: kill a migration everywhere, and run it again.

Before and after every statement that writes, whoever sends it: the revision, the journal, Alembic.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from sqlalchemy import Engine, event

from migrate.__main__ import main
from migrate.engine import make_engine

URL = os.environ["DATABASE_URL"]
EVERY = int(os.environ["KILL_EVERY"])
NEVER = 10**9
READS = {"select", "show", "describe", "pragma"}
COUNT = Path("count")

assert alembic.command, "imported once, before the forks"


def forked(work: Callable[[], int]) -> int:
    """Do the work in a process of its own; return its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = work()
        if code:
            sys.stderr.write(output.getvalue())
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def upgrade(kill_at: int) -> int:
    seen = 0

    def count(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        nonlocal seen
        seen += sql.split(maxsplit=1)[0].lower() not in READS
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "after_cursor_execute", count)
    code = main(["upgrade"])
    COUNT.write_text(str(seen))
    return code


def begin_anew() -> None:
    with make_engine(URL).begin() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
    assert forked(lambda: main(["upgrade", "0001"])) == 0


def state() -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    with make_engine(URL).connect() as connection:
        inspector = sa.inspect(connection)
        for table in sorted(inspector.get_table_names()):
            columns = sorted(str(column["name"]) for column in inspector.get_columns(table))
            # InnoDB does not use a number again whose INSERT was rolled back.
            columns = [name for name in columns if (table, name) != ("audit", "id")]
            query = sa.select(*map(sa.column, columns)).select_from(sa.table(table))
            found[table] = sorted(
                [str(value) for value in row] for row in connection.execute(query)
            )
            found[f"schema of {table}"] = [
                sorted(map(str, inspector.get_columns(table))),
                sorted(map(str, inspector.get_indexes(table))),
                sorted(map(str, inspector.get_unique_constraints(table))),
                sorted(map(str, inspector.get_foreign_keys(table))),
                sorted(map(str, inspector.get_check_constraints(table))),
            ]
    return found


begin_anew()
assert forked(lambda: upgrade(NEVER)) == 0
whole, last = state(), int(COUNT.read_text())
different = []
points = range(1, last + 1, EVERY)
for point in points:
    begin_anew()
    codes = forked(lambda: upgrade(point)), forked(lambda: upgrade(NEVER))  # noqa: B023 - run at once
    now = state()
    if codes != (-signal.SIGKILL, 0) or now != whole:
        wrong = {name: value for name, value in now.items() if value != whole.get(name)}
        different.append([point, codes, wrong])
told = {"points": len(points), "different": different}
print(json.dumps(told | {"users": whole["users"], "journal": whole["alembic_journal"]}))
