"""Lint: what a revision does that locks, loses or surprises, told before it is run.

A line's finding is waived by a comment on it that gives the reason: `# migrate: allow M20 unused
since 2.3`. What the same revision has created is empty, and exempt.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from alembic.operations import ops

from migrate.kit.dry_run import FUNCTIONS, NotReadable, Step, capture
from migrate.kit.operations import describe, key_of
from migrate.kit.statements import MYSQL, Kind, kind_of

LOSES_DATA = "M20"
WAIVER = re.compile(r"#\s*migrate:\s*allow\s+(M\d\d)\b[:\s]*(.*)")
ENDS = frozenset({"commit", "rollback"})
CHANGES_BY_CALL = frozenset({"uuid1", "uuid4", "now", "utcnow", "today", "random", "token_hex"})
DATA = re.compile(r"\s*(insert|update|delete|replace|merge)\b", re.IGNORECASE)
TRIGGER = re.compile(r"\bcreate\s+trigger\b.*?\bon\s+[\"`\[]?(\w+)", re.IGNORECASE | re.DOTALL)
WHOLE_TABLE = re.compile(r"\s*(update|delete)\b(?!.*\bwhere\b)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One thing that a reader should know."""

    code: str
    line: int
    text: str


@dataclass(frozen=True)
class Read:
    """A revision as lint sees it: what it does on one kind of database."""

    dialect: str
    up: Sequence[Step]
    down: Sequence[Step]
    created: frozenset[object]
    # Tables on which any revision has made a trigger.
    triggered: frozenset[str]

    def is_new(self, step: Step) -> bool:
        """Say whether the step is about a table that the same revision has created."""
        return key_of(step.operation)[2:3] != () and _table(step) in self.created


Rule = Callable[[Read, Step], str | None]


def findings(module: ModuleType, source: str, dialect: str) -> list[Finding]:
    """Return everything that is not waived, in the order of the lines."""
    found = list(_of_source(ast.parse(source)))
    try:
        read = _read(module, dialect)
        found += _of_operations(read)
    except NotReadable as error:
        found.append(Finding("M00", 0, str(error)))
    lines = source.splitlines()
    kept = [one for one in found if not _is_waived(one, lines)]
    return sorted(kept + list(_bare_waivers(lines)), key=lambda one: (one.line, one.code))


def _read(module: ModuleType, dialect: str) -> Read:
    up, down = (capture(module, direction, dialect) for direction in FUNCTIONS)
    created = {_table(one) for one in up if isinstance(one.operation, ops.CreateTableOp)}
    sources = (path.read_text("utf-8") for path in Path(str(module.__file__)).parent.glob("*.py"))
    triggered = {table for source in sources for table in TRIGGER.findall(source)}
    return Read(dialect, up, down, frozenset(created), frozenset(triggered))


def _table(step: Step) -> object:
    operation = step.operation
    return getattr(operation, "table_name", None) or getattr(operation, "source_table", None)


def waived_lines(path: str, code: str) -> set[int]:
    """Return the lines of a file on which a rule is waived, with a reason."""
    found = enumerate(map(WAIVER.search, Path(path).read_text("utf-8").splitlines()), 1)
    return {number for number, one in found if one and one[1] == code and one[2].strip()}


def _is_waived(finding: Finding, lines: Sequence[str]) -> bool:
    line = lines[finding.line - 1] if finding.line else ""
    found = WAIVER.search(line)
    return found is not None and found[1] == finding.code and bool(found[2].strip())


def _bare_waivers(lines: Sequence[str]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        found = WAIVER.search(line)
        if found and not found[2].strip():
            yield Finding("M99", number, f"the waiver of {found[1]} gives no reason")


def _of_source(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
            )
            if any(name.partition(".")[0] == "app" for name in names):
                yield Finding(
                    "M02", node.lineno, "imports the app, which moves on: copy what is needed"
                )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _of_call(node, node.func.attr)


def _of_call(node: ast.Call, name: str) -> Iterator[Finding]:
    if name in ENDS:
        yield Finding("M01", node.lineno, f"{name}() ends the revision's transaction: remove it")
    elif name == "create_engine":
        yield Finding(
            "M03", node.lineno, "a second connection waits for this one's locks: op.get_bind()"
        )
    elif name in CHANGES_BY_CALL:
        text = (
            f"{name}() differs at every run, and no interrupted run could go on: let the database"
        )
        yield Finding("M04", node.lineno, f"{text} make the value")


def _of_operations(read: Read) -> Iterator[Finding]:
    for step in read.up:
        for code, rule in RULES.items():
            if text := rule(read, step):
                yield Finding(code, step.line, text)
    yield from _of_the_whole(read)


def _of_the_whole(read: Read) -> Iterator[Finding]:
    changes = [one for one in read.up if not _sql(one)]
    data = [one for one in read.up if DATA.match(_sql(one)) and not read.is_new(one)]
    if changes and data:
        yield Finding("M11", data[0].line, "changes tables and data: make two revisions of it")
    if read.dialect in MYSQL and len(changes) > 1:
        text = f"{len(changes)} statements of DDL, which MySQL cannot take back together"
        yield Finding("M40", changes[1].line, text)
    if changes and not read.down:
        yield Finding("M52", changes[0].line, "downgrade() does nothing: undo it, or raise there")
        return
    undone = {key_of(one.operation) for one in read.down}
    gone = {key[1:3] for key in undone if key[0] == "table"}
    for step in changes:
        key = key_of(step.operation)
        if key not in undone and key[1:3] not in gone and key[0] != "other":
            yield Finding("M50", step.line, f"downgrade() does not undo {describe(step.operation)}")


def _sql(step: Step) -> str:
    if isinstance(step.operation, ops.BulkInsertOp):
        return "insert"
    return str(getattr(step.operation, "sqltext", ""))


def _loses_data(_: Read, step: Step) -> str | None:
    if isinstance(step.operation, ops.DropTableOp | ops.DropColumnOp):
        return (
            f"{describe(step.operation)} loses its data: only after a release that does not use it"
        )
    return None


def _renames(_: Read, step: Step) -> str | None:
    renames = isinstance(step.operation, ops.RenameTableOp)
    if renames or getattr(step.operation, "modify_name", None):
        return (
            "a rename breaks the code that runs meanwhile: add, copy, and drop in a later release"
        )
    return None


def _not_null(read: Read, step: Step) -> str | None:
    if isinstance(step.operation, ops.AddColumnOp) and not read.is_new(step):
        column = step.operation.column
        if not column.nullable and column.server_default is None:
            return f"NOT NULL {column.name} without a server_default fails where there are rows"
    return None


def _sets_not_null(_: Read, step: Step) -> str | None:
    if getattr(step.operation, "modify_nullable", None) is False:
        return "SET NOT NULL reads the whole table under a lock: fill it by a backfill before"
    return None


def _changes_type(_: Read, step: Step) -> str | None:
    if getattr(step.operation, "modify_type", None) is not None:
        return "a change of type may rewrite the whole table under a lock"
    return None


def _forgets_on_mysql(read: Read, step: Step) -> str | None:
    change = step.operation
    if isinstance(change, ops.AlterColumnOp) and read.dialect in MYSQL:
        if change.existing_type is None and change.modify_type is None:
            return "MySQL's MODIFY needs existing_type"
        if change.existing_nullable is None and change.modify_nullable is None:
            return "MySQL's MODIFY makes the column nullable without existing_nullable"
    return None


def _unnamed(_: Read, step: Step) -> str | None:
    names = ("constraint_name", "index_name")
    if any(getattr(step.operation, name, "") is None for name in names):
        return "without a name it cannot be dropped"
    return None


def _index_blocks(read: Read, step: Step) -> str | None:
    if _is_concurrent(read, step) is False and not read.is_new(step):
        return "CREATE INDEX blocks writers: postgresql_concurrently=True in an autocommit_block()"
    return None


def _index_in_transaction(read: Read, step: Step) -> str | None:
    if _is_concurrent(read, step) and not step.autocommit:
        return "CONCURRENTLY needs an autocommit_block()"
    return None


def _is_concurrent(read: Read, step: Step) -> bool | None:
    """Say how an index is made on PostgreSQL; None of everything else."""
    if not isinstance(step.operation, ops.CreateIndexOp) or read.dialect != "postgresql":
        return None
    return bool(step.operation.kw.get("postgresql_concurrently"))


def _loses_triggers(read: Read, step: Step) -> str | None:
    if read.dialect == "sqlite" and step.batch and _table(step) in read.triggered:
        return f"a batch recreates {_table(step)}, and its triggers are gone: create them again"
    return None


def _checks_every_row(read: Read, step: Step) -> str | None:
    kinds = ops.CreateForeignKeyOp | ops.CreateCheckConstraintOp
    if read.dialect == "postgresql" and isinstance(step.operation, kinds) and not read.is_new(step):
        options = getattr(step.operation, "kw", {})
        if not options.get("postgresql_not_valid"):
            return "checks every row under a lock: postgresql_not_valid=True, VALIDATE later"
    return None


def _whole_table(_: Read, step: Step) -> str | None:
    if WHOLE_TABLE.match(_sql(step)):
        return (
            "changes every row in one transaction: `python -m migrate backfill` does it in batches"
        )
    return None


def _ends_transaction(read: Read, step: Step) -> str | None:
    if _sql(step) and kind_of(_sql(step), read.dialect) is Kind.CONTROL:
        return "ends the revision's transaction: remove it"
    return None


RULES: dict[str, Rule] = {
    "M01": _ends_transaction,
    "M10": _whole_table,
    LOSES_DATA: _loses_data,
    "M21": _renames,
    "M22": _not_null,
    "M23": _sets_not_null,
    "M24": _changes_type,
    "M25": _forgets_on_mysql,
    "M26": _unnamed,
    "M30": _index_blocks,
    "M31": _index_in_transaction,
    "M32": _checks_every_row,
    "M41": _loses_triggers,
}


def losses(steps: Iterable[Step]) -> list[tuple[str, str | None]]:
    """Return the (table, column) whose data the steps drop; a whole table has no column."""
    found: list[tuple[str, str | None]] = []
    for step in steps:
        match step.operation:
            case ops.DropTableOp(table_name=table):
                found.append((str(table), None))
            case ops.DropColumnOp(table_name=table, column_name=column):
                found.append((str(table), str(column)))
    return found
