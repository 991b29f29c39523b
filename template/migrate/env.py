"""Alembic's entry: which database, which tables, and the safe way to run."""

from __future__ import annotations

from alembic import context
from sqlalchemy import MetaData

from migrate.kit import runtime
from migrate.project import database_url


def models() -> MetaData:
    """Map every table of the code, and return them all: only what compares them pays for that."""
    from app import features, modules, outer_models  # noqa: PLC0415
    from app.core import outbox  # noqa: PLC0415
    from app.core.database import Base  # noqa: PLC0415

    modules.load_models()
    features.load_models()
    assert outbox, "mapped by being imported"  # noqa: S101
    assert outer_models, "mapped by being imported"  # noqa: S101
    return Base.metadata


url = context.config.attributes.get("url") or database_url()

if context.is_offline_mode():
    runtime.offline(url)
else:
    runtime.online(url, models)
