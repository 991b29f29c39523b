"""Migrations agree with the models, can be undone, and are never lost without a word."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from app.core.database import Base
from app.outer_models import outer
from migrate import graph
from migrate.engine import make_engine
from migrate.errors import MigrationUnsafe
from migrate.guards import is_managed
from migrate.project import alembic_config
from tests.databases import empty_database

REVISION = """
import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

revision, down_revision = "t1", None
branch_labels = depends_on = None

def upgrade():
    op.create_table("first", sa.Column("id", sa.Integer, primary_key=True))
    # body
    op.create_table("second", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with empty_database(tmp_path) as url:
        yield url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """An empty SQLite database, for what is SQLite's own."""
    return f"sqlite:///{tmp_path}/own.db"


def tables(url: str) -> set[str]:
    names = sa.inspect(make_engine(url)).get_table_names()
    return {name for name in names if not name.startswith("alembic_")}


def with_revision(tmp_path: Path, url: str, body: str) -> Config:
    """Return a configuration whose only revision has `body` between two tables."""
    versions = tmp_path / "versions"
    versions.mkdir()
    inner = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    (versions / "t1.py").write_text(REVISION.replace("    # body", inner))
    config = alembic_config(url)
    config.set_main_option("version_locations", str(versions))
    return config


def test_up_down_up_and_no_drift(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "head")
    command.check(config)
    command.downgrade(config, "base")
    assert tables(url) == set()
    command.upgrade(config, "head")
    # Some are there for one kind of database alone, and no model is theirs.
    assert tables(url) >= set(Base.metadata.tables)


def test_nothing_is_wrong_with_the_graph() -> None:
    assert graph.faults(graph.read(), graph.read_head()) == []


@pytest.mark.parametrize(
    "body",
    [
        "op.get_bind().commit()",
        "op.get_bind().rollback()",
        "s = Session(op.get_bind()); s.execute(sa.text('select 1')); s.rollback()",
    ],
)
def test_a_revision_that_ends_its_transaction_fails_loudly(
    tmp_path: Path, url: str, body: str
) -> None:
    config = with_revision(tmp_path, url, body)
    command.ensure_version(config)
    with pytest.raises(MigrationUnsafe, match="committed or rolled back"):
        command.upgrade(config, "head")


def test_a_revision_that_fails_leaves_nothing(tmp_path: Path, sqlite: str) -> None:
    with pytest.raises(ZeroDivisionError):
        command.upgrade(with_revision(tmp_path, sqlite, "1 / 0"), "head")
    assert tables(sqlite) == set()


def test_a_batch_change_keeps_the_rows_that_refer_to_the_table(tmp_path: Path, sqlite: str) -> None:
    body = """
        op.execute("create table child (first_id integer references first (id) on delete cascade)")
        op.execute("insert into first values (1)")
        op.execute("insert into child values (1)")
        with op.batch_alter_table("first", recreate="always") as first:
            first.add_column(sa.Column("name", sa.String(10)))
    """
    command.upgrade(with_revision(tmp_path, sqlite, body), "head")
    with make_engine(sqlite).connect() as connection:
        assert connection.execute(sa.text("select count(*) from child")).scalar_one() == 1


def test_a_revision_that_leaves_dangling_keys_fails(tmp_path: Path, sqlite: str) -> None:
    body = """
        op.execute("create table child (first_id integer references first (id))")
        op.execute("insert into child values (99)")
    """
    with pytest.raises(MigrationUnsafe, match="point nowhere"):
        command.upgrade(with_revision(tmp_path, sqlite, body), "head")


def test_tables_of_others_are_never_touched(url: str) -> None:
    metadata = sa.MetaData()

    class Legacy:
        __table__ = sa.Table(
            "legacy",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", sa.Text),
        )

    outer(Legacy)  # type: ignore[type-var]
    sa.Table("ours", metadata, sa.Column("legacy_id", sa.ForeignKey("legacy.id")))
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table legacy (id integer primary key, more text)"))
        connection.execute(sa.text("create table unknown (id integer primary key)"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_managed})
        changes = compare_metadata(context, metadata)
    assert [(change[0], change[1].name) for change in changes] == [("add_table", "ours")]
