"""A backfill ends when nothing is left to do, whatever its key is and whoever writes meanwhile."""

from __future__ import annotations

import json

import pytest

from tests.rendered.conftest import first_on
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

BACKFILL = """
import sqlalchemy as sa

table = sa.table("users", sa.column("id", sa.Integer), sa.column("n", sa.Integer))
key = table.c.id
values = {"n": 1}
where = table.c.n.is_(None)
"""
USERS = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.bulk_insert(
    sa.table("users", sa.column("id", sa.Integer)), [{"id": 2 * one} for one in range(1, 501)]
)
"""


@pytest.fixture
def filled(kit: Kit) -> Kit:
    """Five hundred users, and a backfill for them."""
    kit.write("0001", None, USERS, 'op.drop_table("users")')
    kit.migrate("upgrade")
    write(kit, BACKFILL)
    return kit


def write(kit: Kit, text: str) -> None:
    (kit.folder / "migrate/backfills").mkdir(exist_ok=True)
    (kit.folder / "migrate/backfills/numbers.py").write_text(text)


@first_on("postgresql", "mariadb")
def test_keys_of_any_type_are_gone_on_from(kit: Kit) -> None:
    found = json.loads(
        kit.program("""
        import datetime, decimal, json, os, types, uuid
        import sqlalchemy as sa
        from migrate.engine import make_engine
        from migrate.kit import backfill

        days = [datetime.date(2026, 1, 1 + one) for one in range(9)]
        keys = {
            "integer": (sa.Integer(), list(range(9))),
            "text": (sa.String(20), [f"k\'{one}" for one in range(9)]),
            "key": (sa.Uuid(), [uuid.UUID(int=one) for one in range(9)]),
            "number": (sa.Numeric(10, 3), [decimal.Decimal(one) / 8 for one in range(9)]),
            "day": (sa.Date(), days),
            "moment": (sa.DateTime(), [datetime.datetime(2026, 1, 1, 2, one) for one in range(9)]),
            "bytes": (sa.LargeBinary(8), [bytes([one, 255]) for one in range(9)]),
        }
        engine, found = make_engine(os.environ["DATABASE_URL"]), {}
        for name, (kind, values) in keys.items():
            table = sa.Table(name, sa.MetaData(), sa.Column("k", kind), sa.Column("n", sa.Integer))
            table.create(engine)
            with engine.begin() as connection:
                connection.execute(table.insert(), [{"k": one, "n": 0} for one in values])
            own = types.SimpleNamespace(table=table, key=table.c.k, where=None,
                                        values={"n": table.c.n + 1})
            backfill._begin(engine, name)
            ends = [backfill.batch(engine, name, own, 2) for _ in range(6)]
            with engine.connect() as connection:
                found[name] = [ends[-1].finished, ends[-1].rows,
                               sorted(connection.execute(sa.select(table.c.n)).scalars())]
        print(json.dumps(found))
    """)
    )
    assert len(found) == 7
    assert {name: one for name, one in found.items() if one != [True, 9, [1] * 9]} == {}


def test_rows_that_come_behind_it_are_changed_too(filled: Kit) -> None:
    """A revision that needs the backfill waits for them, even when it was finished before."""
    filled.program("""
        from sqlalchemy import Engine, event
        from migrate.__main__ import main

        seen = 0
        def write(connection, cursor, sql, *_):
            global seen
            seen += sql.startswith("UPDATE users")
            if sql.startswith("UPDATE users") and seen == 3:
                cursor.execute("insert into users (id) values (1)")

        event.listen(Engine, "after_cursor_execute", write)
        main(["backfill", "numbers", "--batch", "100", "--target", "0.000001"])
    """)
    assert filled.query("select min(n), max(n), count(n) from users") == [(1, 1, 501)]
    path = filled.write("0002", "0001", "pass")
    text = path.read_text().replace("depends_on", 'needs_backfill = "numbers"\ndepends_on')
    path.write_text(text)
    filled.execute("insert into users (id) values (3)")
    assert "first: python -m migrate backfill numbers" in filled.migrate("upgrade", code=3)
    filled.migrate("backfill", "numbers")
    filled.migrate("upgrade")


def test_a_condition_that_stays_true_ends_in_words(filled: Kit) -> None:
    write(filled, BACKFILL.replace("is_(None)", "isnot(table.c.id)"))
    words = filled.migrate("backfill", "numbers", code=1)
    assert "`where` still finds 500 rows after `values` were set" in words


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import sqlalchemy as sa", "import nothing_such", "ModuleNotFoundError"),
        ("key =", "nokey =", "has no key"),
        ('"users"', '"strangers"', "no such table: strangers"),
    ],
)
def test_what_is_no_backfill_is_told(filled: Kit, old: str, new: str, said: str) -> None:
    write(filled, BACKFILL.replace(old, new))
    words = filled.migrate("backfill", "numbers", code=1)
    assert said in words
    assert "Traceback" not in words


def test_interrupted_by_its_user_it_says_how_to_go_on(filled: Kit) -> None:
    said = filled.program("""
        import os, signal
        from sqlalchemy import Engine, event
        from migrate.__main__ import main

        def interrupt(connection, cursor, sql, *_):
            if sql.startswith("UPDATE users"):
                os.kill(os.getpid(), signal.SIGINT)

        event.listen(Engine, "after_cursor_execute", interrupt)
        print(main(["backfill", "numbers"]))
    """)
    assert said.splitlines()[-2:] == [
        "numbers: interrupted between batches; the same command goes on",
        "1",
    ]
    filled.migrate("backfill", "numbers")
    assert filled.value("select count(*) from users where n = 1") == 500
