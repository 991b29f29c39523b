"""`cached`: a function reads once, and what it returned serves until it ends or is dropped."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from app.core import job_hooks
from app.core.database import ReadConnection
from app.features.cache import default_store
from app.features.cache.store import LONGEST, Found

P = ParamSpec("P")
R = TypeVar("R")
Reader = Callable[Concatenate[ReadConnection, P], Coroutine[Any, Any, R]]


def cached(
    *, for_: timedelta, tags: Callable[..., Iterable[str]] | None = None
) -> Callable[[Reader[P, R]], Reader[P, R]]:
    """Keep what a function returns for about so long, or until one of its `tags` is dropped.

    The arguments besides the connection are the key, and `tags` is called with them. The value is
    kept as JSON and comes back as the annotated type. What is raised is not kept.
    """
    if for_ > LONGEST:
        raise ValueError(f"nothing is kept for longer than {LONGEST}")

    def decorate(function: Reader[P, R]) -> Reader[P, R]:
        kept: Kept[R] = Kept(function, for_)

        @functools.wraps(function)
        async def read(reads: ReadConnection, /, *args: P.args, **kwargs: P.kwargs) -> R:
            async def load() -> R:
                return await function(reads, *args, **kwargs)

            named = list(tags(*args, **kwargs)) if tags else []
            return await kept.value(kept.key(args, kwargs), named, load)

        return read

    return decorate


class Kept(Generic[R]):
    """What is kept of one function: its keys, its type and how long."""

    def __init__(self, function: Callable[..., Awaitable[R]], lifetime: timedelta) -> None:
        """Prepare; annotations are looked up at the first call, when all of them exist."""
        self._function = function
        self._signature = inspect.signature(function)
        self._lifetime = lifetime

    @functools.cached_property
    def _type(self) -> TypeAdapter[R]:
        return TypeAdapter(get_type_hints(self._function)["return"])

    @functools.cached_property
    def _name(self) -> str:
        # With the shape of the value: code of another shape has keys of its own.
        shape = sha256(to_json(self._type.json_schema())).hexdigest()[:8]
        return f"{self._function.__module__}.{self._function.__qualname__}:{shape}"

    def key(self, args: Sequence[object], kwargs: dict[str, object]) -> str:
        bound = self._signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        _, *arguments = bound.arguments.items()
        return f"{self._name}:{sha256(to_json(arguments)).hexdigest()[:32]}"

    async def value(self, key: str, tags: Sequence[str], load: Callable[[], Awaitable[R]]) -> R:
        """Return what is kept, or load it, once however many ask."""
        store = default_store.store()
        hit = self._read(await store.find(key, tags))
        if hit is not None:
            job_hooks.count("cache_reads", "hit")
            return hit[0]
        async with store.reading(key, tags) as found:
            hit = self._read(found)
            if hit is not None:
                job_hooks.count("cache_reads", "waited")
                return hit[0]
            job_hooks.count("cache_reads", "miss")
            value = await load()
            # Spread: what was kept together must not end together.
            lifetime = self._lifetime * random.uniform(0.9, 1)  # noqa: S311 - jitter, not a secret
            await store.keep(key, self._type.dump_json(value), found, lifetime)
            return value

    def _read(self, found: Found) -> tuple[R] | None:
        """Return the value in a tuple: None may be a value too."""
        if found.value is None:
            return None
        try:
            return (self._type.validate_json(found.value),)
        except ValidationError:
            return None
