"""The transaction of a revision: only Alembic may end it, and the server says whether it goes on.

While `upgrade()` or `downgrade()` runs, the driver's connection and cursors are wrapped: whatever a
revision sends passes here, be it from SQLAlchemy, a session, or a cursor of the driver's own. Words
that would end the transaction are refused before they are sent; what hides them (a procedure, a
comment that MySQL executes) is seen in the server's answer.
"""

# ruff: noqa: ANN401 - what stands for the things of four drivers takes and gives what they do
# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection

from migrate.engine import is_autocommit, raw
from migrate.errors import MigrationUnsafe

if TYPE_CHECKING:
    from alembic.script import Script

Direction = Literal["up", "down"]

MYSQL = frozenset({"mysql", "mariadb"})
ENDS = frozenset({"commit", "rollback", "begin", "start", "end", "abort", "xa"})
# What commits by itself on MySQL is anything but this: none of it may end a transaction.
DATA = frozenset({"select", "insert", "update", "delete", "replace", "with", "values", "do"})
DATA |= {"set", "show", "explain", "desc", "describe", "savepoint", "release", "rollback", "table"}
# Methods of the drivers' connections that end a transaction, or run what cannot be seen.
ENDING_CALLS = frozenset({"commit", "rollback", "begin", "autocommit", "query", "close", "reset"})
ENDING_CALLS |= {"executescript", "tpc_begin", "tpc_prepare", "tpc_commit", "tpc_rollback", "ping"}
UNSEEN_CALLS = frozenset({"callproc", "copy", "stream", "executescript"})
IN_TRANSACTION = 1  # of MySQL's protocol: SERVER_STATUS_IN_TRANS
PG_FAILED = 3  # psycopg's TransactionStatus.INERROR
_STRING = r"'(?:[^']|'')*'|[eE]'(?:[^'\\]|''|\\.)*'|(\$\w*\$).*?\2"
_REST = r"|(`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|@{0,2}[^\W\d][\w$]*)|(.)"
_SQL = re.compile(rf"(\s+|--[^\n]*|/\*.*?\*/)|(?:{_STRING}){_REST}", re.DOTALL)
# A comment that begins with `!` is none to MySQL.
_SKIPPED = r"(\s+|--\s[^\n]*|#[^\n]*|/\*(?!M?!).*?\*/|/\*M?!\d*|\*/)"
_OF_MYSQL = re.compile(rf"{_SKIPPED}|(?:'(?:[^'\\]|''|\\.)*'()){_REST}", re.DOTALL)


def words(sql: str, kind: str) -> list[str]:
    """Return the words, names and signs of SQL, in small letters; no comments, no strings."""
    pattern = _OF_MYSQL if kind in MYSQL else _SQL
    found = (match[3] or match[4] for match in pattern.finditer(sql))
    return [unquoted(word).lower() for word in found if word]


def unquoted(name: str) -> str:
    """Return a name without its quotes, if it has any."""
    return name[1:-1].replace(name[0] * 2, name[0]) if name[:1] in ('"', "`") and name[1:] else name


def ending(said: list[str], kind: str) -> str | None:
    """Return the words of a string of SQL that would end the transaction it runs in."""
    if said[:1] in (["create"], ["alter"]) and "begin" in said:
        return None  # the body of a function, which has statements of its own
    begins = [0, *(at + 1 for at, word in enumerate(said) if word == ";")]
    for one in filter(None, (said[at : at + 6] for at in begins)):
        first, rest = one[0], one[1:]
        if first in ENDS and not (first == "rollback" and "to" in rest[:2]):
            return " ".join(one[:1])
        if first == "set" and any(word.endswith("autocommit") for word in rest):
            return "set autocommit"
        if (first, *rest[:1]) == ("prepare", "transaction"):
            return "prepare transaction"
        if kind in MYSQL and first in ("lock", "unlock") and rest[:1] in (["table"], ["tables"]):
            return f"{first} tables"
    return None


class Watch:
    """Sees what one revision after the other sends, and whether its transaction goes on."""

    def __init__(self, connection: Connection) -> None:
        """Watch nothing before a revision begins."""
        self.connection = connection
        self.kind = connection.dialect.name
        self.revision: str | None = None
        self.path = ""
        self.watching = False
        # What was refused stays refused, even if the revision catches the exception.
        self.broken: MigrationUnsafe | None = None
        self._identity: object = None

    def run(self, script: Script, is_upgrade: bool, function: Callable[[], object]) -> None:
        """Run a revision's function; raises MigrationUnsafe when not all of it is saved by that."""
        self.revision, self.path, self.broken = script.revision, script.path, None
        self.begin("up" if is_upgrade else "down")
        with self.wrapped():
            self._identity = self._transaction()
            self.watching = True
            try:
                result = function()
            except SystemExit as error:
                message = "it ends the process (sys.exit), and nothing of it would be saved"
                raise self.refusal(message) from error
            finally:
                self.watching = False
            self._require_ran(result)
            self.require_whole()
            self.finish()
        self.revision = None

    def begin(self, direction: Direction) -> None:
        """Do what is due before the revision's function."""

    def finish(self) -> None:
        """Do what is due behind it, in the transaction that will write the version."""

    def leave(self) -> None:
        """Do what is due before Alembic commits, to leave the transaction."""

    def send(self, call: Callable[[object], object], sql: object, parameters: object) -> object:
        """Let a statement be sent, unless it ends the transaction or another one did."""
        if not self.watching:
            return call(parameters)
        said = self.require_harmless(self.text_of(sql))
        if self.kind not in MYSQL:
            result = call(parameters)
            self.require_open(str(sql))
            return result
        was_open, hides = self.is_open(), said[:1] in (["call"], ["execute"])
        if hides:
            self.ask("SAVEPOINT before_it")
        result = call(parameters)
        if hides:
            self._require_savepoint(str(sql))
        elif was_open and said[:1] and said[0] in DATA:
            self.require_open(str(sql))
        return result

    def as_sent(self, sql: object) -> object:
        """Return a statement of the revision's as the server is to have it."""
        return sql

    def cursor(self, real: Any) -> WatchedCursor:
        """Return what stands for a cursor of the driver's."""
        return WatchedCursor(real, self)

    @contextmanager
    def left(self, block: Callable[[], Any]) -> Iterator[None]:
        """Let Alembic leave the transaction for a block, and begin another one behind it."""
        manager = block()
        self.leave()
        with self.unwatched():
            manager.__enter__()
        try:
            yield
        finally:
            with self.unwatched():
                manager.__exit__(None, None, None)
            self._identity = self._transaction()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Let Alembic or the journal send what a revision may not."""
        outer, self.watching = self.watching, False
        try:
            yield
        finally:
            self.watching = outer

    def ask(self, sql: str, *parameters: object) -> tuple[object, ...]:
        """Send a statement of our own; return the first row, or nothing."""
        with self.unwatched():
            return raw(self.connection, sql, *parameters)

    def text_of(self, sql: object) -> str:
        """Return what is sent as text: psycopg takes bytes and composed SQL too."""
        if isinstance(sql, bytes):
            return sql.decode()
        return sql if isinstance(sql, str) else str(sql.as_string())  # type: ignore[attr-defined]

    def require_harmless(self, sql: str) -> list[str]:
        """Refuse words that would end the transaction; return all words."""
        if self.broken is not None:
            raise self.broken
        said = words(sql, self.kind)
        if end := ending(said, self.kind):
            raise self.refusal(f"{sql!r} would end the transaction ({end}) that it runs in")
        return said

    def require_open(self, sql: str) -> None:
        """Refuse to go on when the server says that there is no transaction any more."""
        if not is_autocommit(self.connection) and not self.is_open():
            raise self.refusal(f"{sql!r} has ended the transaction that it ran in")

    def require_whole(self) -> None:
        """Refuse to write a version in another transaction than the revision began in."""
        if self.broken is not None:
            raise self.broken
        if self._identity is not None and self._transaction() != self._identity:
            raise self.refusal("the transaction it began in has been committed or rolled back")

    def is_open(self) -> bool:
        """Say what the driver was last told by the server: is a transaction open?"""
        driver: Any = self.connection.connection.driver_connection
        if self.kind == "sqlite":
            return bool(driver.in_transaction)
        if self.kind == "postgresql":
            return int(driver.info.transaction_status) != 0
        return bool(driver.server_status & IN_TRANSACTION)

    def refusal(self, what: str) -> MigrationUnsafe:
        """Return the error for what would lose something, and keep to it."""
        self.broken = MigrationUnsafe(
            f"revision {self.revision}: {what}. What comes after that would be lost without a "
            "word, or saved without its version. Remove it, and run the same command again."
        )
        return self.broken

    def _require_ran(self, result: object) -> None:
        if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            kind = "async" if not inspect.isgenerator(result) else "a generator (it has a `yield`)"
            raise self.refusal(f"its function is {kind}, of which Alembic would run nothing")

    def _require_savepoint(self, sql: str) -> None:
        try:
            self.ask("RELEASE SAVEPOINT before_it")
        except Exception as error:
            message = f"{sql!r} has committed or rolled back the transaction that it ran in"
            raise self.refusal(message) from error

    def _transaction(self) -> object:
        """Return the server's own number of the transaction, where it has one for everybody."""
        if self.kind == "sqlite":
            return self.is_open()
        if self.kind != "postgresql" or is_autocommit(self.connection):
            return None
        driver: Any = self.connection.connection.driver_connection
        if driver.info.transaction_status == PG_FAILED:
            raise self.refusal("it caught an error of the database, which took everything back")
        return self.ask("SELECT txid_current()")[0]

    @contextmanager
    def wrapped(self) -> Iterator[None]:
        """Let everybody who asks for the driver's connection have what stands for it."""
        proxy: Any = self.connection.connection
        real, record = proxy.dbapi_connection, proxy._connection_record  # noqa: SLF001
        proxy.dbapi_connection = record.dbapi_connection = WatchedConnection(real, self)
        try:
            yield
        finally:
            # Whoever is disconnected has none.
            if record.dbapi_connection is not None:
                proxy.dbapi_connection = record.dbapi_connection = real


class Wrapper:
    """Stands for a thing of the driver's; what it does not have itself, that has."""

    own = frozenset({"_real", "_watch"})

    def __init__(self, real: Any, watch: Watch) -> None:
        """Watch what is done with the thing."""
        self._real, self._watch = real, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.own:
            object.__setattr__(self, name, value)
            return
        if name in ("autocommit", "isolation_level") and self._watch.watching:
            raise self._watch.refusal(f"it sets {name} of the driver's connection")
        setattr(self._real, name, value)

    def __enter__(self) -> Any:
        return self


class WatchedConnection(Wrapper):
    """The driver's connection, whose transaction a revision cannot end."""

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        if name in ENDING_CALLS and callable(value) and self._watch.watching:
            message = f"its transaction would be committed or rolled back by {name}()"
            raise self._watch.refusal(f"{message} of the driver's connection")
        return value

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        return self._watch.cursor(self._real.cursor(*arguments, **options))

    def execute(self, *arguments: Any, **options: Any) -> Any:
        cursor = self.cursor()
        cursor.execute(*arguments, **options)
        return cursor

    def __exit__(self, *error: object) -> None:
        """Do nothing: the drivers would commit."""


class WatchedCursor(Wrapper):
    """The driver's cursor, whose statements are seen."""

    @property
    def connection(self) -> Any:
        return WatchedConnection(self._real.connection, self._watch)

    def __getattr__(self, name: str) -> Any:
        if name in UNSEEN_CALLS and self._watch.watching:
            raise self._watch.refusal(f"it calls {name}() of the driver's cursor")
        return super().__getattr__(name)

    def execute(self, sql: Any, parameters: Any = None, **options: Any) -> Any:
        run = self._real.execute

        def send(told: Any) -> object:
            sent = self._watch.as_sent(sql)
            # sqlite3 takes no None for what is not there.
            return run(sent, **options) if told is None else run(sent, told, **options)

        return self._sent(send, sql, parameters)

    def executemany(self, sql: Any, parameters: Any, **options: Any) -> Any:
        parameters = list(parameters)
        return self._sent(partial(self._real.executemany, sql, **options), sql, parameters)

    def _sent(self, call: Callable[[object], object], sql: Any, parameters: Any) -> Any:
        result = self._watch.send(call, sql, parameters)
        return self if result is self._real else result

    def __iter__(self) -> Any:
        return iter(self._real)

    def __next__(self) -> Any:
        return next(self._real)

    def __exit__(self, *error: object) -> None:
        self._real.close()
