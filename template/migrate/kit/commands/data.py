"""What is about the data: backfill, backup, restore."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from migrate.engine import make_engine
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit import backfill as backfills
from migrate.kit import backup as backups
from migrate.kit import restore as restoring
from migrate.kit.backfill import Reached
from migrate.kit.commands import command, flag, option, value
from migrate.kit.database import look
from migrate.kit.locks import retrying
from migrate.kit.scratch import scratch
from migrate.project import Run


@command(
    value("name", "the module of migrate/backfills"),
    option("--batch", 1000, "rows of the first batch; later ones take about --target"),
    option("--target", 0.5, "seconds that a batch should take"),
    option("--pause", 0.0, "seconds between batches, for everybody else"),
)
def backfill(run: Run) -> None:
    """Change many rows in batches; interrupted with Ctrl-C, the same command goes on."""
    name = run.arguments.name
    try:
        done = _backfilled(run, name, make_engine(run.url))
    except KeyboardInterrupt:
        message = f"{name}: interrupted between batches; the same command goes on"
        raise MigrationFailed(message) from None
    except DBAPIError as error:
        message = f"{name}: {error.orig}\nFix the cause; the same command goes on"
        raise MigrationFailed(message) from error
    run.report("done", f"{name}: finished, {done.rows} rows changed", rows=done.rows)


def _backfilled(run: Run, name: str, engine: Engine) -> Reached:
    arguments, begun = run.arguments, time.monotonic()
    with engine.connect() as connection:
        before = backfills.reached(connection, name)
        left = backfills.left(connection, backfills.load(name), before)
    run.report("planned", f"{name}: {left} rows ahead", rows=left)

    def told(now: Reached, seconds: float) -> None:
        rate = (now.rows - before.rows) / max(time.monotonic() - begun, 0.001)
        text = (
            f"  {now.rows} rows changed, up to {now.last_key} ({seconds:.2f} s, {rate:.0f} rows/s)"
        )
        run.report("batch", text, rows=now.rows, last_key=now.last_key)
        time.sleep(arguments.pause)

    def work() -> Reached:
        return backfills.run(engine, name, arguments.batch, arguments.target, told)

    return retrying(work, run.url, 10, lambda text: run.report("waiting", text))


@command()
def backup(run: Run) -> None:
    """Copy the database into var/backups."""
    file = backups.backup(run.url, "-".join(sorted(look(run.url).versions)) or "base")
    run.report("backup", f"backup: {file}", path=str(file))


@command(
    value("file", "a copy that backup has made"),
    flag("--yes", "let it take the database's place (without this: try and compare it only)"),
)
def restore(run: Run) -> None:
    """Put a copy back: it is restored beside and compared first, and what was there is kept."""
    file = Path(run.arguments.file)
    if not file.is_file():
        raise MigrationUnsafe(f"there is no file {file}")
    with scratch(run.url, "restored") as beside:
        restoring.load(file, beside)
        copy, now = restoring.content(beside), restoring.content(run.url)
        run.report("copy", f"the copy      {copy}", tables=len(copy.rows))
        run.report("database", f"the database  {now}", tables=len(now.rows))
        for name in sorted({*copy.rows, *now.rows}):
            if copy.rows.get(name) == now.rows.get(name):
                continue
            text = f"  {name}: {copy.rows.get(name, 'none')} rows, now {now.rows.get(name, 'none')}"
            run.report("differs", text, table=name)
        if not run.arguments.yes:
            raise MigrationUnsafe("Nothing was changed; --yes lets the copy take its place.")
        try:
            kept = restoring.swap(run.url, beside)
        except DBAPIError as error:
            message = f"the copy cannot take its place: {error.orig}\nNothing was changed."
            raise MigrationUnsafe(message) from error
    stored = sorted(look(run.url).versions)
    text = f"restored: the database is at {', '.join(stored) or 'base'}; what it was is in {kept}"
    run.report("restored", text, versions=stored, kept=kept)
