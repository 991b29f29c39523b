"""Lint tells what locks, loses or surprises; a waiver needs a reason."""

from __future__ import annotations

import pytest

from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

DOWN = "raise NotImplementedError"
BATCH = """op.execute("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END")
with op.batch_alter_table("t") as batch:
    batch.add_column(sa.Column("n", sa.Integer))"""
# rule: (kind of database, what the revision does)
RULES = {
    "M01": ("sqlite", "op.get_bind().commit()"),
    "M02": ("sqlite", "from app.core import outbox"),
    "M03": ("sqlite", "sa.create_engine"),
    "M04": ("sqlite", "import uuid\nop.execute(f\"insert into t values ('{uuid.uuid4()}')\")"),
    "M10": ("sqlite", 'op.execute("update t set n = 1")'),
    "M11": ("sqlite", 'op.drop_index("x", "t")\nop.execute("delete from t where n = 1")'),
    "M20": ("sqlite", 'op.drop_table("t")'),
    "M21": ("sqlite", 'op.rename_table("t", "u")'),
    "M22": ("sqlite", 'op.add_column("t", sa.Column("n", sa.Integer, nullable=False))'),
    "M23": ("postgresql", 'op.alter_column("t", "n", nullable=False)'),
    "M24": ("postgresql", 'op.alter_column("t", "n", type_=sa.Text())'),
    "M25": ("mysql", 'op.alter_column("t", "n", server_default="1")'),
    "M26": ("postgresql", 'op.create_unique_constraint(None, "t", ["n"])'),
    "M30": ("postgresql", 'op.create_index("x", "t", ["n"])'),
    "M31": ("postgresql", 'op.create_index("x", "t", ["n"], postgresql_concurrently=True)'),
    "M32": ("postgresql", 'op.create_check_constraint("c", "t", "n > 0")'),
    "M40": ("mysql", 'op.drop_index("x", "t")\nop.drop_index("y", "t")'),
    "M41": ("sqlite", BATCH),
    "M50": ("sqlite", 'op.create_index("x", "t", ["n"])'),
    "M52": ("sqlite", 'op.create_index("x", "t", ["n"])'),
}


@pytest.mark.parametrize("code", sorted(RULES))
def test_each_rule_finds_its_case_and_can_be_waived(kit: Kit, code: str) -> None:
    dialect, up = RULES[code]
    up = up.replace("sa.create_engine", 'sa.create_engine("sqlite://")')
    down = 'op.drop_index("y", "t")' if code == "M50" else "pass"
    path = kit.write("0001", None, up, down)
    events = kit.events("lint", "--dialect", dialect, code=2)
    found = [event for event in events if event.get("code") == code]
    assert found, events
    lines = path.read_text().splitlines()
    line = int(str(found[0]["line"])) - 1
    path.write_text(
        "\n".join([*lines[:line], f"{lines[line]}  # migrate: allow {code}", *lines[line + 1 :]])
    )
    events = kit.events("lint", "--dialect", dialect, code=2)
    assert {"M99", code} <= {event.get("code") for event in events}
    path.write_text(
        path.read_text().replace(f"allow {code}", f"allow {code} as agreed with the others")
    )
    done = kit.run("migrate", "lint", "--dialect", dialect, "--json")
    assert f'"code": "{code}", "line": {line + 1}' not in done.stdout


def test_what_the_revision_itself_creates_is_exempt(kit: Kit) -> None:
    up = """
op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
op.create_index("x", "t", ["n"])
op.create_check_constraint("c", "t", "n > 0")
op.add_column("t", sa.Column("m", sa.Integer, nullable=False))
"""
    kit.write("0001", None, up, 'op.drop_table("t")')
    assert kit.migrate("lint", "--dialect", "postgresql") == "no findings\n"
