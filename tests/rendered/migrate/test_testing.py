"""`migrate test` takes revisions up and down on the project's own kind of server."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.rendered.conftest import first_on
from tests.rendered.migrate.kit import Kit
from tests.rendered.migrate.test_autogenerate import with_models
from tests.rendered.migrate.test_restore import databases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

ID = "Column('id', Integer, primary_key=True)"
# What autogenerate does not see, of each kind of database.
UNSEEN = {
    "postgresql": """
Table("t", Base.metadata, {id}, Column("n", Integer, Computed("m * 3")), Column("m", Integer),
      CheckConstraint("m > 1", name="low"))
Index("ix", Base.metadata.tables["t"].c.m, postgresql_where=text("m > 3"))
""",
    "mysql": """
Table("t", Base.metadata, {id}, Column("n", Integer, Computed("m * 3")), Column("m", Integer),
      CheckConstraint("m > 1", name="low"))
Index("ix", Base.metadata.tables["t"].c.m.desc())
""",
    "sqlite": """
Table("t", Base.metadata, {id}, Column("n", Integer, Computed("m * 3")), Column("m", Integer),
      CheckConstraint("m > 1", name="low"))
Index("ix", Base.metadata.tables["t"].c.m, sqlite_where=text("m > 3"))
""",
}
CHANGES = {"m * 3": "m * 4", "m > 1": "m > 2", "m > 3": "m > 5", ".desc()": ""}


@first_on("postgresql", "mariadb")
def test_what_autogenerate_does_not_see_is_found_by_making_it(kit: Kit) -> None:
    kind = sa.make_url(kit.url).get_backend_name()
    with_models(kit, UNSEEN[kind].format(id=ID))
    kit.migrate("revision", "-m", "all", "--together")
    assert kit.migrate("test").splitlines()[-1].startswith("1 revisions up, down and up in ")
    changed = UNSEEN[kind].format(id=ID)
    for old, new in CHANGES.items():
        changed = changed.replace(old, new)
    with_models(kit, changed)
    for _ in range(2):
        words = kit.migrate("test", code=1)
        assert "differences: the models would make another database" in words
        for what in ("column of t", "check of t", "index of t"):
            assert f"  only the models make: {what}" in words
            assert f"  only the revisions make: {what}" in words
    assert databases(kit) == 1
    assert kit.tables() <= {"alembic_version", "alembic_journal"}


@first_on("mariadb")
def test_the_stairway_finds_what_a_downgrade_forgets(kit: Kit) -> None:
    table = 'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True))'
    kit.write("0001", None, table, 'op.drop_table("users")')
    kit.write("0002", "0001", 'op.add_column("users", sa.Column("m", sa.String(9)))')
    words = kit.migrate("test", code=1)
    assert "downgrade() of 0002 leaves the schema another than it was:\n  column of users" in words
    assert databases(kit) <= 1
    with_models(kit, f"Table('users', Base.metadata, {ID}, Column('m', String(9)))")
    kit.write(
        "0002",
        "0001",
        'op.add_column("users", sa.Column("m", sa.String(9)))',
        "raise NotImplementedError",
    )
    words = kit.migrate("test")
    assert "0002 up; it says that nothing takes it back" in words
    assert "not compared with the models" in words
