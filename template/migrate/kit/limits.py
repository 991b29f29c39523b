"""A limit for the statements of MySQL, whose server has none of its own for what writes.

A second connection ends them, as a person would: the server takes back what such a statement did.
"""

from __future__ import annotations

import sys
from contextlib import closing
from threading import Timer

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor, ExceptionContext
from sqlalchemy.exc import DBAPIError


def limit_statements(engine: Engine, seconds: float) -> None:
    """End every statement that takes longer; on MariaDB, which looks after itself, do nothing."""
    running: dict[int, Timer] = {}

    def begun(cursor: DBAPICursor, *_: object) -> None:
        if not getattr(engine.dialect, "is_mariadb", False):
            session = _session(cursor)
            running[session] = Timer(seconds, _end, (engine, session))
            running[session].daemon = True
            running[session].start()

    def over(cursor: DBAPICursor) -> None:
        if timer := running.pop(_session(cursor), None):
            timer.cancel()
            timer.join()  # or what it ends is the next statement

    def done(_: Connection, cursor: DBAPICursor, *__: object) -> None:
        over(cursor)

    def failed(context: ExceptionContext) -> None:
        if context.execution_context is not None:
            over(context.execution_context.cursor)

    # What other listeners run before and after a statement is not inside of it.
    for sends in ("do_execute", "do_execute_no_params", "do_executemany"):
        event.listen(engine, sends, begun)
    event.listen(engine, "after_cursor_execute", done)
    event.listen(engine, "handle_error", failed)


def _session(cursor: DBAPICursor) -> int:
    session: int = cursor.connection.thread_id()
    return session


def _end(engine: Engine, session: int) -> None:
    # Not a connection of SQLAlchemy's: those are refused while a revision runs.
    try:
        with closing(engine.raw_connection()) as other:
            other.cursor().execute(f"KILL QUERY {session}")
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        sys.stderr.write(f"a statement takes longer than its limit, and cannot be ended: {error}\n")
