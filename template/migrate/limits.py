"""A limit for the statements of MySQL, whose server has none of its own for what writes.

A second connection ends them, as a person would: the server takes back what such a statement did.
"""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

from threading import Timer

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor


def limit_statements(engine: Engine, seconds: float) -> None:
    """End every statement that takes longer; on MariaDB, which looks after itself, do nothing."""
    running: list[Timer] = []

    def over(*_: object) -> None:
        while running:
            timer = running.pop()
            timer.cancel()
            timer.join()  # or what it ends is the next statement

    def begun(cursor: DBAPICursor, *_: object) -> None:
        if not getattr(engine.dialect, "is_mariadb", False):
            timer = Timer(seconds, _end, (engine, cursor.connection.thread_id()))
            timer.daemon = True
            timer.start()
            running.append(timer)

    # What other listeners run before and after a statement is not inside of it.
    for sends in ("do_execute", "do_execute_no_params", "do_executemany"):
        event.listen(engine, sends, begun)
    event.listen(engine, "after_cursor_execute", over)
    event.listen(engine, "handle_error", over)


def _end(engine: Engine, session: int) -> None:
    # Not a connection of SQLAlchemy's: those are refused while a revision runs.
    other = engine.raw_connection()
    try:
        other.cursor().execute(f"KILL QUERY {session}")
    finally:
        other.close()
