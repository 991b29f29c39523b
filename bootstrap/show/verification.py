"""What is reported of an update besides its files: what it asks of people, and its verification."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.errors import ExitCode
from bootstrap.language import Said
from bootstrap.show.items import Pair
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bootstrap.project.attention import Attention
    from bootstrap.project.broken_imports import BrokenImport
    from bootstrap.project.rollback import Returned
    from bootstrap.project.verification import Verdict

_FEW = 8  # packages that are named one by one


def attention_document(attention: Attention) -> dict[str, object]:
    """For programs."""
    return {
        "changed_defaults": [each._asdict() for each in attention.defaults],
        "removed_files": list(attention.removed),
        "migrations": [each._asdict() for each in attention.migrations],
        "pins": [each._asdict() for each in attention.pins],
        "packages": [each._asdict() for each in attention.packages],
        "hooks": attention.hooks,
    }


def attention_pairs(attention: Attention) -> Iterator[Pair]:
    """For people."""
    for default in attention.defaults:
        change = f"{default.name} {default.before} → {default.after} ({default.path})"
        yield Pair(Said("changed default"), change)
    if attention.removed:
        yield Pair(Said("removed files"), ", ".join(attention.removed))
    for migration in attention.migrations:
        yield Pair(Said("migration to run"), f"{migration.id} {migration.title}".rstrip())
    for pin in attention.pins:
        yield Pair(pin.name, f"{pin.before} → {pin.after}")
    if attention.packages:
        yield Pair("packages", _packages(attention))
    if attention.hooks:
        yield Pair(
            "git hooks", Said("others than before, once you run {hooks}", hooks=attention.hooks)
        )
    if attention.machine:
        yield Pair("make up", Said("installs all this, and migrates the database"))


def import_pairs(broken: Iterable[BrokenImport]) -> Iterator[Pair]:
    """The imports that an update breaks, for people."""
    for each in broken:
        yield Pair(Said("broken import"), f"{each.where} {each.missing}: {each.words}")


def _packages(attention: Attention) -> str:
    changes = attention.packages
    if len(changes) > _FEW:
        new = sum(not each.before for each in changes)
        removed = sum(not each.after for each in changes)
        changed = len(changes) - new - removed
        counts = ((changed, "changed"), (new, "new"), (removed, "removed"))
        return ", ".join(f"{count} {what}" for count, what in counts if count)
    return ", ".join(
        f"{each.name} {each.before or 'new'} → {each.after or 'removed'}" for each in changes
    )


def verified(verdict: Verdict, backup: str, document: Mapping[str, object]) -> Report:
    """How the checks of an update ended; `document` is the update's, `backup` the way back."""
    code = ExitCode.FAILED if verdict.failed else ExitCode.DONE
    code = ExitCode.INTERRUPTED if verdict.interrupted else code
    whole = {**document, "verification": verdict_document(verdict)}
    return Report(tuple(_verdict(verdict, backup)), whole, code)


def verdict_document(verdict: Verdict) -> dict[str, object]:
    """For programs."""
    checks = [
        asdict(each) | {"name": _known(each.name), "seconds": round(each.seconds, 3)}
        for each in verdict.checks
    ]
    interrupted = _known(verdict.interrupted)
    return {"outcome": verdict.outcome, "interrupted": interrupted, "checks": checks}


def _known(check: str) -> str:
    """The name of a check that programs know since 0.4.0."""
    from bootstrap.project.verification import PINS  # noqa: PLC0415 - loaded by then

    return "environment" if check == PINS else check


def _verdict(verdict: Verdict, backup: str) -> Iterator[str]:
    """What to do after the checks, each of which was shown when it ended."""
    yield ""
    if verdict.interrupted:
        yield Said("Interrupted. The update stays, but it was not verified completely.")
        yield Said("To continue: headstart update --verify")
    elif verdict.failed:
        yield Said(
            "Verification failed: {names}.", names=", ".join(check.name for check in verdict.failed)
        )
        for check in verdict.failed:
            if check.next not in {"", check.name}:
                yield f"To fix {check.name}: {check.next}"
        yield Said("When that is fixed: headstart update --verify")
    elif verdict.whole:
        yield Said("Verified.")
    else:
        yield Said(
            "Verified: {names}.",
            names=", ".join(check.name for check in verdict.passed) or "nothing",
        )
        for check in verdict.open:
            yield Said(
                "Not verified, {name}: {next}", name=check.name, next=check.next or check.told
            )
        if not any(check.name.startswith("make ") for check in verdict.checks):
            yield Said(
                "Not verified, make check, make test: no toolchain.yml says with which tools"
            )
    if backup:
        yield Said("To undo the update: headstart update --rollback")


def rolled_back(returned: Returned) -> Report:
    """An update that was undone."""
    return Report(tuple(_rolled_back(returned)), asdict(returned))


def _rolled_back(returned: Returned) -> Iterator[str]:
    yield Said(
        "The update is undone: its files are as they were, at {head}.", head=returned.head[:10]
    )
    yield Said("To restore it: git reset --keep {rescue}", rescue=returned.rescue)
    for path in returned.revisions:
        yield Said(
            "  {path} was removed with it. A database that has run it must go back first:",
            path=path,
        )
        yield Said("  restore the update, python -m migrate downgrade, headstart update --rollback")
    yield Said("Next: make up")
