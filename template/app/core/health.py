"""Health: whether the process lives, and whether it can serve. They are different questions."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from app.core.database import Database

logger = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])

State = Literal["ok", "failed"]


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """What the process needs, each with its state."""

    status: State
    checks: dict[str, State]


@router.get("/livez")
async def livez() -> Liveness:
    """Say that the process lives. Looks at nothing else: a restart mends no database."""
    return Liveness()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Say whether requests can be served: 503 takes this process out of rotation."""
    checks = {"database": await _database(request.app.state.database)}
    status: State = "ok" if set(checks.values()) == {"ok"} else "failed"
    response.status_code = 200 if status == "ok" else 503
    return Readiness(status=status, checks=checks)


async def _database(database: Database) -> State:
    try:
        async with database.reads() as connection:
            await connection.execute(text("SELECT version_num FROM alembic_version"))
    except Exception:
        logger.exception("readyz.database")
        return "failed"
    return "ok"
