"""Alembic's entry: which database, which tables, and the safe way to run (`migrate.runtime`)."""

from __future__ import annotations

from alembic import context

from app import features, modules, outer_models
from app.core import outbox
from app.core.database import Base
from app.settings import Settings
from migrate import runtime

__all__ = ["outbox", "outer_models"]  # imported for the tables they map

modules.load_models()
features.load_models()
url = context.config.attributes.get("url") or Settings().database_url

if context.is_offline_mode():
    runtime.offline(url, Base.metadata)
else:
    runtime.online(url, Base.metadata)
