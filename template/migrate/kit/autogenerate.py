"""What autogenerate compares and writes: the truth on every database, and nothing of others."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.plugins import Plugin
from alembic.script import ScriptDirectory
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Connection,
    DefaultClause,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    inspect,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.types import TypeEngine

from migrate import guards
from migrate.engine import make_engine
from migrate.kit import enums, revision_draft
from migrate.kit.statements import MYSQL, OWN_TABLES

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.config import Config
    from alembic.operations.ops import AlterColumnOp, UpgradeOps
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Column

PLUGIN = "migrate.truth"
NOW = re.compile(r"\b(now|current_timestamp|localtimestamp)\b(\(\d*\))?", re.IGNORECASE)
# Bytes that a TINYBLOB or MEDIUMTEXT of MySQL can hold, by the begin of its name; others 64 KiB.
CAPACITIES = {"TINY": 2**8, "MEDI": 2**24, "LONG": 2**32}


def settings_of(connection: Connection) -> dict[str, Any]:
    """Return how a context runs revisions, and compares the models with the database."""
    return guards.settings_of(connection) | {
        "compare_type": _compare_type,
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", PLUGIN],
        "process_revision_directives": revision_draft.process,
    }


def unmanaged_tables(url: str, metadata: MetaData) -> list[str]:
    """Return the tables that are others', or nobody's: ours are what `env.py` maps."""
    with make_engine(url).connect() as connection:
        stored = set(inspect(connection).get_table_names())
    mapped = metadata.tables.items()
    ours = {name for name, table in mapped if table.info.get("managed", True)}
    return sorted(stored - ours - set(OWN_TABLES))


def unseen(metadata: MetaData) -> dict[str, int]:
    """Count what models have whose changes autogenerate does not see (docs/migrations.md §1)."""
    found: Counter[str] = Counter()
    for table in [one for one in metadata.tables.values() if one.info.get("managed", True)]:
        found["computed columns"] += sum(one.computed is not None for one in table.columns)
        found["identities"] += sum(one.identity is not None for one in table.columns)
        found["checks"] += sum(
            isinstance(one, CheckConstraint) and not getattr(one, "_type_bound", False)
            for one in table.constraints
        )
        found["exclusions"] += sum(isinstance(one, ExcludeConstraint) for one in table.constraints)
        found["indexes with options"] += sum(bool(one.dialect_kwargs) for one in table.indexes)
    return {what: number for what, number in found.items() if number}


def models_of(config: Config) -> MetaData:
    """Return what `env.py` maps."""
    found: list[MetaData] = []

    def retrieve_migrations(_: object, context: MigrationContext) -> list[RevisionStep]:
        found.append(context.opts["target_metadata"])
        return []

    # By this name `runner.online` knows that the models are asked for, as by Alembic's commands.
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, scripts, fn=retrieve_migrations):
        scripts.run_env()
    return found[0]


def _compare_type(
    context: MigrationContext,
    _stored_column: Column[Any],
    _mapped_column: Column[Any],
    stored: TypeEngine[Any],
    mapped: TypeEngine[Any],
) -> bool | None:
    """See what Alembic does not of MySQL's types; None leaves it to Alembic."""
    if context.dialect.name not in MYSQL:
        return None
    ours = mapped._unwrapped_dialect_impl(context.dialect)  # noqa: SLF001
    length = getattr(ours, "length", None)
    if length and isinstance(ours, LargeBinary | Text):
        # Of BLOB(16) the server makes the smallest type that holds as much, under its own name.
        return int(length) > CAPACITIES.get(type(stored).__name__[:4], 2**16)
    numbers = ("fsp", "unsigned")
    if [getattr(ours, one, None) or 0 for one in numbers] != [
        getattr(stored, one, None) or 0 for one in numbers
    ]:
        return True
    return None


def plain_default(sql: str) -> str:
    """Return what a server default means, however a database repeats it."""
    value = sql.strip()
    while value.startswith("(") and value.endswith(")"):
        value = value[1:-1].strip()
    value = re.sub(r"::[\w\s\[\]\"().]+$", "", value)
    value = re.sub(r"\b_utf8mb4(?=\\?')", "", value)  # MySQL says so of texts in an expression
    if value[:1] in ("'", '"') and value[-1:] == value[:1]:
        return value[1:-1].replace("\\'", "'").replace("''", "'")
    return NOW.sub("now()", value)


def _as_number(value: str, type_: TypeEngine[object]) -> str:
    if isinstance(type_, Boolean):
        value = {"true": "1", "false": "0"}.get(value.lower(), value)
    if isinstance(type_, Numeric | Float | Integer | Boolean):
        with suppress(ValueError):
            return repr(float(value))
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
    value = default.arg
    if not isinstance(value, str):  # SQL; a text of Python's is a value as it stands
        literal = {"literal_binds": True}
        value = plain_default(str(value.compile(dialect=context.dialect, compile_kwargs=literal)))
    return _as_number(value, column.type)


def _compare_our_schemas(
    context: AutogenContext, _: UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    """Look into every schema in which our models have tables; Alembic knows the default alone."""
    default = context.dialect.default_schema_name if context.dialect else None
    tables = context.metadata.tables.values() if isinstance(context.metadata, MetaData) else ()
    schemas.update({table.schema for table in tables} - {default})
    return PriorityDispatchResult.CONTINUE


def setup(plugin: Plugin) -> None:
    """Add the comparators to Alembic's own; called by Alembic."""
    plugin.add_autogenerate_comparator(
        _compare_server_default, "column", "server_default", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(enums.compare_checks, "table", "enums")
    plugin.add_autogenerate_comparator(
        _compare_our_schemas, "schema", "schemas", priority=DispatchPriority.FIRST
    )
    plugin.add_autogenerate_comparator(
        enums.prepare_types, "schema", "enums", priority=DispatchPriority.FIRST
    )


Plugin.setup_plugin_from_module(sys.modules[__name__], PLUGIN)
