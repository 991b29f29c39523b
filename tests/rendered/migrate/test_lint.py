"""Lint tells what locks, loses or surprises; a waiver needs a reason."""

from __future__ import annotations

import json
import textwrap

import pytest

from tests.conftest import nightly_but
from tests.rendered.conftest import SERVERS
from tests.rendered.migrate.dangers import DANGEROUS, HARMLESS
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

DOWN = "raise NotImplementedError"
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
    assert kit.migrate("lint", "--dialect", "postgresql") == "no findings in 1 revisions\n"


LINTED = """
    import importlib.util, json, sys
    from pathlib import Path
    from migrate.kit.lint import Lint
    from migrate.kit.offline import Source

    found = []
    for number, (dialect, source) in enumerate(json.loads(Path("cases.json").read_text())):
        path = Path(f"case{number}.py")
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append([one.code for one in Lint(dialect).findings(Source(module, source, dialect))])
    print(json.dumps(found))
"""
SOURCE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "1", None
def upgrade():
{}
def downgrade():
    raise NotImplementedError
"""


def linted(kit: Kit, cases: list[tuple[str, str]]) -> list[set[str]]:
    """Return the codes that are found in what each does on its kind of database."""
    sources = [(kind, SOURCE.format(textwrap.indent(up, "    "))) for kind, up in cases]
    (kit.folder / "cases.json").write_text(json.dumps(sources))
    return [set(one) for one in json.loads(kit.program(LINTED).splitlines()[-1])]


def test_what_is_dangerous_is_named(kit: Kit) -> None:
    found = linted(kit, [(kind, up) for _, kind, up in DANGEROUS.values()])
    wanted = {name: code for name, (code, _, _) in DANGEROUS.items()}
    assert len(wanted) >= 35
    codes = dict(zip(DANGEROUS, found, strict=True))
    assert {name: codes[name] for name, code in wanted.items() if code not in codes[name]} == {}


def test_what_is_harmless_is_not(kit: Kit) -> None:
    found = linted(kit, list(HARMLESS.values()))
    assert len(found) >= 18
    assert {name: one for name, one in zip(HARMLESS, found, strict=True) if one} == {}


def test_every_pending_revision_is_read_and_what_they_create_is_empty(kit: Kit) -> None:
    table = 'op.create_table("{}", sa.Column("id", sa.Integer, primary_key=True))'
    kit.write("0001", None, table.format("t"), 'op.drop_table("t")')
    kit.migrate("upgrade")
    required = 'op.add_column("{}", sa.Column("n", sa.Integer, nullable=False))'
    down = 'op.drop_column("{}", "n")'
    kit.write("0002", "0001", required.format("t"), down.format("t"))
    kit.write("0003", "0002", table.format("u"), 'op.drop_table("u")')
    kit.write("0004", "0003", required.format("u"), down.format("u"))
    (finding, _) = kit.events("lint", code=2)
    assert (finding["revision"], finding["code"]) == ("0002", "M22")
    assert kit.migrate("lint", "0004", code=2).startswith("0004.py")


@pytest.mark.parametrize("database_url", nightly_but("postgresql", of=SERVERS), indirect=True)
def test_an_upgrade_asks_lint_before_it_touches_rows(kit: Kit) -> None:
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))'
    kit.write("0001", None, table, 'op.drop_table("t")')
    kit.migrate("upgrade")
    column = 'op.add_column("t", sa.Column("n", sa.Integer))\nop.execute("update t set n = 1")'
    kit.write("0002", "0001", column, 'op.drop_column("t", "n")')
    kit.execute("insert into t (id) values (1)")
    words = kit.migrate("upgrade", code=3, MIGRATE_ACCEPT="")
    assert "0002.py:22: M10 changes every row" in words
    assert "Nothing was changed" in words
    assert "M10" in kit.migrate("upgrade", "--accept", "M22", code=3, MIGRATE_ACCEPT="")
    assert kit.columns("t") == {"id"}
    kit.migrate("upgrade", "--accept", "M10", MIGRATE_ACCEPT="")
    kit.migrate("downgrade", "-1", "--yes", "--no-backup")
    kit.execute("delete from t")
    kit.migrate("upgrade", MIGRATE_ACCEPT="")
