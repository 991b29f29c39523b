"""The statement journal: what a revision has sent and got, as durable as its effects.

Every statement is noted, with what was sent and what came back, and the notes are written into the
transaction that they are about, before it is committed. Where a statement commits by itself (DDL of
MySQL, an index that PostgreSQL builds beside its readers), its row says `started` before it and
`done` behind it; a crash in between is settled by looking at the objects that it names. Running a
revision again is then a replay: what is done is not sent, and gives what it gave.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from migrate.engine import is_autocommit
from migrate.errors import MigrationUnsafe
from migrate.kit import journal_table, statements, values
from migrate.kit.engine import Options, Progress
from migrate.kit.journal_table import Direction, Entry
from migrate.kit.probe import Probe
from migrate.kit.recorded import RecordedCursor, Result, error_of, not_resumable, result_of
from migrate.kit.statements import Kind
from migrate.transaction import MYSQL, Watch, WatchedCursor

# Notes that wait for the end of their transaction: more are written into it meanwhile.
MOST_NOTES = 1000
# Characters of what was sent with a statement, and of what came back, that are kept.
MOST_SENT, MOST_KEPT = 65_536, 1_048_576
IN_TRANSACTION = "25001"  # PostgreSQL: cannot run inside a transaction block


class Stop(Exception):
    """A replay has come to the first statement that was not executed."""


class Journal(Watch):
    """Journals the statements of one revision after the other, on one connection."""

    def __init__(self, connection: Connection, options: Options) -> None:
        """Journal nothing before a revision begins."""
        super().__init__(connection)
        self.replaying = False
        self.number = 0
        self.known: dict[int, Entry] = {}
        self.direction: Direction = "up"
        self.stopped_at: int | None = None
        self.lines: list[int] = []
        self._options = options
        self.probe = Probe(self, self._tell)
        self._notes: list[Entry] = []
        self._stand_ins: dict[object, object] = {}
        self._is_old = self._is_edited = False

    def begin(self, direction: Direction) -> None:
        """Note what follows as statements of this revision."""
        self.direction, self.number, self.stopped_at = direction, 0, None
        self._notes, self._stand_ins, self.lines = [], {}, []
        self.known = {one.number: one for one in self._rows() if one.direction == direction}
        self._is_old = any(one.is_old for one in self.known.values())
        self._require_resumable()
        # The file as it is executed, whatever becomes of it: `split` goes by it.
        header = self._entry(Path(self.path).read_text("utf-8"), "")
        self._is_edited = 0 in self.known and self.known[0].statement != header.statement
        if not self.known or self._is_edited:
            self._notes.append(header)

    def finish(self) -> None:
        """Forget the revision, in the transaction that writes its version."""
        if left := [entry for number, entry in self.known.items() if number > self.number]:
            raise MigrationUnsafe(
                f"revision {self.revision}: statement {left[0].number} was executed, but the file "
                f"no longer has it:\n    {left[0].statement}\n{self._either('Put it back')}"
            )
        if not self.replaying and self.kind != "sqlite":  # which has no rows, ever
            journal_table.forget_revision(self.connection, str(self.revision))
        self._notes = []

    def cursor(self, real: Any) -> WatchedCursor:  # noqa: ANN401 - the driver's
        return RecordedCursor(real, self)

    def leave(self) -> None:
        """Write what was noted, before Alembic commits for a block of autocommit."""
        self._flush()

    def sent(
        self, cursor: RecordedCursor, call: Callable[[object], object], sql: object, given: object
    ) -> object:
        """Send a statement and note it; or give again what it gave when it was sent before."""
        text = self.text_of(sql)
        said = self.require_harmless(text)
        if self._options.stopped.is_set():
            raise self.refusal("the jobs could not be kept paused, and may begin again")
        if self.stopped_at is not None:
            raise Stop  # which the revision has caught
        if self._is_old and said[:1] and said[0] in statements.READS:
            return call(given)
        self.number += 1
        entry = self._described(text, given)
        known = self._known()
        kind = statements.kind_of(said)
        if known is not None:
            self._require_same(known, entry)
            if known.state != "started" or self._settled(known, said):
                self.lines.append(entry.line)
                return self._replayed(cursor, call, known, given, said)
        if self.replaying:
            self.stopped_at = entry.line
            raise Stop
        given = values.substituted(given, self._stand_ins)
        entry = self._described(text, given)
        if not (said and said[0] in statements.READS):
            self._tell("running", text)
        return self._executed(cursor, lambda: call(given), entry, said, kind)

    def as_sent(self, sql: object) -> object:
        """Ask MySQL to refuse what others would wait for, where that was wished."""
        wished = self._options.online_only and self.kind in MYSQL and self.watching
        if wished and (text := self.text_of(sql)).lower().split()[:2] == ["alter", "table"]:
            return f"{text}, ALGORITHM=INPLACE, LOCK=NONE"
        return sql

    # -- what is sent ------------------------------------------------------------------------------

    def _executed(
        self,
        cursor: RecordedCursor,
        call: Callable[[], object],
        entry: Entry,
        said: list[str],
        kind: Kind,
    ) -> object:
        autocommit, transactional = is_autocommit(self.connection), self.kind not in MYSQL
        send = self._apart
        if kind is Kind.SESSION or self.kind == "sqlite":
            send = self._in_transaction
        elif kind is Kind.DATA or transactional:
            send = self._in_its_own if autocommit else self._in_transaction
        try:
            return send(cursor, call, entry, said)
        except self.connection.dialect.loaded_dbapi.Error as error:
            self._tell("failed", str(error))
            self._require_not_undone(entry, error)
            self._note(replace(entry, state="failed", output=error_of(error)))
            raise

    def _in_transaction(
        self, cursor: RecordedCursor, call: Callable[[], object], entry: Entry, said: list[str]
    ) -> object:
        """Send what commits nothing: its note waits for whatever does."""
        was_open = self.is_open()
        if self.kind == "postgresql" and statements.kind_of(said) is Kind.APART:
            entry = self._with_forms(entry, said)
        returned = call()
        if self.kind not in MYSQL or was_open:
            self.require_open(entry.statement)
        self._note(self._done(cursor, entry, said))
        return returned

    def _in_its_own(
        self, cursor: RecordedCursor, call: Callable[[], object], entry: Entry, said: list[str]
    ) -> object:
        """Send a statement in a block of autocommit, together with its row, if the server can."""
        self.ask("BEGIN")
        try:
            if statements.kind_of(said) is Kind.APART:
                entry = self._with_forms(entry, said)
            returned = call()
        except self.connection.dialect.loaded_dbapi.Error as error:
            self.ask("ROLLBACK")
            if getattr(error, "sqlstate", None) != IN_TRANSACTION:
                raise
            return self._apart(cursor, call, entry, said)
        self._write(self._done(cursor, entry, said))
        self.ask("COMMIT")
        return returned

    def _apart(
        self, cursor: RecordedCursor, call: Callable[[], object], entry: Entry, said: list[str]
    ) -> object:
        """Send what may commit by itself, between two writings of its row."""
        entry = replace(self._with_forms(entry, said), state="started")
        before = entry.objects
        self._flush(entry)
        try:
            returned = call()
        except self.connection.dialect.loaded_dbapi.Error as error:
            if not self._is_disconnect(error):
                self._forget_unless_changed(entry, said)
            raise
        done = replace(self._done(cursor, entry, said), objects=before)
        with self.unwatched():
            there = journal_table.settle(self.connection, done)
        if not there:
            raise self.refusal(f"{entry.statement!r} has rolled back the transaction it ran in")
        self._commit()
        return returned

    def _forget_unless_changed(self, entry: Entry, said: list[str]) -> None:
        """Delete the row of what has failed, when the objects are as before: it is measured."""
        if self.probe.is_unchanged(entry, said):
            with self.unwatched():
                journal_table.forget(self.connection, entry)
                if all(one.number == 0 for one in self._rows()):
                    journal_table.forget_revision(self.connection, entry.revision)
            self._commit()

    def _rows(self) -> list[Entry]:
        return journal_table.entries(self.connection, self.revision)

    def _is_disconnect(self, error: Exception) -> bool:
        dialect: Any = self.connection.dialect
        return bool(dialect.is_disconnect(error, None, None))

    def _require_not_undone(self, entry: Entry, error: Exception) -> None:
        """Remember a transaction that the server has taken back with the statement that failed."""
        if self.kind not in MYSQL or not self._notes or is_autocommit(self.connection):
            return
        if self._is_disconnect(error):
            return
        self.ask("DO 0")
        if not self.is_open() and not all(one.is_read for one in self._notes):
            self.refusal(f"went on after a failure with which the server undid {entry.statement!r}")

    # -- what is known -----------------------------------------------------------------------------

    def _known(self) -> Entry | None:
        """Return what is known of the statement; that the last one has failed is no reason."""
        known = self.known.get(self.number)
        if known is None or known.state != "failed" or self.number < max(self.known):
            return known
        self.ask(journal_table.FORGET_ONE, *journal_table.key(known))
        return None

    def _replayed(
        self,
        cursor: RecordedCursor,
        call: Callable[[object], object],
        known: Entry,
        given: object,
        said: list[str],
    ) -> object:
        if statements.kind_of(said) is Kind.SESSION:
            returned = call(given)
        elif said[0] not in statements.READS:
            self._tell("skipped", known.statement)
        result = Result.of(known)
        for name, value in result.variables.items():
            self.ask(f"SET {name} = %s", value)
        if known.state == "failed":
            raise result.error(self.connection.dialect.loaded_dbapi)
        if statements.kind_of(said) is Kind.SESSION:
            return returned
        cursor.serve(result)
        return result.row_count if self.kind in MYSQL else cursor

    def _require_same(self, known: Entry, entry: Entry) -> None:
        same = known.statement == entry.statement
        if same and not known.is_old and known.parameters != entry.parameters:
            same = self._stands_for(known, entry)
        elif same and known.parameters is None and not known.is_old:
            same = known.digest == entry.digest
        if not same:
            raise MigrationUnsafe(
                f"revision {self.revision}: statement {known.number} was already {known.state} as\n"
                f"    {known.statement}  {known.parameters or ''}\nbut the file now says\n"
                f"    {entry.statement}  {entry.parameters or ''}\n"
                f"Only what comes after it may be edited. {self._either('Put it back')}"
            )

    def _stands_for(self, known: Entry, entry: Entry) -> bool:
        """Let values that a run makes anew stand for those of the run that is continued."""
        if known.parameters is None or entry.parameters is None:
            return False
        then, now = values.unpacked(known.parameters), values.unpacked(entry.parameters)
        found = values.stand_ins(then, now)
        if found is None:
            return False
        for new, old in found.items():
            if new not in self._stand_ins:
                self._tell("resumes", f"{old} was sent, and is used where {new} would be")
        self._stand_ins |= found
        return True

    def _require_resumable(self) -> None:
        for entry in self.known.values():
            if why := not_resumable(entry):
                text = f"revision {self.revision} cannot be resumed: statement {entry.number} {why}"
                leads = "`python -m migrate undo` takes back what was executed"
                raise MigrationUnsafe(f"{text}.\n    {entry.statement}\n{leads}.")

    def _either(self, first: str) -> str:
        return (
            f"{first}; or `python -m migrate undo` takes back what was executed, and the revision "
            "begins again (`resolve --forget`, when you have done that by hand)."
        )

    def _settled(self, started: Entry, said: list[str]) -> bool:
        """Find out whether a statement was executed whose process died during it."""
        verdict = self.probe.verdict(started, said)
        if verdict is None:
            raise MigrationUnsafe(
                f"revision {started.revision}: the process ended during statement "
                f"{started.number}, and nothing tells whether it was executed:\n"
                f"    {started.statement}\nLook at the database, then say `python -m migrate "
                f"resolve --done {started.number}` or `--not-done {started.number}`."
            )
        self._tell("executed" if verdict else "not executed", started.statement)
        with self.unwatched():
            if verdict:
                done = replace(started, state="done", output=journal_table.DONE)
                self.known[started.number] = done
                journal_table.settle(self.connection, done)
            else:
                journal_table.forget(self.connection, started)
        self._commit()
        return verdict

    # -- notes and rows ----------------------------------------------------------------------------

    def _done(self, cursor: RecordedCursor, entry: Entry, said: list[str]) -> Entry:
        """Return the entry with what came back."""
        named = statements.variables(said, self.kind)
        kept = self.ask(f"SELECT {', '.join(named)}") if named else ()
        result = result_of(cursor, dict(zip(named, kept, strict=True)))
        result.is_personal = statements.is_personal(said)
        output = result.packed(MOST_KEPT)
        return replace(entry, state="done", row_count=result.row_count, output=output)

    def _with_forms(self, entry: Entry, said: list[str]) -> Entry:
        return replace(entry, objects=values.packed(self.probe.look(said), sys.maxsize))

    def _note(self, entry: Entry) -> None:
        if self.kind == "sqlite":
            return  # a revision is one transaction there, whatever it does
        self._notes.append(entry)
        # What has failed is only of interest when the revision goes on after it.
        due = is_autocommit(self.connection) or len(self._notes) > MOST_NOTES
        if due and entry.state != "failed":
            self._flush()

    def _flush(self, *more: Entry) -> None:
        """Write what was noted into the transaction that it is about."""
        if self.replaying:
            return
        notes, self._notes = [*self._notes, *more], []
        if self._is_edited and notes:
            with self.unwatched():
                journal_table.forget(self.connection, notes[0])
            self._is_edited = False
        if notes:
            self._write(*notes)

    def _write(self, *rows: Entry) -> None:
        with self.unwatched():
            journal_table.write(self.connection, rows)

    def _commit(self) -> None:
        """Make what was written durable, beside SQLAlchemy, where the revision's end will not."""
        if not is_autocommit(self.connection):
            with self.unwatched():
                self.connection.connection.commit()

    def _described(self, sql: str, given: object) -> Entry:
        digest = statements.digest_of(sql, given)
        return replace(
            self._entry(sql, digest), line=self._line(), parameters=values.packed(given, MOST_SENT)
        )

    def _entry(self, sql: str, digest: str) -> Entry:
        return Entry(str(self.revision), self.direction, self.number, 0, digest, sql)

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
        self._options.tell(Progress(str(self.revision), self.number, action, detail))
