"""Hooks around jobs, for features that watch or measure. Without any they cost nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.outbox import Job


class JobHook:
    """What a feature registers; it overrides what it wants to know."""

    def headers(self) -> Mapping[str, str]:
        """Return what a job that is enqueued now carries to each of its attempts."""
        return {}

    # The job is for those who override it.
    def attempt(self, job: Job) -> AbstractContextManager[object]:  # noqa: ARG002
        """Return what surrounds one attempt; the error of an attempt that fails passes through."""
        return nullcontext()

    def count(self, what: str, outcome: str, number: int) -> None:
        """Learn that `what` has come to `outcome`, `number` times."""


_hooks: dict[type[JobHook], JobHook] = {}


def register(hook: JobHook) -> None:
    """Call `hook` from now on, instead of an earlier one of its class."""
    _hooks[type(hook)] = hook


def unregister(hook: JobHook) -> None:
    if _hooks.get(type(hook)) is hook:
        del _hooks[type(hook)]


def headers() -> dict[str, str]:
    """Return what all hooks send along with a job that is enqueued now."""
    return {name: text for each in _hooks.values() for name, text in each.headers().items()}


@contextmanager
def attempt(job: Job) -> Iterator[None]:
    """Let every hook surround one attempt of `job`."""
    with ExitStack() as stack:
        for each in _hooks.values():
            stack.enter_context(each.attempt(job))
        yield


def count(what: str, outcome: str, number: int = 1) -> None:
    """Tell every hook that `what` has come to `outcome`, `number` times."""
    for each in _hooks.values():
        each.count(what, outcome, number)
