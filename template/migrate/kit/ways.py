"""Ways through the graph of revisions: what leads from one version to another."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from migrate.graph import Revision, below, heads, in_order


def between(
    revisions: Collection[Revision], stored: Iterable[str], target: Iterable[str]
) -> list[Revision]:
    """Return what brings a database with the stored versions to the target, in order."""
    wanted = below(revisions, target) - below(revisions, stored)
    return [revision for revision in in_order(revisions).values() if revision.id in wanted]


def find(revisions: Collection[Revision], name: str, stored: Iterable[str]) -> list[str]:
    """Return the revisions that `name` means: head, base, -1, +1, an id or the begin of one.

    Raises ValueError when it means none, or more than one.
    """
    if name in ("head", "heads"):
        return heads(revisions)
    if name == "base":
        return []
    if name[:1] == "-" and name[1:].isdigit():
        return _down(revisions, list(stored), int(name[1:]))
    if name[:1] == "+" and name[1:].isdigit():
        return _up(revisions, stored, int(name[1:]))
    exact = [revision.id for revision in revisions if revision.id == name]
    found = exact or [revision.id for revision in revisions if revision.id.startswith(name)]
    if len(found) != 1:
        message = f"{name!r} is {'no revision' if not found else 'one of: ' + ', '.join(found)}"
        raise ValueError(message)
    return found


def _down(revisions: Collection[Revision], tips: list[str], steps: int) -> list[str]:
    by_id = {revision.id: revision for revision in revisions}
    for _ in range(steps):
        if not tips:
            raise ValueError(f"there are fewer than {steps} revisions below")
        tips = [parent for tip in tips if tip in by_id for parent in by_id[tip].parents]
    return tips


def _up(revisions: Collection[Revision], stored: Iterable[str], steps: int) -> list[str]:
    pending = between(revisions, stored, heads(revisions))
    if not 0 < steps <= len(pending):
        raise ValueError(f"{steps} steps up, and pending are {len(pending)}")
    return [pending[steps - 1].id]
