"""What becomes of a key, and when: decided here, from what there is, and done elsewhere.

    next → current → retired → gone          and from each of them: revoked

A `next` key is published and signs nothing, until everybody who verifies can know it. A `retired`
one signs nothing any more and still verifies and opens, until nothing of it can be underway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a key is for."""

    DATA = "data"
    SIGNING = "signing"
    ENCRYPTION = "encryption"
    WEBHOOK = "webhook"


class State(StrEnum):
    """How far a key has come."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Key:
    """A key without what it is: `since` it has its state."""

    kid: str
    kind: Kind
    algorithm: str
    state: State
    since: datetime
    created_at: datetime


@dataclass(frozen=True)
class Policy:
    """How long a key is current, how long before that it is known, and how long after it serves."""

    lifetime: timedelta
    ahead: timedelta
    overlap: timedelta


@dataclass(frozen=True)
class Make:
    """Let there be a new key in that state."""

    kind: Kind
    state: State


@dataclass(frozen=True)
class Move:
    """Let a key go from one state into another."""

    kid: str
    source: State
    target: State


@dataclass(frozen=True)
class Forget:
    """Delete a key, and with it whatever only that key can verify or open."""

    kid: str


Step = Make | Move | Forget


def plan(kind: Kind, keys: Sequence[Key], policy: Policy, now: datetime) -> list[Step]:
    """Return what is due among the keys of a kind; nothing, once it is done.

    The order matters: there are never two current keys, nor two next ones.
    """
    return [*_succession(kind, keys, policy, now), *_forgotten(keys, policy, now)]


def _succession(kind: Kind, keys: Sequence[Key], policy: Policy, now: datetime) -> Iterator[Step]:
    current, following = _of(keys, State.CURRENT), _of(keys, State.NEXT)
    if current is None:
        # Revoked, or the first: waiting would leave nothing to sign with.
        yield Make(kind, State.CURRENT) if following is None else _promoted(following)
    elif following is None:
        if now >= current.since + policy.lifetime - policy.ahead:
            yield Make(kind, State.NEXT)
    elif now >= following.since + policy.ahead:
        yield Move(current.kid, State.CURRENT, State.RETIRED)
        yield _promoted(following)


def _promoted(key: Key) -> Move:
    return Move(key.kid, State.NEXT, State.CURRENT)


def _forgotten(keys: Sequence[Key], policy: Policy, now: datetime) -> Iterator[Step]:
    for key in keys:
        # A data key is needed for as long as anything is sealed by it, which no time tells.
        serves_on = key.state is not State.RETIRED or key.kind is Kind.DATA
        if not serves_on and now >= key.since + policy.overlap:
            yield Forget(key.kid)


def begun_early(kind: Kind, keys: Sequence[Key]) -> list[Step]:
    """Return what begins a succession before its time; nothing where one has begun."""
    if _of(keys, State.CURRENT) is None or _of(keys, State.NEXT) is not None:
        return []
    return [Make(kind, State.NEXT)]


def due_at(key: Key, policy: Policy) -> datetime | None:
    """Return when the key leaves its state by itself; None: it does not."""
    if key.state is State.NEXT:
        return key.since + policy.ahead
    if key.state is State.CURRENT:
        return key.since + policy.lifetime
    if key.state is State.RETIRED and key.kind is not Kind.DATA:
        return key.since + policy.overlap
    return None


def _of(keys: Sequence[Key], state: State) -> Key | None:
    return next((key for key in keys if key.state is state), None)


def told(step: Step) -> str:
    """Say what was done, in a log or to whoever did it."""
    if isinstance(step, Make):
        return f"made the {step.state} {step.kind} key"
    if isinstance(step, Forget):
        return f"deleted {step.kid}"
    return f"{step.kid} is {step.target} now"
