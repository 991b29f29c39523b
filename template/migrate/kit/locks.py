"""Locks that others hold: trying again later, and the name of whoever is in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from migrate.engine import make_engine
from migrate.errors import LockTimeout

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0

# lock not available, deadlock, serialization failure; lock wait timeout, deadlock
POSTGRESQL_STATES = frozenset({"55P03", "40P01", "40001"})
MYSQL_ERRORS = frozenset({1205, 1213})
TRANSACTIONS = {
    "postgresql": """
SELECT pid AS id, CAST(extract(epoch FROM now() - xact_start) AS integer) AS age,
       application_name || ' ' || state AS who, left(query, 100) AS statement
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
  AND backend_type = 'client backend' ORDER BY xact_start LIMIT 3""",
    "mysql": """
SELECT t.trx_mysql_thread_id AS id, timestampdiff(SECOND, t.trx_started, now()) AS age,
       concat(p.user, ' ', lower(p.command)) AS who,
       left(coalesce(p.info, '(idle in its transaction)'), 100) AS statement
FROM information_schema.innodb_trx t JOIN information_schema.processlist p
  ON p.id = t.trx_mysql_thread_id
WHERE p.id <> connection_id() ORDER BY t.trx_started LIMIT 3""",
}
TRANSACTIONS["mariadb"] = TRANSACTIONS["mysql"]

T = TypeVar("T")


@dataclass(frozen=True)
class Blocker:
    """A transaction that is open while somebody waits for a lock."""

    id: int
    age: int
    who: str
    statement: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"session {self.id} ({self.who}), open for {self.age} s: {self.statement}"


def is_lock_timeout(error: DBAPIError) -> bool:
    """Say whether an error is a lock that others held: it may work a little later."""
    original = error.orig
    first = original.args[0] if original is not None and original.args else None
    state = getattr(original, "sqlstate", None)
    return state in POSTGRESQL_STATES or first in MYSQL_ERRORS or "database is locked" in str(first)


def blockers(url: str) -> list[Blocker]:
    """Return the oldest open transactions; none where the server does not let us see them."""
    engine = make_engine(url)
    query = TRANSACTIONS.get(engine.dialect.name)
    if query is None:
        return []
    try:
        with engine.connect() as connection:
            return [Blocker(**row) for row in connection.execute(text(query)).mappings()]
    except SQLAlchemyError:  # MySQL shows them to whoever has PROCESS
        return []


def retrying(work: Callable[[], T], url: str, retries: int, say: Callable[[str], None]) -> T:
    """Do `work`, and again while others hold a lock; its revisions continue where they are."""
    for attempt in range(1, retries + 1):
        try:
            return work()
        except DBAPIError as error:
            if not is_lock_timeout(error):
                raise
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            pause *= random.uniform(0.7, 1.3)  # noqa: S311 - so that two do not meet again
            say(f"could not get the lock (attempt {attempt} of {retries + 1}): {error.orig}")
            for blocker in blockers(url):
                say(f"  in the way may be {blocker}")
            say(f"  trying again in {pause:.1f} s")
            time.sleep(pause)
    try:
        return work()
    except DBAPIError as error:
        if not is_lock_timeout(error):
            raise
        who = "\n".join(f"  in the way may be {blocker}" for blocker in blockers(url))
        raise LockTimeout(
            f"could not get the lock in {retries + 1} attempts: {error.orig}\n{who}\nEnd that "
            "transaction, or pause the jobs (--pause-workers), and run the same command again."
        ) from error
