"""What becomes of keys: whatever happens and whenever somebody looks, these hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from app.features.keys.states import (
    Forget,
    Key,
    Kind,
    Make,
    Move,
    Policy,
    State,
    Step,
    begun_early,
    due_at,
    plan,
)

POLICY = Policy(lifetime=timedelta(days=90), ahead=timedelta(days=1), overlap=timedelta(days=7))
START = datetime(2026, 1, 1, tzinfo=UTC)


def applied(keys: list[Key], step: Step, now: datetime) -> list[Key]:
    if isinstance(step, Make):
        return [*keys, Key(f"{len(keys)} {now}", step.kind, "x", step.state, now, now)]
    if isinstance(step, Forget):
        return [key for key in keys if key.kid != step.kid]
    changed = [key for key in keys if key.kid == step.kid and key.state is step.source]
    assert len(changed) == 1
    moved = replace(changed[0], state=step.target, since=now)
    return [moved if key is changed[0] else key for key in keys]


def rotated(kind: Kind, keys: list[Key], now: datetime) -> list[Key]:
    for step in plan(kind, keys, POLICY, now):
        keys = applied(keys, step, now)
        for state in (State.NEXT, State.CURRENT):
            assert sum(key.state is state for key in keys) <= 1
    assert plan(kind, keys, POLICY, now) == []
    return keys


def test_a_key_is_known_before_it_signs_and_after_that() -> None:
    for hours in permutations([1, 5, 30, 24 * 8, 24 * 100], 4):
        now, keys = START, rotated(Kind.SIGNING, [], START)
        for number, wait in enumerate([*hours, *hours, *reversed(hours)]):
            now += timedelta(hours=wait)
            before = keys
            for step in begun_early(Kind.SIGNING, keys) if number % 3 == 0 else ():
                keys = applied(keys, step, now)
            keys = rotated(Kind.SIGNING, keys, now)
            hold(before, keys, now)


def hold(before: Sequence[Key], after: Sequence[Key], now: datetime) -> None:
    """Let nothing sign that is not known long enough, nor go before its overlap is over."""
    was = {key.kid: key for key in before}
    assert sum(key.state is State.CURRENT for key in after) == 1
    for key in after:
        old = was.pop(key.kid, None)
        if old is not None and (old.state, key.state) == (State.NEXT, State.CURRENT):
            assert now - old.since >= POLICY.ahead
    for gone in was.values():
        assert gone.state is State.RETIRED
        assert now - gone.since >= POLICY.overlap


def test_one_that_is_revoked_is_replaced_at_once_and_stays_on_record() -> None:
    keys = rotated(Kind.SIGNING, [], START)
    revoked = Move(keys[0].kid, State.CURRENT, State.REVOKED)
    keys = rotated(Kind.SIGNING, applied(keys, revoked, START), START)
    assert sorted(key.state for key in keys) == [State.CURRENT, State.REVOKED]
    assert rotated(Kind.SIGNING, keys, START + timedelta(days=50)) == keys


def test_where_there_is_a_next_one_that_takes_over() -> None:
    keys = rotated(Kind.SIGNING, [], START)
    (make,) = begun_early(Kind.SIGNING, keys)
    keys = applied(keys, make, START)
    assert begun_early(Kind.SIGNING, keys) == []
    revoked = Move(keys[0].kid, State.CURRENT, State.REVOKED)
    assert rotated(Kind.SIGNING, applied(keys, revoked, START), START)[1].state is State.CURRENT


def test_a_data_key_is_never_forgotten_by_time() -> None:
    old = Key("k", Kind.DATA, "x", State.RETIRED, START, START)
    now = START + timedelta(days=5000)
    assert Forget("k") not in plan(Kind.DATA, [old], POLICY, now)
    assert Forget("k") in plan(Kind.WEBHOOK, [replace(old, kind=Kind.WEBHOOK)], POLICY, now)
    assert due_at(old, POLICY) is None
