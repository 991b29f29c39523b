"""What sending mail costs beside the bare library: `python -m tests.bench.mail PROJECT`.

CPU of one process for the same mails to one server, over one connection, in interleaved rounds:
aiosmtplib alone, and the job that sends what is due, with a row for each that says how it went.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.rendered.servers import free_port, listens
from tests.waiting import wait_until

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MAILS = 100  # what one job sends
SERVER = Path(__file__).parents[1] / "rendered/mail_program.py"
PROGRAM = """
import asyncio, statistics, sys, time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiosmtplib
from sqlalchemy import select

from app import modules
from app.core import jobs, outbox
from app.core.database import Database
from app.core.logging import configure_logging
from app.features import load_models
from app.features.notifications import Mail, send_mail
from app.features.notifications.jobs import configure
from app.features.notifications.mail import Envelope, written
from app.features.notifications.tables import MESSAGES
from app.settings import Settings

ROUNDS, MAILS, PORT = map(int, sys.argv[1:])
LEASE = timedelta(minutes=5)


def mails():
    return [Mail(f"u{each}@example.com", "News", "All is well.\\n" * 20) for each in range(MAILS)]


async def bare(database):
    now = datetime.now(UTC)
    said = [written(each, Envelope("a@example.com", uuid4(), now)) for each in mails()]
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=PORT, start_tls=False) as connection:
        for each in said:
            await connection.send_message(each)


async def asked(database):
    async with database.writes() as session:
        for each in mails():
            await send_mail(session, each)
        (job,) = outbox.asked_for(session)
    return job


async def ours(database, job):
    await jobs.run(database, job, lease=LEASE)


async def main():
    modules.load_models()
    load_models()
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format)
    configure(settings)
    database = Database(settings.database_url)
    times = {bare: [], ours: []}
    for _ in range(ROUNDS):
        begun = time.process_time()
        await bare(database)
        times[bare].append(time.process_time() - begun)
        job = await asked(database)
        begun = time.process_time()
        await ours(database, job)
        times[ours].append(time.process_time() - begun)
    states = set((await database.reads.execute(select(MESSAGES.c.state))).scalars())
    assert states == {"sent"}, states
    alone, job = (statistics.median(each) / MAILS * 1000 for each in times.values())
    print(f"bare {alone:.2f} ms  job {job:.2f} ms ({alone / job:.2f} x)")
    await database.close()


asyncio.run(main())
"""


def main() -> None:
    """Measure it in a project that has notifications and what it is developed with."""
    project, port = Path(sys.argv[1]).absolute(), free_port()
    python = str(project / ".venv/bin/python")
    with TemporaryDirectory() as name:
        url = os.environ.get("DATABASE_URL", f"sqlite:///{name}/bench.db")
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_ENCRYPTION": "none"}
        environment = os.environ | smtp | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
        migrate = [python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, cwd=project, env=environment, check=True, capture_output=True)
        with subprocess.Popen([python, SERVER, str(port), f"{name}/taken"]) as server:
            wait_until(lambda: listens(port), "the mail server to listen")
            command = [python, "-c", PROGRAM, str(ROUNDS), str(MAILS), str(port)]
            try:
                subprocess.run(command, cwd=project, env=environment, check=True)
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
