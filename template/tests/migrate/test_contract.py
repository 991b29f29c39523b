"""What the kit knows of Alembic's inside: this fails first when a new version is another."""

from __future__ import annotations

import inspect
import re

import alembic
import sqlalchemy as sa
from alembic import command
from alembic.operations.base import AbstractOperations, BatchOperations, Operations
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from packaging.version import Version

from app.settings import ROOT
from migrate import guards
from migrate.transaction import Watch, WatchedConnection, WatchedCursor


def test_the_version_is_one_that_was_tried() -> None:
    pinned = re.search(r'"alembic>=([\d.]+),<([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    oldest, newest = map(Version, pinned.groups())
    assert oldest <= Version(alembic.__version__) < newest
    assert newest.major == oldest.major


def test_work_is_known_by_its_name() -> None:
    source = inspect.getsource(command)
    for name in guards.READS | {"upgrade", "downgrade", "do_stamp", "do_ensure_version"}:
        assert f"def {name}(" in source, name
    assert f"def {guards.COMPARES}(" in inspect.getsource(command.check)


def test_a_context_tells_its_work_and_its_transaction() -> None:
    with sa.create_engine("sqlite://", poolclass=sa.NullPool).connect() as connection:
        options = {"fn": lambda _, __: [], "transaction_per_migration": True}
        context = MigrationContext.configure(connection, opts=options | {"transactional_ddl": True})
        assert vars(context)["_migrations_fn"] is options["fn"]
        assert vars(context)["_transaction"] is None
        with context.begin_transaction(_per_migration=True):
            assert vars(context)["_transaction"] is connection.get_transaction()


def test_a_step_runs_what_it_is_told() -> None:
    parameters = inspect.signature(RevisionStep.__init__).parameters
    assert list(parameters)[1:] == ["revision_map", "revision", "is_upgrade"]
    assert "self.migration_fn = " in inspect.getsource(RevisionStep.__init__)


def test_every_operation_passes_one_place() -> None:
    assert "invoke" in vars(AbstractOperations)
    assert not {"invoke"} & (vars(Operations).keys() | vars(BatchOperations).keys())
    assert "flush" in vars(BatchOperationsImpl)


def test_what_stands_for_the_connection_of_the_driver_is_used_by_everybody() -> None:
    connection = sa.create_engine("sqlite://", poolclass=sa.NullPool).connect()
    watch = Watch(connection)
    with connection, watch.wrapped():
        proxy = connection.connection
        assert isinstance(proxy.cursor(), WatchedCursor)
        assert isinstance(proxy.driver_connection, WatchedConnection)
        assert connection.exec_driver_sql("select 1").scalar() == 1
    assert not isinstance(proxy.driver_connection, WatchedConnection)


def test_a_directory_of_scripts_says_which_steps_lead_somewhere() -> None:
    for name in ("_upgrade_revs", "_downgrade_revs"):
        assert callable(getattr(ScriptDirectory, name))
