"""Finding out by the objects that a statement names whether it was executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from migrate.kit import forms, statements, values
from migrate.kit.forms import Forms
from migrate.kit.journal_table import Entry
from migrate.transaction import MYSQL, Watch


class Probe:
    """Looks at objects on the migration's own connection."""

    def __init__(self, watch: Watch, tell: Callable[[str, str], None]) -> None:
        """Ask by the watch's connection."""
        self._watch, self._tell = watch, tell

    def look(self, names: Iterable[str]) -> Forms:
        """Return the objects of these names as they are now."""
        return forms.read(self._rows, self._watch.kind, names)

    def is_unchanged(self, failed: Entry, said: list[str]) -> bool:
        """Say whether what has failed has left everything as it was; half an index is dropped."""
        before, now = _before(failed), self.look(said)
        self._drop_unfinished(before, now, said)
        return forms.same(before, now)

    def verdict(self, started: Entry, said: list[str]) -> bool | None:
        """Say whether a statement was executed whose process died; None where nothing tells."""
        before, now = _before(started), self.look(said)
        broken = forms.unfinished(before, now)
        self._drop_unfinished(before, now, said)
        if broken:
            return False
        if not forms.same(before, now):
            return True
        return None if self._is_unseen(started, before, said) else False

    def _is_unseen(self, started: Entry, before: Forms, said: list[str]) -> bool:
        if started.is_old or statements.outcome_unseen(said):
            return True
        # Tables that swap their names look alike, unless InnoDB's numbers of them can be seen.
        swaps = "rename" in said and self._watch.kind in MYSQL
        return swaps and any(form.get("id") is None for form in before.values())

    def _drop_unfinished(self, before: Forms, now: Forms, said: list[str]) -> None:
        for name in forms.unfinished(before, now) if said[:1] != ["drop"] else ():
            self._tell("dropping", f"the invalid index {name} that the last attempt has left")
            self._watch.ask(f"DROP INDEX CONCURRENTLY {name}")

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._watch.unwatched():
            cursor = self._watch.connection.connection.cursor()
            try:
                cursor.execute(sql, parameters)
                return [tuple(row) for row in cursor.fetchall()]
            finally:
                cursor.close()


def _before(entry: Entry) -> Forms:
    found: Forms = values.unpacked(entry.objects) if entry.objects else {}
    return found
