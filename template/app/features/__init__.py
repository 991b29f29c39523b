"""Optional slices of the backend: every module here is one, found by being here.

A feature installs itself into the api with `install` and into a worker's process with
`install_worker`. Nothing else knows it, so that removing its files removes it. What it opens it
closes: at the end of the api by `app.state.at_end`, of a worker by a middleware of its broker.
Tables are mapped, and what surrounds jobs is named (`core/runner.py`), when it is imported. One
that knows who calls says so in `request.state.caller`, a text. Two context managers are optional:
`request_headers(settings)` yields what an operator's request must carry, and in
`paused_jobs(url, seconds, say)` no job runs anywhere, until it sets the event that it yields.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from pydantic_settings import BaseSettings

from app.settings import Environment, Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

Own = TypeVar("Own", bound=BaseSettings)
Headers = dict[str, str]
RequestHeaders = Callable[[Settings], AbstractContextManager[Headers]]


class Feature(Protocol):
    """What a module of this package has."""

    def install(self, app: FastAPI) -> None:
        """Become a part of the api, before it starts."""

    def install_worker(self, broker: dramatiq.Broker, settings: Settings) -> None:
        """Become a part of a worker's process, before it works."""


def found() -> Iterator[Feature]:
    """Yield every feature, in the order of names; raises TypeError for a file that is none."""
    for module in pkgutil.iter_modules(__path__):
        feature = import_module(f"{__name__}.{module.name}")
        for function in ("install", "install_worker"):
            if not hasattr(feature, function):
                raise TypeError(f"app/features/{module.name} is no feature: no {function}()")
        yield cast("Feature", feature)


def load_models() -> None:
    """Map the tables of every feature."""
    tuple(found())


@contextmanager
def request_headers(settings: Settings) -> Iterator[Headers]:
    """Yield the headers with which a request of an operator's command passes every feature."""
    headers: Headers = {}
    with ExitStack() as stack:
        for feature in found():
            enter: RequestHeaders | None = getattr(feature, "request_headers", None)
            headers |= stack.enter_context(enter(settings)) if enter is not None else {}
        yield headers


def read_settings(kind: type[Own], settings: Settings) -> Own:
    """Read a feature's own settings from where `settings` came from: for a test not from `.env`."""
    in_test = settings.environment is Environment.TEST
    return kind(_env_file=None if in_test else ".env")
