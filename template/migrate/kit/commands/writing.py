"""What writes revisions: revision, rebase."""

from __future__ import annotations

import io
from argparse import ArgumentParser
from contextlib import redirect_stdout
from pathlib import Path

from alembic import command as alembic_command
from alembic.util import CommandError

from migrate import branches
from migrate.errors import MigrationUnsafe
from migrate.kit import backfill
from migrate.kit.commands import command, flag, value
from migrate.kit.renames import Choices
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
        with redirect_stdout(io.StringIO()):  # what Alembic says of its hooks
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


@command(value("base", "the branch whose revisions come first", "main"))
def rebase(run: Run) -> None:
    """Put your revisions on top of those of another branch, after `git merge` of it."""
    branches.rebase(run.arguments.base, run.report)
