"""What is told of an update besides its files: what it asks of people, and whether it is right."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.reports.report import Pair, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bootstrap.project.attention import Attention
    from bootstrap.project.rollback import Returned
    from bootstrap.project.verification import Verdict

_SOME = 8  # packages that are named; of more the number says enough


def attention_document(attention: Attention) -> dict[str, object]:
    """For programs."""
    return {
        "changed_defaults": [each._asdict() for each in attention.defaults],
        "removed_files": list(attention.removed),
        "migrations": [each._asdict() for each in attention.migrations],
        "pins": [each._asdict() for each in attention.pins],
        "packages": [each._asdict() for each in attention.packages],
    }


def attention_facts(attention: Attention) -> Iterator[Pair]:
    """For people."""
    for default in attention.defaults:
        told = f"{default.name} {default.before} → {default.after} ({default.path})"
        yield Pair("other default", told)
    if attention.removed:
        yield Pair("files that go", ", ".join(attention.removed))
    for migration in attention.migrations:
        yield Pair("migration to run", f"{migration.id} {migration.title}".rstrip())
    for pin in attention.pins:
        yield Pair(pin.name, f"{pin.before} → {pin.after}")
    if attention.packages:
        yield Pair("packages", _packages(attention))
    if attention.machine:
        yield Pair("make up", "brings a machine there, and migrates its database")


def _packages(attention: Attention) -> str:
    changes = attention.packages
    if len(changes) > _SOME:
        came = sum(not each.before for each in changes)
        gone = sum(not each.after for each in changes)
        told = ((len(changes) - came - gone, "other versions"), (came, "new"), (gone, "gone"))
        return ", ".join(f"{count} {what}" for count, what in told if count)
    return ", ".join(
        f"{each.name} {each.before or 'new'} → {each.after or 'gone'}" for each in changes
    )


def verdict_document(verdict: Verdict) -> dict[str, object]:
    """For programs."""
    checks: list[Mapping[str, object]] = [
        asdict(check) | {"seconds": round(check.seconds, 3)} for check in verdict.checks
    ]
    return {"outcome": verdict.outcome, "interrupted": verdict.interrupted, "checks": checks}


def verdict_lines(verdict: Verdict, backup: str) -> Iterator[str]:
    """What to do after the checks, which were told one by one; `backup` is where it began."""
    yield ""
    if verdict.interrupted:
        yield "Interrupted. The update stays as it is, and was not verified to the end."
        yield "Go on: headstart update --verify"
    elif verdict.failed:
        yield f"It did not pass: {', '.join(check.name for check in verdict.failed)}."
        yield "When that is mended: headstart update --verify"
    else:
        yield from _after(verdict)
    if backup:
        yield "Take the update back: headstart update --rollback"


def _after(verdict: Verdict) -> Iterator[str]:
    if not verdict.open:
        yield "Verified."
    for check in verdict.open:
        if check.next:
            yield f"Still open, {check.name}: {check.next}"


def of_returned(returned: Returned) -> Report:
    """An update that was taken back."""
    return Report(asdict(returned), tuple(_returned(returned)))


def _returned(returned: Returned) -> Iterator[str]:
    yield f"The update is taken back: what it touched is as it was, at {returned.head[:10]}."
    yield f"To have it again: git reset --keep {returned.rescue}"
    for path in returned.revisions:
        yield f"  {path} went with it. A database that has run it goes back first: have the"
        yield "  update again, python -m migrate downgrade, headstart update --rollback"
    yield "Next: make up"
