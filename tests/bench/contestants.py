"""Ways to serve the same profiles, run by the rendered project's own Python.

    python contestants.py headstart|asyncpg|orm PORT DATABASE_URL

`headstart` is the project itself, with one endpoint more that creates a profile and a job. `asyncpg` is the limit of the stack: SQL on the driver, FastAPI around it. `orm` is how most projects
are written: a session per request, entities, a statement built anew each time. Both give the very
bytes that the project gives, but for times of writing.
"""
# The rendered project's packages are not those of the checkout that type-checks this file.
# mypy: ignore-errors

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from app.commands.api import make
from app.core import outbox
from app.core.jobs import Attempt, job
from app.core.envelope import SuccessModel
from app.core.listing import Cursors, Page, Position, sort_key
from app.core.transactions import Writes
from app.modules.profiles import service
from app.modules.profiles.models import Profile
from app.modules.profiles.schemas import ProfileIn, ProfileOut
from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

CURSORS = Cursors("change-me")
COLUMNS = """p.id, p.employee_number, p.full_name, p.email, p.department,
case when h.profile_id is null then 'none' when h.thumbnail is null then 'processing' else 'ready'
end as headshot, p.created_at, p.updated_at, p.version"""
JOINED = "profiles p left join profile_headshots h on h.profile_id = p.id"
LIST = f"select {COLUMNS} from {JOINED} order by p.created_at desc, p.id desc limit $1"
GET = f"select {COLUMNS} from {JOINED} where p.id = $1"
CREATE = """insert into profiles
(id, employee_number, full_name, email, department, name_key, created_at, updated_at, version)
values ($1, $2, $3, $4, $5, $6, $7, $7, 1)"""


def page_of(items: list[ProfileOut], limit: int) -> Page[ProfileOut]:
    more, shown = len(items) > limit, items[:limit]
    sort = {"sort": "-created_at"}
    last = Position(sort, shown[-1].created_at, shown[-1].id) if more else None
    return Page(items=shown, next=CURSORS.write(last) if last else None)


def on_asyncpg(url: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        async with asyncpg.create_pool(url, min_size=10, max_size=10) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/profiles")
    async def list_profiles(limit: int = 20) -> SuccessModel[Page[ProfileOut]]:
        rows = await app.state.pool.fetch(LIST, limit + 1)
        items = [ProfileOut.model_validate(dict(row)) for row in rows]
        return SuccessModel(data=page_of(items, limit))

    @app.get("/v1/profiles/{profile_id}")
    async def get_profile(profile_id: UUID) -> SuccessModel[ProfileOut]:
        row = await app.state.pool.fetchrow(GET, profile_id)
        return SuccessModel(data=ProfileOut.model_validate(dict(row)))

    @app.post("/v1/profiles", status_code=201)
    async def create_profile(draft: ProfileIn) -> SuccessModel[ProfileOut]:
        now, key = datetime.now(UTC), uuid4()
        async with app.state.pool.acquire() as connection, connection.transaction():
            values = draft.model_dump().values()
            await connection.execute(CREATE, key, *values, sort_key(draft.full_name), now)
            row = await connection.fetchrow(GET, key)
        return SuccessModel(data=ProfileOut.model_validate(dict(row)))

    return app


def on_the_orm(url: str) -> FastAPI:
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=20)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    app = FastAPI()

    async def session():
        async with sessions() as session:
            yield session

    @app.get("/v1/profiles")
    async def list_profiles(
        limit: int = 20, session: AsyncSession = Depends(session)
    ) -> SuccessModel[Page[ProfileOut]]:
        newest = (Profile.created_at.desc(), Profile.id.desc())
        statement = select(Profile).order_by(*newest).limit(limit + 1)
        profiles = (await session.scalars(statement)).all()
        return SuccessModel(data=page_of([*map(ProfileOut.model_validate, profiles)], limit))

    @app.get("/v1/profiles/{profile_id}")
    async def get_profile(
        profile_id: UUID, session: AsyncSession = Depends(session)
    ) -> SuccessModel[ProfileOut]:
        profile = (await session.scalars(select(Profile).where(Profile.id == profile_id))).one()
        return SuccessModel(data=ProfileOut.model_validate(profile))

    @app.post("/v1/profiles", status_code=201)
    async def create_profile(
        draft: ProfileIn, session: AsyncSession = Depends(session)
    ) -> SuccessModel[ProfileOut]:
        now = datetime.now(UTC)
        name_key = sort_key(draft.full_name)
        profile = Profile(created_at=now, updated_at=now, name_key=name_key, **draft.model_dump())
        session.add(profile)
        await session.commit()
        await session.refresh(profile)
        return SuccessModel(data=ProfileOut.model_validate(profile))

    return app


def the_project(_: str) -> FastAPI:
    @job("bench.nothing")
    async def nothing(_: Attempt) -> None:
        """Nothing."""

    app = make()

    @app.post("/v1/profiles-with-job", status_code=201)
    async def create_with_job(draft: ProfileIn, writes: Writes) -> SuccessModel[ProfileOut]:
        profile = await service.create(writes, draft)
        await outbox.enqueue(writes, "bench.nothing")
        return SuccessModel(data=profile)

    return app


WAYS = {"headstart": the_project, "asyncpg": on_asyncpg, "orm": on_the_orm}

if __name__ == "__main__":
    way, port, url = sys.argv[1:]
    uvicorn.run(
        WAYS[way](url),
        port=int(port),
        access_log=False,
        log_level="warning",
    )
