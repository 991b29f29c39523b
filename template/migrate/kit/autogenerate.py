"""What autogenerate compares and writes: the truth on every database, and nothing of others."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.plugins import Plugin
from alembic.script import ScriptDirectory
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import (
    Boolean,
    Connection,
    DefaultClause,
    Float,
    Integer,
    MetaData,
    Numeric,
    inspect,
)
from sqlalchemy.types import TypeEngine

from migrate import guards
from migrate.kit import enums, revision_draft
from migrate.kit.statements import OWN_TABLES

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.config import Config
    from alembic.operations.ops import AlterColumnOp
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Column

PLUGIN = "migrate.truth"


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return how a context runs revisions, and compares the models with the database."""
    return guards.settings_of(connection) | {
        "compare_type": True,
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", PLUGIN],
        "process_revision_directives": revision_draft.process,
    }


def unmanaged_tables(config: Config) -> list[str]:
    """Return the tables that are others', or nobody's: ours are what `env.py` maps."""
    found: set[str] = set()

    def retrieve_migrations(_: object, context: MigrationContext) -> list[RevisionStep]:
        mapped: MetaData = context.opts["target_metadata"]
        ours = {name for name, table in mapped.tables.items() if table.info.get("managed", True)}
        assert context.connection is not None  # noqa: S101 - it runs online
        found.update(set(inspect(context.connection).get_table_names()) - ours - set(OWN_TABLES))
        return []

    # By this name `runner.online` knows that the models are asked for, as by Alembic's commands.
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, scripts, fn=retrieve_migrations):
        scripts.run_env()
    return sorted(found)


def plain_default(text: str | None, type_: TypeEngine[object]) -> str | None:
    """Return what a server default means, however a database repeats it."""
    if text is None:
        return None
    value = text.strip()
    while value.startswith("(") and value.endswith(")"):
        value = value[1:-1].strip()
    value = re.sub(r"::[\w\s\[\]\"().]+$", "", value)
    value = re.sub(r"\b_utf8mb4(?=')", "", value)  # MySQL says so of every text in an expression
    if re.fullmatch(r"(now|current_timestamp|localtimestamp)(\(\d*\))?", value, re.IGNORECASE):
        return "now"
    if value[:1] in ("'", '"') and value[-1:] == value[:1]:
        value = value[1:-1].replace("\\'", "'")
    value = value.replace("''", "'")
    if isinstance(type_, Boolean):
        value = {"true": "1", "false": "0"}.get(value.lower(), value)
    if isinstance(type_, Numeric | Float | Integer | Boolean):
        try:
            return repr(float(value))
        except ValueError:
            return value
    return value


def _compare_server_default(
    context: AutogenContext,
    change: AlterColumnOp,
    _schema: str | None,
    _table: str,
    _name: str,
    stored: Column[Any],
    mapped: Column[Any],
) -> PriorityDispatchResult:
    """Compare what the defaults mean: what a database repeats is not what it was told."""
    ours, theirs = mapped.server_default, stored.server_default
    for default in (ours, theirs):
        if default is not None and not isinstance(default, DefaultClause):
            return PriorityDispatchResult.CONTINUE  # computed, identity: Alembic's own comparators
    if ours is None and theirs is None:
        return PriorityDispatchResult.CONTINUE
    change.existing_server_default = theirs
    if _plain(ours, mapped, context) != _plain(theirs, mapped, context):
        change.modify_server_default = ours
    return PriorityDispatchResult.STOP


def _plain(default: object, column: Column[Any], context: AutogenContext) -> str | None:
    if not isinstance(default, DefaultClause):
        return None
    text = default.arg
    if not isinstance(text, str):
        literal = {"literal_binds": True}
        text = str(text.compile(dialect=context.dialect, compile_kwargs=literal))
    return plain_default(text, column.type)


def setup(plugin: Plugin) -> None:
    """Add the comparators to Alembic's own; called by Alembic."""
    plugin.add_autogenerate_comparator(
        _compare_server_default, "column", "server_default", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(enums.compare, "table", "enums")


Plugin.setup_plugin_from_module(sys.modules[__name__], PLUGIN)
