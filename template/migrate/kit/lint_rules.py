"""The rules of lint that read SQL: each returns what is dangerous about a statement, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alembic.operations import ops
from sqlalchemy import String
from sqlglot import exp
from sqlglot.expressions import Expression
from sqlglot.optimizer.simplify import simplify

from migrate.kit.offline import Statement
from migrate.kit.statements import MYSQL

# Of a text so long, MySQL writes the length in one byte: 255 bytes, in characters of four.
ONE_BYTE = 64
# Functions whose value is one and the same for all rows of a statement.
STABLE = frozenset({"now", "transaction_timestamp", "statement_timestamp", "current_setting"})
VOLATILE = exp.Uuid | exp.Rand | exp.Randn | exp.NextValueFor
COMMANDS = {
    "VACUUM": "FULL",
    "LOCK": "",
    "LOCK TABLES": "",
    "REINDEX": "",
    "REFRESH": "MATERIALIZED",
}


@dataclass(frozen=True)
class Act:
    """One thing that a statement does: a whole statement, or one action of an ALTER TABLE."""

    dialect: str
    statement: Statement
    tree: Expression
    action: Expression
    table: str

    @property
    def constraints(self) -> list[Expression]:
        """What a column that is added says of itself."""
        if not isinstance(self.action, exp.ColumnDef):
            return []
        return [one.args["kind"] for one in self.action.args.get("constraints") or ()]

    @property
    def added(self) -> Expression | None:
        """The constraint that is added to a table, whether it has a name or not."""
        if not isinstance(self.action, exp.AddConstraint):
            return None
        first: Expression = self.action.expressions[0]
        if isinstance(first, exp.Constraint):
            first = first.expressions[0]
        return first

    def has(self, kind: type[Expression]) -> bool:
        """Say whether the added column has such a constraint."""
        return any(isinstance(one, kind) for one in self.constraints)


Rule = Callable[[Act], str | None]


def acts(statement: Statement, dialect: str) -> Iterator[Act]:
    """Yield what the statement does, one by one."""
    for tree in statement.trees:
        table = tree.find(exp.Table)
        name = table.name if table is not None else ""
        actions = tree.args.get("actions") if isinstance(tree, exp.Alter) else None
        for action in actions or [tree]:
            yield Act(dialect, statement, tree, action, name)


def _ends_transaction(act: Act) -> str | None:
    ends = isinstance(act.tree, exp.Commit | exp.Rollback | exp.Transaction)
    if ends or act.statement.sql.lower().startswith("prepare transaction"):
        return "ends the revision's transaction: remove it"
    return None


def _whole_table(act: Act) -> str | None:
    if not isinstance(act.tree, exp.Update | exp.Delete):
        return None
    where = act.tree.args.get("where")
    if where is None or simplify(where.this.copy()) == exp.true():
        text = "changes every row in one transaction"
        return f"{text}: `python -m migrate backfill` does it in batches"
    return None


def _loses_data(act: Act) -> str | None:
    what, kind = None, str(act.action.args.get("kind") or "")
    if isinstance(act.action, exp.Drop) and kind in ("TABLE", "SCHEMA", "DATABASE", "COLUMN"):
        names = ", ".join(one.name or str(one) for one in act.action.args["tables"])
        what = f"{kind.lower()} {names}"
        what += f" of {act.table}" if kind == "COLUMN" else ""
    elif isinstance(act.tree, exp.TruncateTable):
        what = f"TRUNCATE {act.table}"
    return f"{what} loses its data: only after a release that does not use it" if what else None


def _renames(act: Act) -> str | None:
    table = isinstance(act.action, exp.AlterRename) and act.tree.args.get("kind") == "TABLE"
    column = isinstance(act.action, exp.RenameColumn) or _other_name(act.action)
    command = isinstance(act.tree, exp.Command) and act.tree.name.upper() == "RENAME"
    if table or column or command:
        text = "a rename breaks the code that runs meanwhile"
        return f"{text}: add, copy, and drop in a later release"
    return None


def _other_name(action: Expression) -> bool:
    old = action.args.get("rename_from")
    return old is not None and old.name != action.this.name


def _not_null(act: Act) -> str | None:
    filled = (
        exp.DefaultColumnConstraint,
        exp.ComputedColumnConstraint,
        exp.GeneratedAsIdentityColumnConstraint,
        exp.AutoIncrementColumnConstraint,
    )
    required = any(
        isinstance(one, exp.NotNullColumnConstraint) and not one.args.get("allow_null")
        for one in act.constraints
    )
    if required and not any(map(act.has, filled)) and not _is_serial(act):
        return f"NOT NULL {act.action.name} without a server_default fails where there are rows"
    return None


def _is_serial(act: Act) -> bool:
    kind = act.action.args.get("kind") if isinstance(act.action, exp.ColumnDef) else None
    return kind is not None and "SERIAL" in kind.sql().upper()


def _sets_not_null(act: Act) -> str | None:
    action = act.action
    told = {"dtype", "default", "comment", "drop", "visible", "rename_to"}
    if isinstance(action, exp.AlterColumn) and not any(action.args.get(one) for one in told):
        return "SET NOT NULL reads the whole table under a lock: fill it by a backfill before"
    return None


def _changes_type(act: Act) -> str | None:
    changes = isinstance(act.action, exp.AlterColumn) and act.action.args.get("dtype")
    if not (changes or isinstance(act.action, exp.ModifyColumn)) or _only_widens(act):
        return None
    return "a change of type may rewrite the whole table under a lock"


def _only_widens(act: Act) -> bool:
    """Say whether a text may only be longer than before: that changes no row."""
    change = act.statement.operation
    if not isinstance(change, ops.AlterColumnOp):
        return False
    before, after = change.existing_type, change.modify_type
    if after is None:
        return not (act.dialect in MYSQL and change.modify_nullable is not None)
    if not isinstance(before, String) or not isinstance(after, String):
        return False
    least, most = before.length, after.length
    if act.dialect in MYSQL:
        if least is None or most is None or least > most:
            return False
        return most < ONE_BYTE or least >= ONE_BYTE
    return most is None or (least is not None and least <= most)


def _forgets_on_mysql(act: Act) -> str | None:
    change = act.statement.operation
    if isinstance(change, ops.AlterColumnOp) and act.dialect in MYSQL:
        if change.existing_type is None and change.modify_type is None:
            return "MySQL's MODIFY needs existing_type"
        if change.existing_nullable is None and change.modify_nullable is None:
            return "MySQL's MODIFY makes the column nullable without existing_nullable"
    return None


def _unnamed(act: Act) -> str | None:
    unnamed = act.added is not None and act.added is act.action.expressions[0]
    if unnamed and not isinstance(act.added, exp.PrimaryKey):
        return "without a name it cannot be dropped"
    return None


def _rewrites(act: Act) -> str | None:
    generated = act.has(exp.ComputedColumnConstraint) and "VIRTUAL" not in act.statement.sql.upper()
    identity = act.has(exp.GeneratedAsIdentityColumnConstraint) or _is_serial(act)
    defaults = [one for one in act.constraints if isinstance(one, exp.DefaultColumnConstraint)]
    if act.dialect != "sqlite" and (generated or identity or any(map(_is_volatile, defaults))):
        return (
            "computes a value for every row under a lock: add it empty, and fill it by a backfill"
        )
    return None


def _is_volatile(default: Expression) -> bool:
    return any(
        isinstance(one, VOLATILE)
        or (isinstance(one, exp.Anonymous) and one.name.lower() not in STABLE)
        for one in default.walk()
    )


def _json(act: Act) -> str | None:
    kind = act.action.args.get("kind") if isinstance(act.action, exp.ColumnDef) else None
    if act.dialect == "postgresql" and isinstance(kind, exp.DataType) and kind.sql() == "JSON":
        return "json cannot be compared (DISTINCT, GROUP BY fail): jsonb"
    return None


def _index_blocks(act: Act) -> str | None:
    about = isinstance(act.tree, exp.Create | exp.Drop) and act.tree.args.get("kind") == "INDEX"
    if act.dialect != "postgresql" or not about or act.tree.args.get("concurrently"):
        return None
    what = (
        "CREATE INDEX blocks writers" if isinstance(act.tree, exp.Create) else "DROP INDEX blocks"
    )
    return f"{what}: postgresql_concurrently=True in an autocommit_block()"


def _index_in_transaction(act: Act) -> str | None:
    if act.tree.args.get("concurrently") and not act.statement.autocommit:
        return "CONCURRENTLY needs an autocommit_block()"
    return None


def _checks_every_row(act: Act) -> str | None:
    checked = isinstance(act.added, exp.ForeignKey | exp.CheckColumnConstraint)
    if act.dialect == "sqlite" or not (checked or act.has(exp.Reference)):
        return None
    if act.dialect in MYSQL:
        return "checks every row, and copies the table for it" if checked else None
    if act.tree.args.get("not_valid"):
        return None
    return "checks every row under a lock: postgresql_not_valid=True, VALIDATE later"


def _builds_index(act: Act) -> str | None:
    kinds = exp.PrimaryKey | exp.UniqueColumnConstraint | exp.ExcludeColumnConstraint
    built = isinstance(act.added, kinds) or act.has(exp.UniqueColumnConstraint)
    if act.dialect == "postgresql" and (built or act.has(exp.PrimaryKeyColumnConstraint)):
        return "builds its index under a lock: first an index CONCURRENTLY, then USING INDEX"
    return None


def _locks_table(act: Act) -> str | None:
    sql = " ".join(act.statement.sql.upper().split())
    if isinstance(act.tree, exp.Command):
        word = act.tree.name.upper()
        needs = COMMANDS.get(word)
        if needs is not None and needs in sql and "CONCURRENTLY" not in sql:
            return f"{word} locks the whole table: nothing that a revision should do"
    moved = isinstance(act.action, exp.AlterSet) and act.action.args.keys() & {
        "tablespace",
        "option",
    }
    copied = act.dialect in MYSQL and sql.startswith("ALTER")
    copied = copied and (" CONVERT TO " in sql or " ENGINE" in sql)
    if moved or copied or sql.startswith("CLUSTER"):
        return "copies the whole table under a lock"
    return None


# About what a statement does, and so not about a table that the revisions have just created.
RULES: dict[str, Rule] = {
    "M01": _ends_transaction,
    "M10": _whole_table,
    "M20": _loses_data,
    "M21": _renames,
    "M22": _not_null,
    "M23": _sets_not_null,
    "M24": _changes_type,
    "M25": _forgets_on_mysql,
    "M26": _unnamed,
    "M27": _rewrites,
    "M28": _json,
    "M30": _index_blocks,
    "M31": _index_in_transaction,
    "M32": _checks_every_row,
    "M33": _builds_index,
    "M34": _locks_table,
}
