"""The commands of docs/migrations.md, run in their order on a database whose DDL stays."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rendered.migrate.conftest import where_ddl_stays
from tests.rendered.migrate.kit import Kit, whole_copy_of
from tests.rendered.migrate.test_branches import commit, git

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

FAILING = """
op.add_column("profiles", sa.Column("nick", sa.String(20)))
op.create_table("alembic_version", sa.Column("id", sa.Integer, primary_key=True))
"""
BACKFILL = """
import sqlalchemy as sa

table = sa.table("profiles", sa.column("id", sa.Uuid()), sa.column("department", sa.String()))
key = table.c.id
values = {"department": "none"}
where = table.c.department.is_(None)
"""


def a_changed_model(kit: Kit) -> None:
    kit.migrate("upgrade")
    model = kit.folder / "app/modules/profiles/models.py"
    text = model.read_text("utf-8")
    column = "    nickname: Mapped[str | None] = mapped_column(String(50))\n    created_at"
    model.write_text(text.replace("    created_at", column, 1), "utf-8")


def a_branch_of_others(kit: Kit) -> None:
    (kit.folder / ".gitignore").write_text("__pycache__/\nvar/\n")
    git(kit, "init", "-q")
    commit(kit, "all")


def a_backfill(kit: Kit) -> None:
    (kit.folder / "migrate/backfills").mkdir()
    (kit.folder / "migrate/backfills/nicknames.py").write_text(BACKFILL)


def a_failure(kit: Kit) -> None:
    (head,) = kit.version()
    down = 'op.drop_column("profiles", "nick")'
    path = kit.write("9999", str(head), FAILING, down)
    kit.migrate("upgrade", code=1)
    path.write_text(path.read_text().replace('"alembic_version"', '"later"'))


STAGES: dict[str, Callable[[Kit], None]] = {
    "1.": a_changed_model,
    "3.": a_branch_of_others,
    "4.": a_backfill,
    "5.": a_failure,
}


@where_ddl_stays
def test_every_command_of_the_document_works_where_it_stands(
    everything: Path, tmp_path: Path, database_url: str
) -> None:
    kit = whole_copy_of(everything, tmp_path / "kit", database_url)
    text = (everything / "docs/migrations.md").read_text("utf-8")
    ran = 0
    for section in re.split(r"(?m)^## ", text)[1:]:
        prepare = STAGES.get(section[:2])
        if prepare is not None:
            prepare(kit)
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL):
            for line in block.splitlines():
                words = shlex.split(line)
                assert words[:3] == ["python", "-m", "migrate"], line
                kit.migrate(*words[3:])
                ran += 1
    assert ran > 15
    assert kit.version() != {"9999"}


def test_every_command_is_told_of(everything: Path, kit: Kit) -> None:
    text = (everything / "docs/migrations.md").read_text("utf-8")
    commands = re.findall(r"(?m)^ {4}(\w+)", kit.migrate("--help"))
    assert len(commands) == 19
    assert [name for name in commands if not re.search(rf"[` ]{name}\b", text)] == []
