"""Lint: what revisions do that locks, loses or surprises, told before they are run.

A line's finding is waived by a comment on it that gives the reason: `# migrate: allow M20 unused
since 2.3`. What the revisions read have created is empty, and exempt.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from sqlglot import exp

from migrate.graph import Revision
from migrate.kit.lint_rules import RULES, Act, acts
from migrate.kit.offline import Reading, Source, Statement
from migrate.kit.operations import describe, key_of
from migrate.kit.statements import MYSQL

LOSES_DATA = "M20"
# What is about locks, of which SQLite has one; and what is lost without a word, or fails.
LOCKS = frozenset({"M10", "M23", "M24", "M27", "M30", "M32", "M33", "M34"})
HARMS = frozenset({"M01", "M03", "M05", "M21", "M22", "M25", "M31"})
WAIVER = re.compile(r"#\s*migrate:\s*allow\s+(M\d\d)\b[:\s]*(.*)")
ENDS = frozenset({"commit", "rollback"})
CHANGES_BY_CALL = frozenset({"uuid1", "uuid4", "utcnow", "today", "random", "token_hex"})
DATA = exp.Insert | exp.Update | exp.Delete | exp.Merge


@dataclass(frozen=True)
class Finding:
    """One thing that a reader should know; the table it is about, if there is one."""

    code: str
    line: int
    text: str
    table: str = ""


@dataclass
class Lint:
    """What reads revisions one after another, in the order in which they would run."""

    dialect: str
    created: set[str] = field(default_factory=set)

    def findings(self, source: Source) -> list[Finding]:
        """Return everything that is not waived, in the order of the lines."""
        up = source.upgrade
        found = [*_of_source(ast.parse(source.text)), *_of_functions(source.module)]
        if up.problem:
            found.append(Finding("M00", 0, f"upgrade() cannot be read in full: {up.problem}"))
        found += [one for each in up.statements for one in self._of_statement(each)]
        found += self._of_the_whole(up.statements, source.downgrade)
        lines = source.text.splitlines()
        kept = [one for one in dict.fromkeys(found) if not _is_waived(one, lines)]
        kept += _bare_waivers(lines)
        return sorted(kept, key=lambda one: (one.line, one.code))

    def all_of(self, sources: Mapping[Revision, Source]) -> Iterator[tuple[Revision, Finding]]:
        """Yield what is found in revisions, each with its finding."""
        for revision, source in sources.items():
            yield from ((revision, one) for one in self.findings(source))

    def _of_statement(self, statement: Statement) -> Iterator[Finding]:
        for act in acts(statement, self.dialect):
            table = _table(act)
            for code, rule in RULES.items():
                exempt = table.lower() in self.created and code not in ("M01", "M31")
                if not exempt and (text := rule(act)):
                    yield Finding(code, statement.line, text, table)
            if isinstance(act.tree, exp.Create) and act.tree.args.get("kind") == "TABLE":
                self.created.add(act.table.lower())

    def _is_new(self, statement: Statement) -> bool:
        return any(_table(one).lower() in self.created for one in acts(statement, self.dialect))

    def _of_the_whole(self, up: Sequence[Statement], down: Reading) -> Iterator[Finding]:
        changes = [one for one in up if _changes_tables(one)]
        data = [one for one in up if _changes_data(one) and not self._is_new(one)]
        if changes and data:
            text = "changes tables and data: make two revisions of it"
            yield Finding("M11", data[0].line, text)
        old = [one for one in changes if not self._is_new(one)]
        if self.dialect in MYSQL and len(old) > 1:
            text = f"{len(old)} statements of DDL, which MySQL cannot take back together"
            yield Finding("M40", old[1].line, text)
        if changes and not down.statements and not down.problem:
            text = "downgrade() does nothing: undo it, or raise there"
            yield Finding("M52", changes[0].line, text)
        elif down.statements and not down.problem:
            yield from _not_undone(changes, down.statements)


def dropped(statements: Iterable[Statement], dialect: str) -> Iterator[tuple[str, str | None, int]]:
    """Yield the (table, column, line) whose data the statements drop; of a table, no column."""
    for statement in statements:
        for act in acts(statement, dialect):
            if isinstance(act.action, exp.Drop) and act.action.args.get("kind") == "COLUMN":
                for column in act.action.args["tables"]:
                    yield act.table, column.name, statement.line
            elif isinstance(act.action, exp.Drop) and act.action.args.get("kind") == "TABLE":
                for table in act.action.args["tables"]:
                    yield table.name, None, statement.line
            elif isinstance(act.tree, exp.TruncateTable):
                yield act.table, None, statement.line


def waived_lines(source: str, code: str) -> set[int]:
    """Return the lines of a file on which a rule is waived, with a reason."""
    found = enumerate(map(WAIVER.search, source.splitlines()), 1)
    return {number for number, one in found if one and one[1] == code and one[2].strip()}


def _table(act: Act) -> str:
    """Return the table that is meant: an index of PostgreSQL does not say whose it is."""
    operation = act.statement.operation
    named = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    return str(named or act.table)


def _changes_tables(statement: Statement) -> bool:
    kinds = exp.Alter | exp.Create | exp.Drop | exp.TruncateTable
    return any(isinstance(tree, kinds) for tree in statement.trees)


def _changes_data(statement: Statement) -> bool:
    return any(isinstance(tree, DATA) for tree in statement.trees)


def _not_undone(changes: Sequence[Statement], down: Sequence[Statement]) -> Iterator[Finding]:
    undone = {key_of(one.operation) for one in down if one.operation}
    gone = {key[1:3] for key in undone if key[0] == "table"}
    for one in changes:
        key = key_of(one.operation) if one.operation else ("other",)
        if key not in undone and key[1:3] not in gone and key[0] != "other" and one.operation:
            text = f"downgrade() does not undo {describe(one.operation)}"
            yield Finding("M50", one.line, text)


def _is_waived(finding: Finding, lines: Sequence[str]) -> bool:
    line = lines[finding.line - 1] if finding.line else ""
    found = WAIVER.search(line)
    return found is not None and found[1] == finding.code and bool(found[2].strip())


def _bare_waivers(lines: Sequence[str]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        found = WAIVER.search(line)
        if found and not found[2].strip():
            yield Finding("M99", number, f"the waiver of {found[1]} gives no reason")


def _of_functions(module: ModuleType) -> Iterator[Finding]:
    function = module.upgrade
    kinds = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    if any(is_kind(function) for is_kind in kinds):
        line = function.__code__.co_firstlineno
        text = "upgrade() yields or awaits: called as it is, nothing of it runs"
        yield Finding("M05", line, text)


def _of_source(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names = own or [one.name for one in node.names]
            if any(name.partition(".")[0] == "app" for name in names):
                text = "imports the app, which moves on: copy what is needed"
                yield Finding("M02", node.lineno, text)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _of_call(node, node.func)


def _of_call(node: ast.Call, called: ast.Attribute) -> Iterator[Finding]:
    name, of = called.attr, getattr(called.value, "id", getattr(called.value, "attr", ""))
    if name in ENDS:
        yield Finding("M01", node.lineno, f"{name}() ends the revision's transaction: remove it")
    elif name == "create_engine":
        text = "a second connection waits for this one's locks: op.get_bind()"
        yield Finding("M03", node.lineno, text)
    elif name in CHANGES_BY_CALL or (name == "now" and of in ("datetime", "date", "time")):
        text = f"{name}() differs at every run: let the database make the value"
        yield Finding("M04", node.lineno, text)
