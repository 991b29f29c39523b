"""The commands of docs/migrations.md, run in their order on a database whose DDL stays."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rendered.conftest import first_on, on_every_database
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


@first_on("postgresql", "mysql")
def test_every_command_of_the_document_works_where_it_stands(
    everything: Path, tmp_path: Path, database_url: str
) -> None:
    kit = whole_copy_of(everything, tmp_path / "kit", database_url)
    assert follow(everything / "docs/migrations.md", kit, STAGES) > 15
    assert kit.version() != {"9999"}


@on_every_database
def test_every_command_of_the_shorter_document_works(
    without_kit: Path, tmp_path: Path, database_url: str
) -> None:
    plain = whole_copy_of(without_kit, tmp_path / "plain", database_url)
    stages = {name: STAGES[name] for name in ("1.", "3.")}
    assert follow(without_kit / "docs/migrations.md", plain, stages) == 10


def follow(document: Path, kit: Kit, stages: dict[str, Callable[[Kit], None]]) -> int:
    """Type every command of a document, each section after what it needs; how many there are."""
    ran, refused = 0, () if kit.url.startswith("mysql") else ("undo", "split")
    for section in re.split(r"(?m)^## ", document.read_text("utf-8"))[1:]:
        prepare = stages.get(section[:2])
        if prepare is not None:
            prepare(kit)
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL):
            for line in block.splitlines():
                words = shlex.split(line)
                if words[0] == "alembic":
                    assert kit.run(*words).returncode == 0, line
                else:
                    assert words[:3] == ["python", "-m", "migrate"], line
                    kit.migrate(*words[3:], code=3 if words[3] in refused else 0)
                ran += 1
    return ran


def test_every_command_is_told_of(
    everything: Path, without_kit: Path, kit: Kit, plain: Kit
) -> None:
    for shop, its, number in ((everything, kit, 17), (without_kit, plain, 8)):
        text = (shop / "docs/migrations.md").read_text("utf-8")
        commands = re.findall(r"(?m)^ {4}(\w+)", its.migrate("--help"))
        assert len(commands) == number
        assert [name for name in commands if not re.search(rf"[` ]{name}\b", text)] == []
