"""Keys: made, rotated with overlap, published; and columns that only they can open.

    iban: Mapped[Sealed | None] = mapped_column(Encrypted(34))

    keys = await keyset(session)
    employee.iban = keys.seal(Employee.iban, employee.id, draft.iban)
    token = sign(keys, {"sub": "shop"}, timedelta(minutes=10))

What a key is, is in the database only under the master key, and that is not in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.features.keys import jobs, process
from app.features.keys.columns import Encrypted, Sealed
from app.features.keys.keyset import Keyset, NoKey, keyset
from app.features.keys.tokens import decrypt, sign, webhook_signatures
from app.settings import Environment, Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

__all__ = [
    "Encrypted",
    "Keyset",
    "NoKey",
    "Sealed",
    "decrypt",
    "install",
    "install_worker",
    "jobs",
    "keyset",
    "sign",
    "webhook_signatures",
]


def install(app: FastAPI) -> None:
    """Publish the public keys, and have all of them at the start; raises UnusableMasterKey."""
    from app.features.keys import endpoints  # noqa: PLC0415 - only an api pays for it

    process.configure(app.state.settings)
    app.include_router(endpoints.router)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with inner(app):
            await jobs.begin(app.state.database)
            yield

    app.router.lifespan_context = lifespan


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:  # noqa: ARG001
    """Have the keys before any job needs them; raises UnusableMasterKey or UnknownMasterKey."""
    process.configure(settings)
    # What fails later does not end a worker. One of a test may have another master key than it.
    if settings.environment is Environment.PRODUCTION:
        asyncio.run(jobs.require_usable(settings))
