"""Observers: who is told of the work while it happens. Where nobody is, that costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.outbox import Job


class JobHook:
    """Whom a feature registers with `observe`; it overrides what it wants to know."""

    def headers(self) -> Mapping[str, str]:
        """Return what a job that is enqueued now carries to each of its attempts."""
        return {}

    def attempt(self, job: Job) -> AbstractContextManager[object]:  # noqa: ARG002 - for those who override it
        """Return what surrounds one attempt; the error of an attempt that fails passes through."""
        return nullcontext()

    def count(self, what: str, outcome: str, number: int) -> None:
        """Learn that `what` has come to `outcome`, `number` times."""


_hooks: dict[type[JobHook], JobHook] = {}


def observe(observer: JobHook) -> None:
    """Tell `observer` from now on, instead of an earlier one of its class."""
    _hooks[type(observer)] = observer


def ignore(observer: JobHook) -> None:
    """Stop telling `observer`."""
    if _hooks.get(type(observer)) is observer:
        del _hooks[type(observer)]


def headers() -> dict[str, str]:
    """Return what all observers send along with a job that is enqueued now."""
    return {name: text for each in _hooks.values() for name, text in each.headers().items()}


@contextmanager
def attempt(job: Job) -> Iterator[None]:
    """Let every observer surround one attempt of `job`."""
    with ExitStack() as stack:
        for each in _hooks.values():
            stack.enter_context(each.attempt(job))
        yield


def count(what: str, outcome: str, number: int = 1) -> None:
    """Tell every observer that `what` has come to `outcome`, `number` times."""
    for each in _hooks.values():
        each.count(what, outcome, number)
