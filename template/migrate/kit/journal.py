"""The statement journal: which statements of a revision are done, as durable as themselves.

A row is written on the same connection as the statement it describes, and in the same transaction.
Where a statement commits by itself (DDL of MySQL, an index that PostgreSQL builds concurrently),
the row says `started` before and `done` after it; a crash in between is settled by looking at
what the statement changes. The rows of a revision go in the transaction that writes its version: a
journal with rows means that something is partly applied. Running the revision again goes on.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from alembic.operations.ops import MigrateOperation
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext

from migrate.engine import raw
from migrate.errors import MigrationUnsafe
from migrate.kit import statements
from migrate.kit.engine import Options, Progress, is_autocommit
from migrate.kit.journal_table import JOURNAL, Direction, Entry, entries, is_entry
from migrate.kit.operations import describe
from migrate.kit.statements import MYSQL, Kind

# In the place of a statement that is done already: it changes nothing, with any parameters.
NOTHING = f"DELETE FROM {JOURNAL.name} WHERE 1 = 0"  # noqa: S608
# Errors of MySQL and MariaDB for what is not there: table, trigger, routine, event.
ABSENT = frozenset({1146, 1360, 1305, 1539})
MYSQL_DEADLOCK = 1213


@dataclass
class Executed:
    """Operations that were run as one, and the number of the statement before their first."""

    operations: list[MigrateOperation]
    before: int
    complete: bool = False


class Stop(Exception):
    """A replay has come to the first statement that was not executed."""


class Journal:
    """Journals the statements of one revision after the other, on one connection."""

    def __init__(self, connection: Connection, options: Options) -> None:
        """Journal nothing before a revision begins."""
        self.connection = connection
        self.revision: str | None = None
        self.replaying = False
        self.number = 0
        self.known: dict[int, Entry] = {}
        self.executed: list[Executed] = []
        self.stopped_at: int | None = None
        # Raises when the revision has ended the transaction that it runs in.
        self.guard: Callable[[str], None] = lambda _: None
        self._options = options
        self._direction: Direction = "up"
        self._writing = False
        self._operation = ""
        self._entry: Entry | None = None
        self._skipped: Entry | None = None
        self._undone_by_server: str | None = None

    def attach(self, engine: Engine) -> None:
        """Journal what runs on the engine."""
        JOURNAL.create(engine, checkfirst=True)
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)

    def begin(self, revision: str, direction: Direction) -> None:
        """Journal what follows as statements of this revision."""
        self.revision, self._direction, self.number = revision, direction, 0
        self.executed, self.stopped_at, self._undone_by_server = [], None, None
        with self._own():
            known = entries(self.connection, revision)
        self.known = {entry.number: entry for entry in known if entry.direction == direction}

    def finish(self) -> None:
        """Forget the revision, in the transaction that writes its version."""
        if left := [entry for number, entry in self.known.items() if number > self.number]:
            raise MigrationUnsafe(
                f"revision {self.revision}: statement {left[0].number} was executed, but the file "
                f"no longer has it:\n    {left[0].statement}\n"
                "Put it back, then run the command again."
            )
        if self._undone_by_server is not None:
            raise MigrationUnsafe(
                f"revision {self.revision} went on after a deadlock, with which the server undid "
                f"what came before: {self._undone_by_server}. Catch no database error there."
            )
        with self._own():
            self.connection.execute(JOURNAL.delete().where(JOURNAL.c.revision == self.revision))
        self.revision = None

    @contextmanager
    def within(self, group: list[MigrateOperation]) -> Iterator[None]:
        """Name the operations that the next statements belong to."""
        outer, self._operation = self._operation, ", ".join(map(describe, group))[:200]
        executed = Executed(group, self.number)
        self.executed.append(executed)
        try:
            yield
            executed.complete = True
        finally:
            self._operation = outer

    def _before(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        sql: str,
        parameters: object,
        _context: ExecutionContext | None,
        _many: bool,
    ) -> tuple[str, object]:
        if self._writing:
            return sql, parameters
        self._entry = self._skipped = None
        if self.revision is None or statements.is_own(sql):
            return sql, parameters
        kind = self._kind(sql)
        if kind is Kind.READ:
            return sql, parameters
        if kind is Kind.CONTROL:
            raise self._would_end(sql)
        if not is_autocommit(self.connection):
            self.guard(self.revision)
        self.number += 1
        entry = self._described(sql, parameters)
        if self._is_done(entry):
            self._skipped = self.known[self.number]
            self._tell("skipped", sql)
            return NOTHING, {} if isinstance(parameters, dict) else ()
        if self.replaying:
            self.stopped_at = self._line()
            raise Stop
        self._tell("running", sql)
        self._prepare(entry, kind)
        return self._online(sql), parameters

    def _after(
        self,
        _connection: Connection,
        cursor: DBAPICursor,
        sql: str,
        _parameters: object,
        context: ExecutionContext | None,
        _many: bool,
    ) -> None:
        if self._writing:
            return
        if self._skipped is not None:
            # A loop that goes on while rows are changed must go on as it did.
            if isinstance(context, DefaultExecutionContext):
                context._rowcount = self._skipped.row_count  # noqa: SLF001 - it has no setter
            return
        if self._entry is None:
            return
        entry, self._entry, kind = self._entry, None, self._kind(sql)
        done = replace(entry, state="done", row_count=max(0, cursor.rowcount))
        if kind is Kind.TOGETHER:
            self._write(done)
        else:
            self._mark(done)
        self._commit(kind)

    def _failed(self, context: ExceptionContext) -> None:
        entry, self._entry = self._entry, None
        if self._writing or entry is None:
            return
        self._tell("failed", str(context.original_exception))
        if getattr(context.original_exception, "args", (0,))[:1] == (MYSQL_DEADLOCK,):
            self._undone_by_server = entry.statement
        if context.is_disconnect:
            return  # whether it was executed is settled by the next run
        if self._kind(entry.statement) is Kind.APART:
            # DDL that fails has changed nothing: it is atomic in every server we support.
            self._forget(entry)
        elif is_autocommit(self.connection):
            raw(self.connection, "ROLLBACK")

    def _is_done(self, entry: Entry) -> bool:
        known = self.known.get(entry.number)
        if known is None:
            return False
        if known.digest != entry.digest:
            raise MigrationUnsafe(
                f"revision {self.revision}: statement {known.number} was already {known.state} as\n"
                f"    {known.statement}\nbut the file now says\n    {entry.statement}\n"
                "Only what comes after it may be edited. Put it back, then run the command again."
            )
        return known.state == "done" or self._settled(known)

    def _settled(self, started: Entry) -> bool:
        """Find out whether a statement was executed whose process died during it."""
        verdict = self._looks_executed(started)
        if verdict is None:
            resolve = f"python -m migrate resolve {started.revision} {started.number}"
            raise MigrationUnsafe(
                f"revision {started.revision}: the process ended during statement "
                f"{started.number}, and nothing tells whether it was executed:\n"
                f"    {started.statement}\n"
                f"Look at the database, then say `{resolve} --done` or `--not-done`."
            )
        self._tell("executed" if verdict else "not executed", started.statement)
        if verdict:
            self.known[started.number] = done = replace(started, state="done")
            self._mark(done)
            self._commit(Kind.APART)
        else:
            self._forget(started)
        return verdict

    def _looks_executed(self, started: Entry) -> bool | None:
        with self._own():
            if index := statements.concurrent_index(started.statement):
                state = self._index_state(index[1])
                return state == ("valid" if index[0] == "create" else "absent")
            if re.match(r"\s*(vacuum|reindex)\b", started.statement, re.IGNORECASE):
                return False  # once more does no harm
            now = self._fingerprint(started.statement)
        return None if now is None or started.before is None else now != started.before

    def _prepare(self, entry: Entry, kind: Kind) -> None:
        self._entry = entry
        if kind is Kind.TOGETHER:
            if is_autocommit(self.connection):
                raw(self.connection, "BEGIN")
            return
        with self._own():
            index = statements.concurrent_index(entry.statement)
            if index and index[0] == "create" and self._index_state(index[1]) == "invalid":
                self._tell(
                    "dropping", f"the invalid index {index[1]} that the last attempt has left"
                )
                self.connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {index[1]}")
        self._entry = replace(entry, before=self._fingerprint(entry.statement))
        self._write(self._entry)

    def _described(self, sql: str, parameters: object) -> Entry:
        assert self.revision is not None  # noqa: S101 - a revision has begun
        digest = statements.digest_of(sql, parameters)
        where = (self.revision, self._direction, self.number, self._operation, self._line())
        return Entry(*where, digest, sql, "started", None, 0)

    def _kind(self, sql: str) -> Kind:
        dialect = self.connection.dialect.name
        kind = statements.kind_of(sql, dialect)
        if kind is Kind.APART and dialect not in MYSQL and not is_autocommit(self.connection):
            return Kind.TOGETHER  # the server will refuse it, and take everything back
        return kind

    def _write(self, entry: Entry) -> None:
        values = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
        now = datetime.now(UTC).replace(tzinfo=None)
        with self._own():
            self.connection.execute(JOURNAL.insert().values(**values, at=now))

    def _mark(self, done: Entry) -> None:
        # In one statement: in between two the row would be missing.
        values = {"state": done.state, "row_count": done.row_count}
        with self._own():
            self.connection.execute(JOURNAL.update().where(is_entry(done)).values(values))

    def _forget(self, entry: Entry) -> None:
        with self._own():
            self.connection.execute(JOURNAL.delete().where(is_entry(entry)))
        self._commit(Kind.APART)

    def _commit(self, kind: Kind) -> None:
        """Make what was written durable, beside SQLAlchemy, where the revision's end will not."""
        if is_autocommit(self.connection):
            if kind is Kind.TOGETHER:
                raw(self.connection, "COMMIT")
        elif kind is Kind.APART:
            self.connection.connection.commit()

    def _online(self, sql: str) -> str:
        alters = re.match(r"\s*alter\s+table", sql, re.IGNORECASE)
        on_mysql = self.connection.dialect.name in MYSQL
        if not (self._options.online_only and on_mysql and alters):
            return sql
        return f"{sql}, ALGORITHM=INPLACE, LOCK=NONE"

    def _fingerprint(self, sql: str) -> str | None:
        """Return what MySQL says about the statement's target; None when there is none."""
        target = statements.target_of(sql)
        if self.connection.dialect.name not in MYSQL or target is None:
            return None
        try:
            row = raw(self.connection, f"SHOW CREATE {target.kind} {target.name}")
        except Exception as error:
            if getattr(error, "args", (0,))[0] in ABSENT:
                return "absent"
            raise
        return hashlib.sha256(re.sub(r" AUTO_INCREMENT=\d+", "", repr(row)).encode()).hexdigest()

    def _index_state(self, name: str) -> str:
        found = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
        row = raw(self.connection, found, name)
        return ("valid" if row[0] else "invalid") if row else "absent"

    def _would_end(self, sql: str) -> MigrationUnsafe:
        return MigrationUnsafe(
            f"revision {self.revision}, line {self._line()}: {sql!r} would end the transaction "
            "that the revision runs in; what follows could be lost without a word. Remove it."
        )

    def _line(self) -> int:
        """Return the line of the revision's upgrade or downgrade that is being run."""
        frame = sys._getframe()  # noqa: SLF001 - nothing else tells the line without a traceback
        while frame.f_back is not None:
            frame = frame.f_back
            own = frame.f_globals.get("revision") == self.revision
            if own and frame.f_code.co_name in ("upgrade", "downgrade"):
                return frame.f_lineno
        return 0

    def _tell(self, action: str, detail: str) -> None:
        assert self.revision is not None  # noqa: S101 - a revision has begun
        self._options.tell(Progress(self.revision, self.number, action, detail))

    @contextmanager
    def _own(self) -> Iterator[None]:
        outer, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = outer
