"""Health: whether the process lives, and whether it can serve. They are different questions."""

from __future__ import annotations

from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.core.database import Database
from app.core.revisions import Revisions, stored_versions

logger = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])

BROKER_SECONDS = 1

State = Literal["ok", "ahead", "behind", "failed"]
# A database ahead serves this code too. Without its broker only jobs wait, in the outbox.
SERVING: frozenset[State] = frozenset({"ok", "ahead"})


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Check(BaseModel):
    """One thing that the process needs."""

    status: State
    detail: str | None = Field(default=None, description="What to do about it.")


class Readiness(BaseModel):
    """What the process needs, each with its state; `degraded` serves requests, but no jobs."""

    status: Literal["ok", "degraded", "failed"]
    checks: dict[str, Check]


@router.get("/livez")
async def livez() -> Liveness:
    """Say that the process lives. Looks at nothing else: a restart mends no database."""
    return Liveness()


@router.get("/readyz", response_model_exclude_none=True, responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Say whether requests can be served: 503 takes this process out of rotation."""
    state = request.app.state
    checks = {"database": await _database(state.database, state.revisions)}
    status: Literal["ok", "degraded", "failed"] = "ok"
    if checks["database"].status not in SERVING:
        status = "failed"
    if state.settings.redis_url is not None:
        checks["broker"] = await _broker(state.settings.redis_url)
        if checks["broker"].status == "failed" and status == "ok":
            status = "degraded"
    response.status_code = 503 if status == "failed" else 200
    return Readiness(status=status, checks=checks)


async def _database(database: Database, revisions: Revisions) -> Check:
    try:
        stored = await stored_versions(database)
    except Exception:
        logger.exception("readyz.database")
        return Check(status="failed", detail="it does not answer, or was never migrated")
    standing = revisions.standing(stored)
    if standing == "ok":
        return Check(status="ok")
    has, needs = (", ".join(sorted(each)) or "none" for each in (stored, revisions.heads))
    return Check(status=standing, detail=f"it is at revision {has}, this code at {needs}")


async def _broker(url: str) -> Check:
    from redis.asyncio import Redis  # noqa: PLC0415 - only who has Redis pays for it

    try:
        client = Redis.from_url(
            url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
        )
        async with client:
            await client.ping()
    except Exception:
        logger.exception("readyz.broker")
        return Check(status="failed", detail="it does not answer; jobs wait in the outbox")
    return Check(status="ok")
