"""Import what is told, a line of JSON each, into a render's own api on a database of its own.

A line has a query and a file as Base64; what it prints is the answer's status and, where there is
an import, how it has ended and which profiles there are then.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import delete, select

from app.core import jobs
from app.features.transfers.incoming.models import IMPORTS
from app.main import create_app
from app.modules.profiles.models import Profile
from app.settings import Settings

jobs.pause_after = lambda _: timedelta(0)
URL = "/v1/imports/profiles"


async def imported(client: httpx.AsyncClient, query: dict[str, str], file: bytes) -> dict[str, Any]:
    answer = await client.post(URL, params=query, content=file)
    if not answer.is_success:
        return {"status": answer.status_code, **answer.json()}
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(answer.headers["location"])).json()["data"]
            if found["ended_at"]:
                break
            await asyncio.sleep(0.005)
    if found["bad"]:
        report = await client.get(f"{URL}/{found['id']}/report")
        found["report_status"] = report.status_code
    return {"status": answer.status_code, **found}


async def main() -> None:
    app = create_app(Settings(job_poll=timedelta(milliseconds=20)))
    database = app.state.database
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        print(json.dumps("ready"), flush=True)  # noqa: T201 - what the test reads
        while line := await asyncio.to_thread(sys.stdin.readline):
            query, file = json.loads(line)
            try:
                told = await imported(client, query, base64.b64decode(file))
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                told = {"status": 500, "error": f"{type(error).__name__}: {error}"}
            rows = await database.reads.execute(select(Profile.employee_number))
            told["profiles"] = sorted(rows.scalars())
            async with database.writes() as session:
                await session.execute(delete(Profile))
                await session.execute(delete(IMPORTS))
            print(json.dumps(told), flush=True)  # noqa: T201 - as above


asyncio.run(main())
