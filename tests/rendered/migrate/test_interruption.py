"""A migration can be killed anywhere: the same command again ends in the same state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rendered.conftest import on_every_database
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

KILLING = Path(__file__).with_name("killing.py").read_text("utf-8")
BASE = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("age", sa.Integer),
    sa.Column("email", sa.String(50)),
    sa.Column("status", sa.String(10)),
)
op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
op.execute("insert into users (id, name, age) values (1, 'a', 10), (2, 'b', 20)")
op.execute("insert into notes (id, text) values (1, 'one')")
"""
# Everything that a revision is likely to do: columns, renames, constraints, data, batches, blocks.
MIXED = """
op.add_column("users", sa.Column("nick", sa.String(50)))
op.execute("update users set age = age + 1")
op.create_table(
    "audit",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_audit_user")),
    sa.Column("kind", sa.String(10)),
)
op.execute("insert into audit (user_id) select id from users")
op.execute("update users set age = age * 2, nick = name")
with op.batch_alter_table("users") as users:
    users.alter_column(
        "nick",
        existing_type=sa.String(50),
        type_=sa.String(80),
        nullable=False,
        server_default="x",
    )
    users.alter_column(
        "name",
        existing_type=sa.String(50),
        existing_nullable=False,
        new_column_name="full_name",
    )
    users.add_column(sa.Column("score", sa.Integer, server_default="0"))
    users.create_check_constraint("ck_users_age", "age < 100000")
op.create_index("ix_users_age", "users", ["age"])
op.execute("update users set age = age + 7 where id > 0")
op.rename_table("notes", "remarks")
op.bulk_insert(
    sa.table("remarks", sa.column("id", sa.Integer), sa.column("text", sa.Text)),
    [{"id": 2, "text": "two"}, {"id": 3, "text": "three"}],
)
with op.get_context().autocommit_block():
    op.execute("update users set age = age * 3")
    op.create_index("ix_users_full_name", "users", ["full_name"], postgresql_concurrently=True)
    op.execute("insert into remarks (id, text) values (4, 'in a block')")
with op.batch_alter_table("users") as users:
    users.drop_constraint("ck_users_age", type_="check")
    users.create_unique_constraint("uq_users_full_name", ["full_name"])
    users.drop_column("email")
one_more = (
    "update users set status = 'new' where id ="
    " (select m from (select min(id) as m from users where status is null) as t)"
)
while op.get_bind().execute(sa.text(one_more)).rowcount:
    pass
op.drop_index("ix_users_age", "users")
op.execute("update users set age = age + 5")
"""


@on_every_database
def test_killed_anywhere_the_same_command_again_ends_in_the_same_state(kit: Kit) -> None:
    """Before and after each kind of statement: most points are alike."""
    kill_and_go_on(kit, "kinds")


@pytest.mark.nightly
@on_every_database
def test_killed_at_every_point_the_same_command_again_ends_in_the_same_state(kit: Kit) -> None:
    kill_and_go_on(kit, "every")


def kill_and_go_on(kit: Kit, points: str) -> None:
    """Kill an upgrade at these points, each time from the same state; the next one ends it."""
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", MIXED)
    told = json.loads(kit.program(KILLING, KILL=points))
    assert told["different"] == []
    assert told["of"] > 100
    assert told["points"] >= (told["of"] if points == "every" else 28)
    assert told["journal"] == []
    assert told["users"] == [
        ["152", "b", "2", "b", "0", "new"],
        ["92", "a", "1", "a", "0", "new"],
    ]
