"""What would exit 0 with nothing saved: constructions of a revision, each with what refuses it."""

# ruff: noqa: S608 - SQL in revisions of the tests' own
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import engine_of

# What a database has before the revision that is silent.
BASE = 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))'

EVERY = ("sqlite", "postgresql", "mariadb", "mysql")
SERVERS = EVERY[1:]
ON_MYSQL = ("mariadb", "mysql")
POSTGRESQL = ("postgresql",)
SESSION = "from sqlalchemy.orm import Session"
CURSOR = "op.get_bind().connection.cursor()"
DRIVER = "op.get_bind().connection.driver_connection"


@dataclass(frozen=True)
class Silence:
    """What a revision does between creating a table and filling it, and what is said of it."""

    body: str
    says: str = "would be lost"
    databases: tuple[str, ...] = EVERY
    # Made in the database before the revision.
    before: tuple[str, ...] = ()

    def upgrade(self, fill: bool = True) -> str:
        """Return the body of upgrade() with the culprit in its middle."""
        table = 'op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))'
        first, last = (f'op.execute("insert into b values ({number})")' for number in (1, 2))
        return "\n".join([table, first, *([self.body] if fill else []), last])


def procedure(name: str, *body: str) -> tuple[str, ...]:
    return (f"create procedure {name}() begin {' '.join(f'{one};' for one in body)} end",)


SILENCES = {
    "commit": Silence("op.get_bind().commit()"),
    "rollback": Silence("op.get_bind().rollback()"),
    "session's rollback": Silence(
        f"{SESSION}\ns = Session(op.get_bind()); s.execute(sa.text('select 1')); s.rollback()"
    ),
    "caught": Silence("try: op.get_bind().rollback()\nexcept Exception: pass"),
    "transaction of one's own": Silence("with op.get_bind().begin(): pass", "already"),
    "COMMIT": Silence('op.execute("COMMIT")'),
    "ROLLBACK": Silence('op.execute("rollback")'),
    "driver's rollback": Silence("op.get_bind().connection.rollback()"),
    "driver's own rollback": Silence(f"{DRIVER}.rollback()"),
    "cursor's connection": Silence(f"{CURSOR}.connection.rollback()"),
    "raw cursor": Silence(f"{CURSOR}.execute('ROLLBACK')"),
    "raw cursor commits": Silence(f"{CURSOR}.execute('COMMIT')"),
    "second connection": Silence(
        "u = op.get_bind().engine.url.render_as_string(hide_password=False)\n"
        "with sa.create_engine(u).begin() as other:\n"
        "    other.execute(sa.text('insert into a values (9)'))",
        "connects to its database a second time",
    ),
    "exit": Silence("raise SystemExit(0)", "ends the process"),
    "comment before": Silence('op.execute("-- all of it\\n rollback")'),
    "comment inside": Silence('op.execute("/* all of it */ commit")'),
    "several, first empty": Silence('op.execute("; ROLLBACK")'),
    "several, first reads": Silence('op.execute("SELECT 1; ROLLBACK")'),
    "several, first writes": Silence('op.execute("INSERT INTO b VALUES (7); ROLLBACK")'),
    "another begins": Silence('op.execute("SELECT 1; COMMIT; BEGIN")'),
    "prepared": Silence("op.execute(\"PREPARE TRANSACTION 'mine'\")", databases=POSTGRESQL),
    "script": Silence(f"{CURSOR}.executescript('select 1')", databases=("sqlite",)),
    "two-phase": Silence(f"{DRIVER}.tpc_rollback()", databases=POSTGRESQL),
    "procedure rolls back": Silence(
        'op.execute("call ends()")', databases=ON_MYSQL, before=procedure("ends", "rollback")
    ),
    "procedure rolls back and writes": Silence(
        'op.execute("call ends()")',
        databases=ON_MYSQL,
        before=procedure("ends", "rollback", "insert into a values (7)"),
    ),
    "conditional comment": Silence('op.execute("/*! ROLLBACK */")', databases=ON_MYSQL),
    "comment with a number": Silence('op.execute("/*!50000 COMMIT*/")', databases=ON_MYSQL),
    "hash": Silence('op.execute("# all of it\\nROLLBACK")', databases=ON_MYSQL),
    "prepared statement": Silence(
        "op.execute(\"prepare p from 'rollback'\"); op.execute('execute p')", databases=ON_MYSQL
    ),
    "autocommit": Silence('op.execute("set session autocommit = 1")', databases=ON_MYSQL),
    "driver's autocommit": Silence(f"{DRIVER}.autocommit(True)", databases=ON_MYSQL),
    "locked tables": Silence('op.execute("lock tables b write")', databases=ON_MYSQL),
    "chained": Silence('op.execute("rollback and chain")', databases=SERVERS),
}
# Functions that do not run, or end early: how the file of a revision is changed for them.
FUNCTIONS = {
    "async": ("def upgrade", "async def upgrade"),
    "generator": ("\n\n\ndef downgrade", "\n    yield\n\n\ndef downgrade"),
}


def of_database(url: str) -> Iterator[tuple[str, Silence, str]]:
    """Return what there is of this kind of database, by name, each with the command to try it by.

    That is another one on every second database.
    """
    kind = sa.make_url(url).get_backend_name()
    if kind == "mysql":
        with engine_of(url).connect() as connection:
            is_mariadb = "MariaDB" in str(connection.exec_driver_sql("select version()").scalar())
        kind = "mariadb" if is_mariadb else "mysql"
    for number, (name, one) in enumerate(SILENCES.items(), EVERY.index(kind)):
        if kind in one.databases:
            yield name, one, ("alembic", "migrate")[number % 2]


def prepare(kit: Kit, silence: Silence) -> None:
    """Make what the revision finds."""
    if silence.before:
        kit.execute("drop procedure if exists ends", *silence.before)


def require_loud(kit: Kit, command: str, name: str, says: str) -> None:
    """Run the upgrade by that command, which must fail, say why, and leave the version alone."""
    done = kit.run(command, "upgrade", "head")
    assert done.returncode != 0, f"{name}, by {command}: {done.stdout}"
    assert says in done.stdout, f"{name}, by {command}: {done.stdout}"
    assert kit.version() == {"0001"}, name


def write_function(kit: Kit, name: str) -> None:
    """Write the revision 0002 with such a function."""
    path = kit.write("0002", "0001", Silence("").upgrade(fill=False))
    path.write_text(path.read_text("utf-8").replace(*FUNCTIONS[name], 1), "utf-8")


def require_functions_refused(kit: Kit) -> None:
    """Hold that each function of which nothing would run is refused, by both commands."""
    kit.write("0001", None, BASE)
    kit.migrate("upgrade")
    for name in FUNCTIONS:
        write_function(kit, name)
        for command in ("alembic", "migrate"):
            require_loud(kit, command, name, name)
