"""Autogenerate finds no difference where there is none, and writes tables that need each other."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.conftest import nightly_but
from tests.rendered.conftest import first_on
from tests.rendered.migrate.kit import Kit
from tests.rendered.migrate.test_autogenerate import with_models

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

MODELS = """
ID = Column("id", Integer, primary_key=True)
Table(
    "d", Base.metadata, ID._copy(),
    Column("a", String(20), server_default="(a)"),
    Column("b", String(20), server_default="CURRENT_TIMESTAMP"),
    Column("c", String(20), server_default="it's"),
    Column("d", String(20), server_default=text("'x'")),
    Column("e", String(20), server_default="true"),
    Column("f", DateTime, server_default=func.now()),
    {more}
)
Table("x", Base.metadata, ID._copy(), Column("y_id", ForeignKey("y.id", use_alter=True, name="fx")))
Table("y", Base.metadata, ID._copy(), Column("x_id", ForeignKey("x.id", name="fy")))
{tables}
"""
STAMP = """Column("u", TIMESTAMP, nullable=False,
    server_default=text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"))"""
ELSEWHERE = (
    """Table("o", Base.metadata, ID._copy(), Column("n", Integer, index=True), schema="other")"""
)


@first_on("postgresql", "mariadb")
def test_what_does_not_differ_is_not_found_for_ever(kit: Kit) -> None:
    kind = sa.make_url(kit.url).get_backend_name()
    if kind == "postgresql":
        kit.execute("create schema other")
    more = STAMP if kind == "mysql" else ""
    tables = ELSEWHERE if kind == "postgresql" else ""
    with_models(kit, MODELS.format(more=more, tables=tables))
    kit.migrate("revision", "-m", "first", "--together")
    kit.migrate("upgrade")
    assert "nothing was written" in kit.migrate("revision", "-m", "again")
    assert "1 revisions up, down and up" in kit.migrate("test")


@pytest.mark.parametrize(
    "database_url", nightly_but("mariadb", of=("mariadb", "mysql")), indirect=True
)
def test_what_alembic_does_not_compare_of_mysql_is_found(kit: Kit) -> None:
    types = "from sqlalchemy.dialects import mysql"
    table = "Table('t', Base.metadata, Column('id', Integer, primary_key=True), Column('c', {}))"
    for before, after, said in (
        ("mysql.DATETIME(fsp=3)", "mysql.DATETIME(fsp=6)", "datetime(6)"),
        ("mysql.BIGINT(unsigned=True)", "BigInteger", "`c` bigint"),
        ("LargeBinary(200)", "LargeBinary(70000)", "mediumblob"),
    ):
        for kind in (before, after):
            with_models(kit, f"{types}\n{table.format(kind)}")
            kit.migrate("revision", "-m", "change")
            kit.migrate("upgrade")
            assert "nothing was written" in kit.migrate("revision", "-m", "again")
        ((_, written),) = kit.query("show create table t")
        assert said in str(written)


def test_status_counts_what_autogenerate_does_not_see(kit: Kit) -> None:
    own = "Column('n', Integer, Computed('id * 2')), CheckConstraint('id > 0', name='c')"
    with_models(kit, f"Table('t', Base.metadata, Column('id', Integer, primary_key=True), {own})")
    assert "unseen    1 computed columns, 1 checks: `python -m migrate test`" in kit.migrate(
        "status"
    )
