"""What writes revisions: revision, squash."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

from alembic import command as alembic_command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import MigrationScript
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import MetaData

from migrate.engine import make_engine
from migrate.errors import MigrationUnsafe
from migrate.kit import backfill
from migrate.kit.commands import command, flag, value
from migrate.kit.renames import Choices
from migrate.kit.statements import OWN_TABLES
from migrate.project import Run


def _renames(parser: ArgumentParser) -> object:
    text = "this column was renamed, or, as OLD=NEW, this table (repeat for more)"
    return parser.add_argument(
        "--rename", action="append", default=[], metavar="TABLE.OLD=NEW", help=text
    )


def _data(parser: ArgumentParser) -> object:
    text = "changes rows: write migrate/backfills/NAME.py too, which must be done before this one"
    return parser.add_argument("--data", metavar="NAME", help=text)


@command(
    lambda parser: parser.add_argument("-m", dest="message", required=True, help="what it does"),
    flag("--empty", "write it by hand: compare nothing"),
    flag("--together", "MySQL: one revision, not one for each statement of DDL"),
    flag("--allow-drop", "columns may go, with their data"),
    _renames,
    _data,
)
def revision(run: Run) -> None:
    """Write what brings the database to the models, or an empty revision."""
    arguments = run.arguments
    choices = Choices(frozenset(arguments.rename), arguments.allow_drop, arguments.together)
    config = run.config(choices=choices)
    by_hand = arguments.empty or arguments.data
    draft = _backfill(arguments.data, arguments.message) if arguments.data else None
    try:
        result = alembic_command.revision(config, arguments.message, autogenerate=not by_hand)
    except CommandError as error:
        message = f"{error} (`python -m migrate status` and `check` tell more)"
        raise MigrationUnsafe(message) from error
    written = result if isinstance(result, list) else [result]
    scripts = [script for script in written if script is not None]
    if draft:
        _need(Path(scripts[0].path), draft.stem)
        text = (
            f"written: backfills/{draft.name}; fill it in: python -m migrate backfill {draft.stem}"
        )
        run.report("written", text, path=str(draft))
    if not scripts:
        run.report("nothing", "the models and the database agree: nothing was written")
    for script in scripts:
        text = f"written: {Path(script.path).name}; read it, then: make migrate"
        run.report("written", text, revision=script.revision, path=str(script.path))


def _backfill(name: str, message: str) -> Path:
    if not name.isidentifier():
        text = f"{name!r} is no name for a module: letters, digits and underscores"
        raise MigrationUnsafe(text)
    try:
        return backfill.draft(name, message)
    except FileExistsError:
        text = f"there is a backfill called {name} already: migrate/backfills/{name}.py"
        raise MigrationUnsafe(text) from None


def _need(revision: Path, name: str) -> None:
    """Let a revision wait for its backfill."""
    source = revision.read_text("utf-8")
    head, line, rest = source.partition("depends_on")
    kept, _, rest = rest.partition("\n")
    revision.write_text(f'{head}{line}{kept}\nneeds_backfill = "{name}"\n{rest}', "utf-8")


@command(
    value("revision", "up to which revision"),
    flag("--write", "do it; without this it is only shown"),
)
def squash(run: Run) -> None:
    """Make one revision of all up to this one; it keeps the id, so no database needs anything.

    --database must be an empty one: the old revisions build it, and the new one is what it is then.
    """
    config = run.config()
    scripts = ScriptDirectory.from_config(config)
    last = scripts.get_revision(run.arguments.revision)
    squashed = list(scripts.iterate_revisions(last.revision, "base"))
    engine = make_engine(run.url)
    if set(_tables(run)) - set(OWN_TABLES):
        message = "--database must name an empty database, in which the old revisions are run"
        raise MigrationUnsafe(message)
    alembic_command.upgrade(config, last.revision)
    metadata = MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection, only=lambda name, _: name not in OWN_TABLES)
        options = {"target_metadata": metadata, "include_name": lambda _, kind, __: kind != "table"}
        found = produce_migrations(MigrationContext.configure(connection, opts=options), metadata)
    source = _squashed(Path(last.path).read_text("utf-8"), len(squashed), found)
    run.report("planned", source, revisions=[one.revision for one in squashed])
    if not run.arguments.write:
        run.report("hint", "nothing was written; `squash --write` does it")
        return
    for one in squashed:
        Path(one.path).unlink()
    Path(last.path).write_text(source, "utf-8")
    run.report("written", f"{Path(last.path).name}: add seeds, views and triggers by hand")


def _tables(run: Run) -> list[str]:
    metadata = MetaData()
    metadata.reflect(make_engine(run.url))
    return list(metadata.tables)


def _squashed(source: str, number: int, found: MigrationScript) -> str:
    """Return the last revision's source as the first of all."""
    head, _, _ = source.partition("def upgrade")
    head = re.sub(r"(?m)^(down_revision\b[^=\n]*=\s*).*$", r"\g<1>None", head)
    head = re.sub(r"(?m)^Revises:.*$", "Revises:", head)
    for name in ("mysql", "postgresql", "sqlite"):
        line = f"from sqlalchemy.dialects import {name}\n"
        head = (
            head
            if line in head
            else head.replace("from alembic import op\n", f"from alembic import op\n{line}", 1)
        )
    ops = (found.upgrade_ops, found.downgrade_ops)
    up, down = (render_python_code(one) for one in ops if one is not None)
    return (
        f"{head}def upgrade() -> None:\n"
        f'    """Bring an empty database to where {number} revisions brought it."""\n    {up}\n\n\n'
        f'def downgrade() -> None:\n    """Empty it again."""\n    {down}\n'
    )
