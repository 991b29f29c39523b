"""A copy is verified, restored beside, compared and swapped: whatever happens, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.rendered.conftest import first_on, on_each_kind_of_server
from tests.rendered.migrate.kit import Kit
from tests.rendered.servers import engine_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

# A name that must be quoted, and a key that points there.
BASE = """
op.create_table("order", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.create_table(
    "rates",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.Integer, sa.ForeignKey("order.id", name="fk_rate_order")),
)
op.bulk_insert(sa.table("order", sa.column("id", sa.Integer)), [{"id": n} for n in range(1, 11)])
rates = sa.table("rates", sa.column("id"), sa.column("order_id"))
op.bulk_insert(rates, [{"id": 1, "order_id": 1}])
"""


@pytest.fixture
def filled(kit: Kit) -> Kit:
    """Two tables with eleven rows."""
    kit.write("0001", None, BASE, "pass")
    kit.migrate("upgrade")
    return kit


def content(kit: Kit) -> dict[str, int]:
    metadata = sa.MetaData()
    with engine_of(kit.url).connect() as own:
        metadata.reflect(own)
        count = sa.select(sa.func.count())
        tables = metadata.tables.items()
        return {name: own.execute(count.select_from(one)).scalar_one() for name, one in tables}


def databases(kit: Kit) -> int:
    """How many databases have its name, with another ending or none."""
    url = sa.make_url(kit.url)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        return len([one for one in path.parent.glob(f"{path.name}*") if ".lock" not in one.name])
    postgresql = url.get_backend_name() == "postgresql"
    table, column = "information_schema.schemata", "schema_name"
    if postgresql:
        table, column = "pg_database", "datname"
    named = f"{str(url.database)[:30]}%"
    with engine_of(kit.url).connect() as own:
        query = f"select count(*) from {table} where {column} like :named"  # noqa: S608
        return int(own.execute(sa.text(query), {"named": named}).scalar_one())


def beside(kit: Kit, name: str) -> str:
    url = sa.make_url(kit.url)
    return url.set(database=name).render_as_string(hide_password=False)


def copy_of(kit: Kit) -> Path:
    (event,) = kit.events("backup")
    return Path(str(event["path"]))


@first_on("sqlite", "postgresql", "mariadb")
def test_a_copy_takes_the_place_of_what_is_kept(filled: Kit) -> None:
    kit = filled
    if sa.make_url(kit.url).get_backend_name() == "mysql":
        kit.execute("create table `rate_100%%` (id integer)")
    copy, before = copy_of(kit), content(kit)
    order = "`order`" if sa.make_url(kit.url).get_backend_name() == "mysql" else '"order"'
    kit.execute(f"delete from {order} where id > 4", "create table more (id integer)")  # noqa: S608
    now = content(kit)
    words = kit.migrate("restore", str(copy), code=3)
    assert "order: 10 rows, now 4" in words
    assert "more: none rows, now 0" in words
    assert "Nothing was changed; --yes lets the copy take its place." in words
    assert content(kit) == now
    assert databases(kit) == 1
    words = kit.migrate("restore", str(copy), "--yes")
    assert "what it was is in " in words
    assert content(kit) == before
    assert kit.version() == {"0001"}
    kept = words.strip().rpartition(" is in ")[2]
    assert databases(kit) == 2
    assert content(Kit(kit.folder, kit.python, beside(kit, kept))) == now


@first_on("postgresql", "mariadb")
def test_what_is_no_copy_changes_nothing(filled: Kit) -> None:
    """Nonsense, an empty file, and a copy whose end is missing."""
    damaged = copy_of(filled)
    whole, now = damaged.read_bytes(), content(filled)
    for damage in (b"nonsense", b"", whole[: len(whole) // 3]):
        damaged.write_bytes(damage)
        words = filled.migrate("restore", str(damaged), "--yes", code=3)
        assert "Nothing was changed" in words
        assert "Traceback" not in words
    assert content(filled) == now
    assert databases(filled) == 1


@on_each_kind_of_server
def test_every_schema_comes_back_once(filled: Kit) -> None:
    kind = sa.make_url(filled.url).get_backend_name()
    if kind == "postgresql":
        more = ("create schema s", "create table s.t (id integer)", "insert into s.t values (1)")
        filled.execute(*more)
        copy = copy_of(filled)
        filled.migrate("restore", str(copy), "--yes")
        assert filled.value("select count(*) from s.t") == 1
        return
    # What MySQL cannot move is not swapped, and told.
    filled.execute("create view v as select 1 as one")
    copy, now = copy_of(filled), content(filled)
    words = filled.migrate("restore", str(copy), "--yes", code=3)
    assert "has the view v, which moves with no table" in words
    assert content(filled) == now
    assert databases(filled) == 1
    # A copy that names its database would be written over it.
    name = sa.make_url(filled.url).database
    copy.write_text(f"USE `{name}`;\n{copy.read_text()}")
    assert "it says 'USE" in filled.migrate("restore", str(copy), "--yes", code=3)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nobody_is_thrown_out(filled: Kit) -> None:
    copy = copy_of(filled)
    with engine_of(filled.url).connect() as connection:
        connection.execute(sa.text("select 1"))
        words = filled.migrate("restore", str(copy), "--yes", code=3)
    assert "1 sessions use" in words
    assert databases(filled) == 1
