"""Run by the interpreter of a rendered project: kill a migration everywhere, and run it again.

Before and after every statement that writes, whoever sends it: the revision, the journal, Alembic.
After one and before the next is one point: a process leaves nothing but what the server has.
KILL=every: all those points; KILL=N: that many, spread evenly. THEN: what is run after the kill,
`upgrade`, `undo` or `split`.
"""

# ruff: noqa: S608 - SQL of the test's own
from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import alembic.command
import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy import Engine, event

from migrate.__main__ import main
from migrate.kit import offline, runner, safety
from migrate.kit.commands import repairing, running
from migrate.kit.engine import make_engine
from migrate.transaction import MYSQL

os.environ["MIGRATE_ACCEPT"] = "all"  # what lint finds in them is not the matter here
URL = sa.make_url(os.environ["DATABASE_URL"])
KIND = URL.get_backend_name()
NEVER, REFUSED = 10**9, 3
READS = ("select", "show", "describe", "pragma", "savepoint", "release", "do 0", "set ")
WRITES = "select adds()"  # a function of the catalogue's
SEEN, VERSIONS = Path("seen"), Path("migrate/versions")
# What is another value each time; that it is the same where it must be, `CHECK` asks.
MADE = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|20\d\d-\d\d-\d\d \d\d:\d\d:\d\d")

# What each fork would import or compile again is here before them.
assert all((alembic.command, runner, running, repairing, safety))
offline.sqlglot.Dialect.get_or_raise(offline.SQLGLOT[KIND]).parse("SELECT 1")

State = dict[str, object]


def forked(work: Callable[[], int]) -> tuple[int, str]:
    """Do the work in a process of its own; return its exit code, or minus the signal."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                code = work()
            except BaseException as error:  # noqa: BLE001 - told, and then it is over
                print(type(error).__name__, error)
                code = 99
        os.write(writes, output.getvalue()[-4000:].encode())
        os._exit(code)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        told = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def watched(kill_at: int, arguments: list[str]) -> int:
    """Run a command, and be killed at a point; who lives writes down what the points were."""
    seen: list[str] = []

    def pass_by(when: str, sql: object) -> None:
        text = sql.decode() if isinstance(sql, bytes | bytearray) else str(sql)
        begins = text.lstrip().lower()
        is_another = when == "after" or not seen
        if is_another and (begins.startswith(WRITES) or not begins.startswith(READS)):
            seen.append(" ".join([when, *text.split(maxsplit=4)[:4]]))
            if len(seen) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(owner: type, name: str, fixed: str = "") -> None:
        real = getattr(owner, name)

        def sends(self: object, *told: object, **options: object) -> object:
            pass_by("before", fixed or told[0])
            result = real(self, *told, **options)
            pass_by("after", fixed or told[0])
            return result

        setattr(owner, name, sends)

    if KIND == "sqlite":
        event.listen(Engine, "before_cursor_execute", lambda *told: pass_by("before", told[2]))
        event.listen(Engine, "after_cursor_execute", lambda *told: pass_by("after", told[2]))
    elif KIND == "postgresql":
        around(psycopg.Cursor, "execute")
        around(psycopg.Cursor, "executemany")
        around(psycopg.Connection, "commit", "COMMIT")
    else:
        around(pymysql.connections.Connection, "query")
        around(pymysql.connections.Connection, "commit", "COMMIT")
    code = main(arguments)
    SEEN.write_text(json.dumps(seen))
    return code


@functools.cache
def engine(database: str | None = URL.database) -> Engine:
    """Return the one engine of a database, which opens a connection for each look."""
    return make_engine(URL.set(database=database).render_as_string(hide_password=False))


def on_the_server(*statements: str) -> None:
    """Run statements in no transaction, and in none of the databases that they are about."""
    home = "postgres" if KIND == "postgresql" else "information_schema"
    with engine(home).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def keep(copy: str) -> None:
    """Copy the database, sooner to be put back than the revisions would make it."""
    if KIND == "sqlite":
        shutil.copy(str(URL.database), copy)
    elif KIND == "postgresql":
        on_the_server(f"CREATE DATABASE {copy} TEMPLATE {URL.database}")
    else:
        on_the_server(f"CREATE DATABASE {copy}", *copied(str(URL.database), copy))


def copied(source: str, target: str) -> list[str]:
    likewise = [f"CREATE TABLE {target}.{one} LIKE {source}.{one}" for one in before]
    rows = [f"INSERT INTO {target}.{one} SELECT * FROM {source}.{one}" for one in before]
    return [*likewise, *rows]


def put_back(copy: str) -> None:
    """Make the database the copy again."""
    if KIND == "sqlite":
        shutil.copy(copy, str(URL.database))
        Path(f"{URL.database}-journal").unlink(missing_ok=True)
    elif KIND == "postgresql":
        again = f"CREATE DATABASE {URL.database} TEMPLATE {copy}"
        on_the_server(f"DROP DATABASE {URL.database} WITH (FORCE)", again)
    else:
        name = URL.database
        drops = [f"DROP DATABASE {name}", f"DROP DATABASE IF EXISTS {name}_other"]
        on_the_server(*drops, f"CREATE DATABASE {name}", *copied(copy, str(name)))


def schema_of(connection: sa.Connection, table: str) -> list[str]:
    """Return all that a database says of a table's form."""
    if connection.dialect.name in MYSQL:
        said = str(connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1])
        said = said.replace(str(URL.database), "this")
        return sorted(re.sub(r" AUTO_INCREMENT=\d+|,$", "", line) for line in said.splitlines())
    found = sa.inspect(connection)
    looks = (found.get_columns, found.get_indexes, found.get_unique_constraints)
    looks += (found.get_foreign_keys, found.get_check_constraints)
    return [str(sorted(map(str, look(table)))) for look in looks]


def routines(connection: sa.Connection) -> list[str]:
    if KIND == "sqlite":
        return []
    of = "public" if KIND == "postgresql" else str(URL.database)
    query = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = '{}'"
    return sorted(map(str, connection.exec_driver_sql(query.format(of)).scalars()))


def state() -> State:
    """Return every table's rows and form, the views, and the routines."""
    found: State = {}
    with engine().connect() as connection:
        inspector = sa.inspect(connection)
        found["views"] = sorted(inspector.get_view_names())
        found["routines"] = routines(connection)
        for table in sorted(set(inspector.get_table_names()) - {"alembic_journal"}):
            quoted = connection.dialect.identifier_preparer.quote_identifier(table)
            rows = connection.exec_driver_sql(f"SELECT * FROM {quoted}").mappings().all()
            # Servers do not use a number again whose INSERT was rolled back.
            found[table] = sorted(
                [
                    "n" if is_number(table, name, row) else MADE.sub("made", str(row[name]))
                    for name in sorted(row)
                ]
                for row in rows
            )
            found[f"form of {table}"] = schema_of(connection, table)
    return found


def is_number(table: str, name: str, row: sa.RowMapping) -> bool:
    """Say whether it is a number that the server gave, of which each attempt takes another."""
    given = table == "notes" and row.get("text") in ("new", "newer", "mine", "a", "b")
    return (given and name == "id") or (table, name) == ("log", "user_id")


def answer() -> list[list[str]]:
    if not (check := os.environ.get("CHECK")):
        return []
    with engine().connect() as connection:
        return [list(map(str, row)) for row in connection.exec_driver_sql(check)]


def journaled() -> int:
    with engine().connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM alembic_journal").scalar() or 0)


def upgraded(point: int) -> list[object]:
    """Kill at that point and run the same command again: how does it end?"""
    put_back(COPY)
    killed, _ = forked(lambda: watched(point, ["upgrade", "--yes"]))
    code, told = forked(lambda: main(["upgrade", "--yes"]))
    if code == 0:
        if (killed, state(), answer(), journaled()) == (-signal.SIGKILL, whole, right, 0):
            return ["equal"]
        return ["silent", killed, differs()]
    if code != REFUSED or not re.search("migrate undo|resolve --done", told):
        return ["stuck", code, told]
    # It refuses with words: the command that it names must lead out of it.
    if found := re.search(r"resolve --done (\d+)", told):
        forked(lambda: main(["resolve", "--not-done", found[1]]))
        again = forked(lambda: main(["upgrade", "--yes"]))
        return ["refused"] if again[0] == 0 else ["stuck", told, again]
    undone = forked(lambda: main(["undo", "--write", "--accept"]))
    again = forked(lambda: main(["upgrade", "--yes"]))
    return ["refused"] if (undone[0], again[0]) == (0, 0) else ["stuck", told, undone, again]


def undone(point: int) -> list[object]:
    """Kill at that point and undo: everything is as before, or what is not was named."""
    put_back(COPY)
    forked(lambda: watched(point, ["upgrade", "--yes"]))
    if not journaled():
        return ["equal"] if state() in (base, whole) else ["nothing to undo", differs()]
    code, told = forked(lambda: main(["undo", "--write", "--accept"]))
    if code:
        return ["stuck", told]
    if state() != base:
        # Rows, which no undo can know, must be named, and nothing else may be otherwise.
        forms = [one for one in differs(base) if "form of" in one or one in ("views", "routines")]
        is_named = not forms and re.search("cannot be taken back|data is gone", told)
        return ["named"] if is_named else ["silent", told, differs(base)]
    code, told = forked(lambda: main(["upgrade", "--yes"]))
    return ["equal"] if code == 0 else ["stuck after it", told]


def parted(point: int) -> list[object]:
    """Kill at that point and split the revision: both parts together do what the whole does."""
    put_back(COPY)
    forked(lambda: watched(point, ["upgrade", "--yes"]))
    if not journaled():
        return ["equal"]
    files = {path: path.read_text("utf-8") for path in VERSIONS.glob("*.py")}
    try:
        code, told = forked(lambda: main(["split", "--write"]))
        if code not in (0, REFUSED) or (code and not re.search("resume|undo|resolve", told)):
            return ["stuck", code, told]
        stamped = forked(lambda: main(["split", "--stamp"])) if code == 0 else (0, "")
        again = forked(lambda: main(["upgrade", "--yes"]))
        if stamped[0] or again[0]:
            return ["refused"] if again[0] == REFUSED else ["stuck", stamped, again]
        if (state(), answer(), journaled()) == (whole, right, 0):
            return ["equal"] if code == 0 else ["refused"]
        return ["silent", told, differs()]
    finally:
        for path in VERSIONS.glob("*.py"):
            path.unlink()
        for path, source in files.items():
            path.write_text(source, "utf-8")


def differs(than: State | None = None) -> dict[str, object]:
    now, than = state(), than or whole
    keys = sorted({*now, *than})
    return {key: (than.get(key), now.get(key)) for key in keys if than.get(key) != now.get(key)}


def chosen() -> list[int]:
    """Return the numbers of the points: all, or some of them."""
    many = len(seen) if os.environ["KILL"] == "every" else int(os.environ["KILL"])
    step = max(1.0, len(seen) / many)
    points = (int((at + 0.5) * step) + 1 for at in range(min(many, len(seen))))
    return sorted({min(len(seen), point) for point in points})


COPY = f"{URL.database}_copy"
assert sqlite3.threadsafety is not None
code, told = forked(lambda: main(["upgrade", "0001"]))
assert code == 0, told
with engine().connect() as first:
    before = sa.inspect(first).get_table_names()
base = state()
keep(COPY)
code, told = forked(lambda: watched(NEVER, ["upgrade", "--yes"]))
assert code == 0, told
whole, right, seen = state(), answer(), json.loads(SEEN.read_text())
ends = {"upgrade": upgraded, "undo": undone, "split": parted}[os.environ.get("THEN", "upgrade")]
told_of: dict[str, list[object]] = {}
for number in chosen():
    kind, *rest = ends(number)
    told_of.setdefault(str(kind), []).append([number, seen[number - 1], *rest] if rest else number)
sys.stdout.write(json.dumps({"of": len(seen), "ends": told_of, "seen": seen}, default=str))
