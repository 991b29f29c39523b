"""Autogenerate tells the truth on every database, and writes what can be run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.rendered.conftest import first_on, on_each_kind
from tests.rendered.migrate.conftest import where_ddl_stays
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

# What the models of the project are, instead of its own.
MODELS = """
from app.core.database import Base
import sqlalchemy as sa
from sqlalchemy import *
Base.metadata.clear()
{models}
def models():
    return Base.metadata
"""
COMPARE = """
    import json, os
    import sqlalchemy as sa
    import kinds
    from app.core.database import NAMING_CONVENTION
    from alembic.autogenerate import produce_migrations
    from alembic.migration import MigrationContext
    from migrate.kit import autogenerate
    from migrate.kit.revision_draft import flat
    from migrate.kit.engine import make_engine
    from migrate.kit.operations import describe

    def compared(changed):
        metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
        kinds.table(metadata, changed, missing)
        with engine.connect() as connection:
            options = autogenerate.settings_of(connection) | {"target_metadata": metadata}
            context = MigrationContext.configure(connection, opts=options)
            script = produce_migrations(context, metadata)
            return [describe(one) for one in flat(script.upgrade_ops)]

    engine = make_engine(os.environ["DATABASE_URL"])
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    with engine.begin() as connection:
        is_mysql = connection.dialect.name == "mysql" and not connection.dialect.is_mariadb
        missing = kinds.NOT_ON_MYSQL if is_mysql else frozenset()
        kinds.table(metadata, frozenset(), missing)
        metadata.create_all(connection)
    found = {"": compared(frozenset())}
    for name in kinds.KINDS.keys() - kinds.UNCHANGEABLE - missing:
        found[name] = compared(frozenset({name}))
    print(json.dumps(found))
"""


def with_models(kit: Kit, models: str) -> Kit:
    """Let the kit's models be these."""
    env = kit.folder / "migrate/env.py"
    text = re.sub(
        r"(?s)def models\(\).*?\n\n\n",
        lambda _: MODELS.format(models=models) + "\n\n",
        env.read_text(),
    )
    env.write_text(re.sub(r"(?s)# the test's.*# end\n", "", text))
    return kit


@first_on("sqlite", "postgresql", "mariadb")
def test_no_kind_of_column_is_missed_or_found_without_a_change(
    kit: Kit, request: pytest.FixtureRequest
) -> None:
    (kit.folder / "kinds.py").write_text(Path(__file__).with_name("kinds.py").read_text("utf-8"))
    found = json.loads(kit.program(COMPARE))
    assert len(found) == (24 if request.node.callspec.params["database_url"] == "mysql" else 25)
    assert found.pop("") == []
    assert {name for name, changes in found.items() if not changes} == set()
    assert {name: one for name, one in found.items() if len(one) > 2} == {}


@on_each_kind
def test_an_enumeration_is_given_its_new_value(kit: Kit) -> None:
    values = "'new', 'old'"
    table = "Table('t', Base.metadata, Column('id', Integer, primary_key=True), Column('s', {}))"
    kind = "Enum({}, name='state', native_enum={native}, length=10, create_constraint=True)"
    for number, native in enumerate((True, False)):
        own = (
            table.format(kind).replace("'t'", f"'t{number}'").replace("'state'", f"'state{number}'")
        )
        before = own.format(values, native=native)
        with_models(kit, before)
        # The first table looks like the second, and is mapped no more: said to be another one.
        kit.migrate("revision", "-m", f"table {number}", "--allow-drop")
        kit.migrate("upgrade")
        with_models(kit, own.format(f"{values}, 'gone'", native=native))
        kit.migrate("revision", "-m", f"value {number}", "--allow-drop")
        kit.migrate("upgrade")
        kit.execute(f"insert into t{number} (id, s) values (1, 'gone')")  # noqa: S608
        assert "nothing was written" in kit.migrate("revision", "-m", "nothing")


@on_each_kind
def test_an_empty_revision_is_not_written(kit: Kit) -> None:
    with_models(kit, "Table('t', Base.metadata, Column('id', Integer, primary_key=True))")
    kit.migrate("revision", "-m", "first")
    kit.migrate("upgrade")
    kit.migrate("check", "--db")
    before = sorted((kit.folder / "migrate/versions").glob("*.py"))
    assert "nothing was written" in kit.migrate("revision", "-m", "nothing")
    assert kit.run("alembic", "revision", "--autogenerate", "-m", "nothing").returncode == 0
    assert sorted((kit.folder / "migrate/versions").glob("*.py")) == before


@on_each_kind
def test_a_probable_rename_is_asked_about_and_keeps_the_data(kit: Kit) -> None:
    columns = "Column('id', Integer, primary_key=True), Column('{}', String(9))"
    table = f"Table('t', Base.metadata, {columns})"
    with_models(kit, table.format("nick"))
    kit.migrate("revision", "-m", "first")
    kit.migrate("upgrade")
    kit.execute("insert into t (id, nick) values (1, 'me')")
    with_models(kit, table.format("nickname"))
    words = kit.migrate("revision", "-m", "second", code=3)
    assert "Was it renamed?" in words
    assert kit.run("alembic", "revision", "--autogenerate", "-m", "second").returncode != 0
    kit.migrate("revision", "-m", "second", "--rename", "t.nick=nickname")
    kit.migrate("upgrade")
    assert kit.query("select nickname from t") == [("me",)]
    kit.migrate("downgrade", "-1")
    assert kit.query("select nick from t") == [("me",)]


@on_each_kind
def test_a_table_with_another_name_is_asked_about_and_keeps_its_rows(kit: Kit) -> None:
    columns = "Column('id', Integer, primary_key=True), Column('n', Integer, index=True)"
    table = f"Table('{{}}', Base.metadata, {columns})"
    with_models(kit, table.format("staff"))
    kit.migrate("revision", "-m", "first", "--together")
    kit.migrate("upgrade")
    kit.execute("insert into staff (id, n) values (1, 2)")
    with_models(kit, table.format("people"))
    words = kit.migrate("revision", "-m", "second", code=3)
    assert "staff goes, and a table with its columns comes: people. Was it renamed?" in words
    kit.migrate("revision", "-m", "second", "--rename", "staff=people")
    kit.migrate("upgrade")
    assert kit.query("select n from people") == [(2,)]
    # What is called after the table follows by a revision of its own, and then there is no more.
    kit.migrate("revision", "-m", "third")
    kit.migrate("upgrade")
    assert "nothing was written" in kit.migrate("revision", "-m", "fourth")
    kit.migrate("downgrade", "base", "--yes", "--no-backup")
    assert kit.tables() <= {"alembic_version", "alembic_journal"}


@on_each_kind
def test_a_table_that_is_no_rename_is_created_when_that_is_said(kit: Kit) -> None:
    table = "Table('{}', Base.metadata, Column('id', Integer, primary_key=True))"
    kit.execute("create table legacy (id integer primary key)")
    with_models(kit, table.format("fresh"))
    assert "legacy=fresh" in kit.migrate("revision", "-m", "first", code=3)
    kit.migrate("revision", "-m", "first", "--allow-drop")
    kit.migrate("upgrade")
    assert {"legacy", "fresh"} <= kit.tables()


@on_each_kind
def test_a_column_is_dropped_only_when_that_is_said(kit: Kit) -> None:
    table = "Table('t', Base.metadata, Column('id', Integer, primary_key=True){})"
    with_models(kit, table.format(", Column('nick', String(9))"))
    kit.migrate("revision", "-m", "first")
    kit.migrate("upgrade")
    with_models(kit, table.format(""))
    assert "--allow-drop" in kit.migrate("revision", "-m", "second", code=3)
    kit.migrate("revision", "-m", "second", "--allow-drop")
    assert kit.migrate("lint", code=2).count("M20") >= 1


@where_ddl_stays
def test_on_mysql_each_statement_is_a_revision_of_its_own(kit: Kit) -> None:
    models = """
Table("t", Base.metadata, Column("id", Integer, primary_key=True), Column("n", Integer, index=True))
Table("u", Base.metadata, Column("id", Integer, primary_key=True))
"""
    with_models(kit, models)
    kit.migrate("revision", "-m", "tables")
    paths = sorted((kit.folder / "migrate/versions").glob("*.py"))
    assert len(paths) == 3
    assert kit.migrate("check").startswith("3 revisions")
    assert [path.read_text().count("    op.") for path in paths] == [2, 2, 2]
    kit.migrate("upgrade")
    kit.migrate("check", "--db")
    kit.migrate("downgrade", "base")
    for path in paths:
        path.unlink()
    kit.migrate("revision", "-m", "tables", "--together")
    assert len(list((kit.folder / "migrate/versions").glob("*.py"))) == 1


@on_each_kind
def test_tables_of_others_are_referred_to_and_never_touched(kit: Kit) -> None:
    kit.execute(
        "create table legacy (id integer primary key, extra integer)",
        "create table unknown (id integer primary key)",
    )
    before = kit.columns("legacy")
    models = """
from app.outer_models import outer
class Legacy(Base):
    __tablename__ = "legacy"
    id = Column(Integer, primary_key=True)
    name = Column(String(30), index=True)
outer(Legacy)
legacy_id = Column("legacy_id", ForeignKey("legacy.id"))
Table("orders", Base.metadata, Column("id", Integer, primary_key=True), legacy_id)
"""
    with_models(kit, models)
    kit.migrate("revision", "-m", "orders")
    (written,) = (kit.folder / "migrate/versions").glob("*.py")
    assert "legacy.id" in written.read_text()
    assert not re.search(r"(create|drop|alter)_\w+\(\s*\"(legacy|unknown)", written.read_text())
    kit.migrate("upgrade")
    kit.migrate("check", "--db")
    kit.migrate("downgrade", "base")
    assert kit.columns("legacy") == before
    assert "unknown" in kit.tables()
