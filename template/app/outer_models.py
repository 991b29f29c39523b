"""Tables that others own: mapped here to be read and referred to, invisible to migrations.

Map one with `@outer` on the common Base, so that foreign keys to it resolve:

    @outer
    class LegacyUser(Base):
        __tablename__ = "legacy_user"
        id: Mapped[int] = mapped_column(primary_key=True)

Autogenerate never creates, alters or drops it (`migrate/env.py`).
"""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Table

from app.core.database import Base

Model = TypeVar("Model", bound=type[Base])


def outer(model: Model) -> Model:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - a mapped class has a table; for the type checker
    table.info["managed"] = False
    return model
