"""Rows that were found to be good are written, by the resource's own function.

What it or the database refuses is undone to the row, and the others are written without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel
from sqlalchemy import insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from app.core import outbox
from app.core.database import WriteSession
from app.core.errors import ProblemError
from app.features.transfers.declared import Transfer, Written
from app.features.transfers.incoming import imports, settings
from app.features.transfers.incoming.checking import KNOWN, Work, in_thread, known_keys
from app.features.transfers.incoming.models import ERRORS, IMPORTS, LONGEST_ERROR, Existing, State
from app.features.transfers.incoming.tables import Row

Counts = dict[str, int]
# So many refusals are in memory, and told of a transaction that cannot be committed any more.
MOST_REFUSED = 1000
TAKEN = "it contradicts what is stored: a value is taken, or what it refers to is not there"
# What is of a row's values, by SQLSTATE (data, constraints, what a trigger raises), and by MySQL's
# own numbers, which calls some of it operational.
OF_VALUES = {"22", "23", "P0"}
OF_VALUES_IN_MYSQL = {1264, 1265, 1292, 1366, 1406, 1644, 3819, 4025}


@dataclass
class Outcome:
    """What has become of rows."""

    counts: Counter[Written] = field(default_factory=Counter)
    errors: dict[int, str] = field(default_factory=dict)

    def values(self) -> dict[str, int]:
        return {each.value: self.counts[each] for each in Written}


class _Refused(Exception):
    """The transaction must be rolled back."""


async def write_all(work: Work, counts: Counts) -> dict[int, str]:
    """Write every row and end the import, all in one transaction; or nothing, and say why.

    The job ends with it, and not at its beginning: its lease is renewed meanwhile.
    """
    whole = Outcome()
    try:
        async with work.database.writes() as session:
            await _write_each(session, work, whole)
            await imports.end(session, work.running, State.DONE, **counts, **whole.values())
            await outbox.finish(session, work.attempt.job)
    except _Refused:
        return whole.errors
    work.attempt.finished = True
    return {}


async def _write_each(session: WriteSession, work: Work, whole: Outcome) -> None:
    batches = work.staging.good(0, settings.own().transfers_batch)
    while batch := await in_thread(next, batches, ()):
        outcome = await _write(session, work, batch, await in_thread(work.columns.models, batch))
        whole.counts += outcome.counts
        whole.errors |= outcome.errors
        if len(whole.errors) > MOST_REFUSED:
            break
        await imports.require_running(work.database.reads, work.running)
    if whole.errors:
        raise _Refused


async def write_partial(work: Work) -> None:
    """Write the rows that are left, each batch in a transaction that says how far it is."""
    running = work.running
    batches = work.staging.good(running.written_to, settings.own().transfers_batch)
    while batch := await in_thread(next, batches, ()):
        models = await in_thread(work.columns.models, batch)
        async with work.database.writes() as session:
            outcome = await _write(session, work, batch, models)
            if outcome.errors:
                rows = [
                    {"import_id": running.id, "row": number, "error": error[:LONGEST_ERROR]}
                    for number, error in outcome.errors.items()
                ]
                await session.execute(insert(ERRORS), rows)
            more = {name: IMPORTS.c[name] + number for name, number in outcome.values().items()}
            await imports.note(session, running, **more, written_to=batch[-1].number)


async def stage_refused(work: Work) -> None:
    """Stage why rows could not be written, by any attempt."""
    wanted = select(ERRORS.c.row, ERRORS.c.error).where(ERRORS.c.import_id == work.running.id)
    wanted, last = wanted.order_by(ERRORS.c.row).limit(MOST_REFUSED), 0
    while rows := (await work.database.reads.execute(wanted.where(ERRORS.c.row > last))).all():
        await in_thread(work.staging.refuse, {row.row: row.error for row in rows})
        last = rows[-1].row


async def _write(
    session: WriteSession, work: Work, rows: Sequence[Row], models: Sequence[BaseModel]
) -> Outcome:
    transfer, outcome = work.columns.transfer, Outcome()
    numbered = {row.number: model for row, model in zip(rows, models, strict=True)}
    if work.running.existing is Existing.REFUSE:
        keys = {number: work.columns.key(model) for number, model in numbered.items()}
        known = await known_keys(session.execute, transfer, list(keys.values()))
        outcome.errors = {number: KNOWN for number, key in keys.items() if key in known}
        numbered = {n: model for n, model in numbered.items() if n not in outcome.errors}
    if not numbered:
        return outcome
    try:
        outcome.counts.update(await _write_inside(session, transfer, [*numbered.values()]))
    except Exception as error:
        if not is_of_values(error):
            raise
        # One of them is not taken: each by itself, then it is known which.
        for number, model in numbered.items():
            await _write_one(session, transfer, number, model, outcome)
    return outcome


async def _write_one(
    session: WriteSession, transfer: Transfer, number: int, model: BaseModel, outcome: Outcome
) -> None:
    try:
        outcome.counts.update(await _write_inside(session, transfer, [model]))
    except Exception as error:
        if not is_of_values(error):
            raise
        outcome.errors[number] = _told(error)


async def _write_inside(
    session: WriteSession, transfer: Transfer, models: Sequence[BaseModel]
) -> Sequence[Written]:
    async with session.begin_nested():
        return await transfer.write(session, models)


def is_of_values(error: Exception) -> bool:
    """Say whether a row is refused, however often it is tried; a deadlock or an outage passes."""
    match error:
        case IntegrityError() | DataError():
            return True
        case DBAPIError(orig=orig):
            state = getattr(orig, "sqlstate", None)
            if state is not None:
                return str(state)[:2] in OF_VALUES
            return bool(orig and orig.args and orig.args[0] in OF_VALUES_IN_MYSQL)
    # What a statement cannot even be given is a StatementError, or the driver's ArithmeticError.
    return isinstance(error, ProblemError | StatementError | ValueError | ArithmeticError)


def _told(error: Exception) -> str:
    """Say it without what the database says, which has values of other rows in it."""
    match error:
        case ProblemError():
            return error.detail
        case IntegrityError():
            return TAKEN
        case StatementError():
            return "a value is none that its column has room for"
    return str(error)
