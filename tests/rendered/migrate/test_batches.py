"""A batch of SQLite, which makes its table anew, takes nothing from it."""

from __future__ import annotations

import pytest

from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

TABLES = """
op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.create_table("u", sa.Column("id", sa.Integer, primary_key=True), sa.Column("seen", sa.Integer))
op.execute("CREATE TRIGGER own AFTER INSERT ON t BEGIN INSERT INTO u (seen) VALUES (NEW.id); END")
op.execute("CREATE TRIGGER of_u AFTER DELETE ON u BEGIN UPDATE t SET id = id; END")
"""
BATCH = """
with op.batch_alter_table("t") as batch:
    batch.drop_column("n")
"""


@pytest.mark.parametrize("which", ["kit", "plain"])
def test_triggers_stay(which: str, request: pytest.FixtureRequest) -> None:
    kit: Kit = request.getfixturevalue(which)
    kit.write("0001", None, TABLES)
    kit.write("0002", "0001", BATCH)
    kit.migrate("upgrade")
    assert kit.columns("t") == {"id"}
    kit.execute("insert into t (id) values (7)", "delete from u where seen = 0")
    assert kit.query("select seen from u") == [(7,)]
    assert kit.value("select count(*) from sqlite_master where type = 'trigger'") == 2
