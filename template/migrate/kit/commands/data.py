"""What is about the data: backfill, backup, restore."""

from __future__ import annotations

import time
from pathlib import Path

from migrate.engine import make_engine
from migrate.errors import MigrationUnsafe
from migrate.kit import backfill as backfills
from migrate.kit import backup as backups
from migrate.kit.backfill import Reached
from migrate.kit.commands import command, flag, option, value
from migrate.kit.database import look
from migrate.kit.locks import retrying
from migrate.project import Run


@command(
    value("name", "the module of migrate/backfills"),
    option("--batch", 1000, "rows of the first batch; later ones take about --target"),
    option("--target", 0.5, "seconds that a batch should take"),
    option("--pause", 0.0, "seconds between batches, for everybody else"),
)
def backfill(run: Run) -> None:
    """Change many rows in batches; interrupted with Ctrl-C, the same command goes on."""
    arguments = run.arguments
    engine = make_engine(run.url)
    with engine.connect() as connection:
        before = backfills.reached(connection, arguments.name)
        left = backfills.count(connection, backfills.load(arguments.name), before)
    run.report("planned", f"{arguments.name}: {left} rows ahead", rows=left)
    begun = time.monotonic()

    def told(now: Reached, seconds: float) -> None:
        rate = (now.rows - before.rows) / max(time.monotonic() - begun, 0.001)
        text = (
            f"  {now.rows} rows changed, up to {now.last_key} ({seconds:.2f} s, {rate:.0f} rows/s)"
        )
        run.report("batch", text, rows=now.rows, last_key=now.last_key)
        time.sleep(arguments.pause)

    def work() -> Reached:
        return backfills.run(engine, arguments.name, arguments.batch, arguments.target, told)

    done = retrying(work, run.url, 10, lambda text: run.report("waiting", text))
    run.report("done", f"{arguments.name}: finished, {done.rows} rows changed", rows=done.rows)


@command()
def backup(run: Run) -> None:
    """Copy the database into var/backups."""
    file = backups.backup(run.url, "-".join(sorted(look(run.url).versions)) or "base")
    run.report("backup", f"backup: {file}", path=str(file))


@command(
    value("file", "a copy that backup has made"), flag("--yes", "what the database holds may go")
)
def restore(run: Run) -> None:
    """Make the database what a backup is."""
    file = Path(run.arguments.file)
    if not file.is_file():
        raise MigrationUnsafe(f"there is no file {file}")
    if not run.arguments.yes:
        message = f"everything written since {file.name} would be lost: add --yes to do it"
        raise MigrationUnsafe(message)
    backups.restore(run.url, file)
    stored = sorted(look(run.url).versions)
    run.report(
        "restored", f"restored: the database is at {', '.join(stored) or 'base'}", versions=stored
    )
