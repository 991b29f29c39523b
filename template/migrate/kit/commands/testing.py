"""Testing the revisions: up, down and up again, nothing left behind, and what the models say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from migrate import guards
from migrate.engine import make_engine
from migrate.errors import MigrationFailed, MigrationUnsafe
from migrate.kit.autogenerate import models_of
from migrate.kit.catalogue import catalogue
from migrate.kit.commands import command, flag, option
from migrate.kit.scratch import scratch
from migrate.project import Run, alembic_config

Go = Callable[[str, str], None]


@command(option("--last", 30, "only the newest revisions"), flag("--all", "every revision"))
def test(run: Run) -> None:
    """Take every revision up, down and up, in a database of its own; compare it with the models.

    It is made on the project's server, and dropped. With --database it must be there, and empty.
    """
    begun = time.monotonic()
    with _empty(run) as url, make_engine(url).connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(url))
        every = [script.revision for script in scripts.walk_revisions()][::-1]
        number = len(every) if run.arguments.all else run.arguments.last
        metadata = models_of(run.config())
        _require_own_schemas(connection, metadata)
        # What others manage is there before our revisions are.
        others = [one for one in metadata.tables.values() if not one.info.get("managed", True)]
        metadata.create_all(connection, tables=others)
        connection.commit()
        go = _goer(scripts, connection, url)
        _stairway(run, connection, go, (every[: -number or None], every[-number:]))
        differing = _unlike_models(run, connection, go, metadata)
        metadata.drop_all(connection)
        connection.commit()
    if differing:
        found = f"{differing} differences"
        raise MigrationFailed(f"{found}: the models would make another database than the revisions")
    tested, seconds = len(every[-number:]), time.monotonic() - begun
    run.report("done", f"{tested} revisions up, down and up in {seconds:.1f} s", revisions=tested)


@contextmanager
def _empty(run: Run) -> Iterator[str]:
    if run.arguments.database is None:
        with scratch(run.url, "test") as url:
            yield url
        return
    with make_engine(run.url).connect() as connection:
        if catalogue(connection):
            message = "--database must name an empty database: every table in it would be dropped"
            raise MigrationUnsafe(message)
    yield run.url


def _require_own_schemas(connection: Connection, metadata: MetaData) -> None:
    """Make the schemas that the models name; refuse those that are other databases."""
    schemas = {one.schema for one in metadata.tables.values() if one.schema}
    if connection.dialect.name != "postgresql" and schemas:
        listed = ", ".join(sorted(schemas))
        raise MigrationUnsafe(f"the models name other databases, {listed}: nothing was changed")
    for schema in schemas:
        connection.execute(CreateSchema(schema, if_not_exists=True))


def _stairway(
    run: Run, connection: Connection, go: Go, revisions: tuple[Sequence[str], Sequence[str]]
) -> None:
    before, tested = revisions
    below = before[-1] if before else "base"
    if before:
        go("up", below)
    for revision in tested:
        found = catalogue(connection)
        go("up", revision)
        try:
            go("down", below)
        except NotImplementedError:
            connection.rollback()
            run.report("irreversible", f"  {revision} up; it says that nothing takes it back")
            below = revision
            continue
        if left := catalogue(connection) ^ found:
            listed = "\n".join(f"  {line}" for line in sorted(left))
            message = f"downgrade() of {revision} leaves the schema another than it was:\n{listed}"
            raise MigrationFailed(message)
        go("up", revision)
        run.report("passed", f"  {revision} up, down, up", revision=revision)
        below = revision


def _unlike_models(run: Run, connection: Connection, go: Go, metadata: MetaData) -> int:
    """Tell what the models would make otherwise, seen by making it; return how much that is."""
    ours = {one.fullname: one for one in metadata.tables.values() if one.info.get("managed", True)}
    migrated = _of(ours, connection)
    try:
        go("down", "base")
    except NotImplementedError:
        connection.rollback()
        run.report("skipped", "not compared with the models: not every revision is taken back")
        return 0
    metadata.create_all(connection)
    connection.commit()
    created = _of(ours, connection)
    for word, lines in (("revisions", migrated - created), ("models", created - migrated)):
        for line in sorted(lines):
            run.report("differs", f"  only the {word} make: {line}", by=word)
    return len(migrated ^ created)


def _of(tables: Mapping[str, Table], connection: Connection) -> set[str]:
    """Return the lines about our tables; the options of a table only where its model has some."""
    found = set()
    for line in catalogue(connection):
        what, _, name = line.partition(": ")[0].partition(" of ")
        table = tables.get(name)
        if table is not None and (what != "options" or table.dialect_kwargs):
            found.add(line)
    return found


def _goer(scripts: ScriptDirectory, connection: Connection, url: str) -> Go:
    """Return what goes to a revision: one directory and one connection for all of them."""
    config = alembic_config(url)

    def go(direction: str, target: str) -> None:
        upward = direction == "up"
        work = scripts._upgrade_revs if upward else scripts._downgrade_revs  # noqa: SLF001
        with EnvironmentContext(config, scripts, fn=lambda now, _: work(target, now)) as context:
            context.configure(connection=connection, **guards.settings_of(connection))
            guards.adapted(context.get_context())
            try:
                with context.begin_transaction():
                    context.run_migrations()
            except DBAPIError as error:
                what = "upgrade" if upward else "downgrade"
                raise MigrationFailed(f"the {what} to {target} fails: {error.orig}") from error
        connection.commit()

    return go
