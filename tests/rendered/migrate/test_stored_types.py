"""What autogenerate writes of a column's type is what `create_all` makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rendered.conftest import first_on
from tests.rendered.migrate.kit import Kit
from tests.rendered.migrate.test_autogenerate import with_models

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

MODELS = "import stored_types\nstored_types.tables(Base.metadata)"
# Every column of the tables, as the database itself describes it.
CATALOGUE = """
    import json, os
    import sqlalchemy as sa
    from app.core.database import NAMING_CONVENTION
    from migrate.engine import make_engine
    import stored_types

    QUERIES = {
        "sqlite": '''SELECT t.name, c.type, c."notnull", c.dflt_value FROM sqlite_master AS t,
            pragma_table_info(t.name) AS c WHERE c.name = 'c' ''',
        "postgresql": '''SELECT attrelid::regclass::text, format_type(atttypid, atttypmod),
            attnotnull, attcollation::regcollation::text, e.labels FROM pg_attribute
            LEFT JOIN (SELECT enumtypid, string_agg(enumlabel, ',' ORDER BY enumsortorder) AS labels
                FROM pg_enum GROUP BY enumtypid) AS e ON e.enumtypid = atttypid
            WHERE attname = 'c' AND starts_with(attrelid::regclass::text, 't_')
            AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r')''',
        "mysql": '''SELECT table_name, column_type, is_nullable, collation_name, column_default,
            extra FROM information_schema.columns
            WHERE table_schema = database() AND column_name = 'c' ''',
    }
    def catalogue(engine):
        with engine.connect() as connection:
            rows = connection.execute(sa.text(QUERIES[stored_types.KIND])).all()
        checks = sa.inspect(engine).get_multi_check_constraints()
        # The name of a CHECK follows the naming convention in `create_all` alone.
        texts = {table[1]: [one["sqltext"] for one in found] for table, found in checks.items()}
        return {row[0]: [*map(str, row[1:]), *texts.get(row[0], [])] for row in rows}

    migrated = catalogue(make_engine(os.environ["DATABASE_URL"]))
    twin = make_engine(os.environ["TWIN_URL"])
    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    stored_types.tables(metadata)
    metadata.create_all(twin)
    created = catalogue(twin)
    differing = {name: [created[name], migrated.get(name)] for name in created
                 if created[name] != migrated.get(name)}
    print(json.dumps([len(created), differing]))
"""


def twin_of(request: pytest.FixtureRequest, folder: Path) -> str:
    kind = request.node.callspec.params["database_url"]
    if kind == "sqlite":
        return f"sqlite:///{folder / 'twin.db'}"
    url: str = request.getfixturevalue(kind).new_database()
    return url


@first_on("postgresql", "mariadb")
def test_a_revision_makes_what_the_models_say(
    kit: Kit, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    corpus = Path(__file__).with_name("stored_types.py").read_text("utf-8")
    (kit.folder / "stored_types.py").write_text(corpus)
    with_models(kit, MODELS)
    kit.migrate("revision", "-m", "types", "--together")
    (written,) = (kit.folder / "migrate/versions").glob("*.py")
    # What has no other form is imported; all that is the app's own is written as what it is stored.
    assert "import stored_types" in written.read_text()
    assert "import app" not in written.read_text()
    kit.migrate("upgrade")
    number, differing = json.loads(kit.program(CATALOGUE, TWIN_URL=twin_of(request, tmp_path)))
    assert number >= 40
    assert differing == {}
    assert "nothing was written" in kit.migrate("revision", "-m", "again")
    kit.migrate("downgrade", "base", "--yes", "--no-backup")
    assert kit.tables() <= {"alembic_version", "alembic_journal"}


TABLE = "Table('{}', Base.metadata, Column('id', Integer, primary_key=True){})"
STATE = ", Column('state', Enum({}, name='{}'), server_default='new')"


@first_on("postgresql")
def test_an_enumeration_comes_to_tables_changes_and_goes(kit: Kit) -> None:
    def become(name: str, *tables: str) -> None:
        with_models(kit, "\n".join(tables))
        kit.migrate("revision", "-m", name, "--allow-drop", "--together")
        kit.migrate("upgrade")

    two = "'new', 'old'"
    become("empty", TABLE.format("a", ""))
    become("in a column that comes", TABLE.format("a", STATE.format(two, "state")))
    both = [TABLE.format(table, STATE) for table in ("a", "b")]
    become("in a second table", *(one.format(two, "state") for one in both))
    kit.execute("insert into b (id) values (1)")
    become("one more", *(one.format(f"{two}, 'gone'", "state") for one in both))
    kit.execute("insert into b (id, state) values (2, 'gone')")
    become("another name", *(one.format(f"{two}, 'gone'", "status") for one in both))
    assert kit.query("select id, state from b order by id") == [(1, "new"), (2, "gone")]
    kit.execute("delete from b where id = 2")
    become("one fewer", *(one.format(two, "status") for one in both))
    assert kit.query("select id, state from b") == [(1, "new")]
    assert "nothing was written" in kit.migrate("revision", "-m", "again")
    kit.migrate("downgrade", "base", "--yes", "--no-backup")
    kit.migrate("upgrade")
    assert "nothing was written" in kit.migrate("revision", "-m", "again")


@first_on("mariadb")
def test_a_foreign_key_goes_before_its_index(kit: Kit) -> None:
    """MySQL does not let the index go first."""
    parent = TABLE.format("p", "")
    child = TABLE.format("c", ", Column('p_id', Integer{})")
    with_models(kit, parent + "\n" + child.format(", ForeignKey('p.id'), index=True"))
    kit.migrate("revision", "-m", "both")
    kit.migrate("upgrade")
    with_models(kit, parent + "\n" + child.format(""))
    kit.migrate("revision", "-m", "neither")
    kit.migrate("upgrade")
    kit.migrate("check", "--db")
    kit.migrate("downgrade", "base", "--yes", "--no-backup")
