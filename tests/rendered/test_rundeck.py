"""Rundeck's jobs of a project with everything: valid, and each is run against its database."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.rendered.processes import Backend
from tests.rendered.tools import BIN, findings, of_schema
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SCHEMA = str(Path(__file__).with_name("rundeck.schema.json"))
DEAD = (
    "INSERT INTO outbox (id, actor, arguments, correlation_id, headers, created_at, attempts) "
    "VALUES ('{}', 'profiles.make_thumbnail', '{{}}', 'a', '{{}}', '2026-01-02 03:04:05', 8)"
)
UNDECIDED = (
    "INSERT INTO notifications (id, digest, channel, recipient, content, urgent, state, failures, "
    "created_at, due_at) VALUES ('{}', 'a', 'mail', 'ada@example.com', '{{}}', {}, 'unknown', 0, "
    "'2026-01-02 03:04:05', '2026-01-02 03:04:05')"
)
FAILED = (
    "INSERT INTO webhooks_received (id, digest, fingerprint, source, message_id, module, action, "
    "state, received_at) VALUES ('{}', 'a', 'a', 'hr', 'm-1', 'profiles', 'update', 'failed', "
    "'2026-01-02 03:04:05')"
)
WAITING = ["profiles.make_thumbnail", "webhooks.deliver"]
ENDPOINT = "00000000-0000-4000-8000-000000000001"
SUBSCRIBED = """
import asyncio, sys
from uuid import UUID
from sqlalchemy import update
from app.core.database import Database
from app.features import webhooks
from app.features.webhooks.outgoing import endpoints
from app.features.webhooks.outgoing.models import ENDPOINTS
from app.settings import Settings

async def main():
    database = Database(Settings().database_url)
    async with database.writes() as session:
        await endpoints.add(session, "https://receiver.example/", ["profile.*"])
        await session.execute(update(ENDPOINTS).values(id=UUID(sys.argv[1])))
        await webhooks.publish(session, "profile.updated", {})
    await database.close()

asyncio.run(main())
"""
# A command that waits, as another process has it.
COMMAND = "import runpy; runpy.run_module('app', run_name='__main__')"
Job = dict[str, Any]


def exported(backend: Backend) -> list[Job]:
    program = (
        "import json; from app.rundeck.jobs import jobs; from app.settings import read_project"
    )
    read: list[Job] = json.loads(
        backend.output("-c", f"{program}; print(json.dumps(jobs(read_project())))")
    )
    return read


def judged(jobs: list[Job], folder: Path) -> str:
    """What the schema says of them, and of their scripts the shell's own linter."""
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs), "utf-8")
    found = [findings(of_schema(SCHEMA, path))]
    scripts = []
    for number, job in enumerate(jobs):
        scripts.append(folder / f"{number}.sh")
        scripts[-1].write_text("#!/bin/sh\n" + job["sequence"]["commands"][0]["script"])
        if unknown := undeclared(job):
            found.append(f"{job['name']} reads options that it has not: {unknown}")
    # A word each, out of several: that is what it splits for.
    command = [str(BIN / "shellcheck"), "--exclude=SC2086", "--format=gcc", *map(str, scripts)]
    found.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return "".join(found)


def undeclared(job: Job) -> set[str]:
    script = job["sequence"]["commands"][0]["script"]
    read = {name.lower() for name in re.findall(r"RD_OPTION_(\w+?)\b", script)}
    return read ^ {option["name"] for option in job.get("options", ())}


FAULTS = (
    ('"multipleExecutions": false', '"multipleExecutions": "false"', "not of type 'boolean'"),
    ('"timeout": "1h"', '"timeout": "an hour"', "does not match"),
    ('"regex"', '"regexp"', "regexp"),
    ("RD_OPTION_IDS", "RD_OPTION_ID", "options that it has not"),
    ("; then set", " then set", "SC1"),
)


def test_the_jobs_are_valid_and_a_fault_that_is_planted_is_found(
    unmigrated: Backend, tmp_path: Path
) -> None:
    jobs = exported(unmigrated)
    assert judged(jobs, tmp_path) == ""
    text = json.dumps(jobs)
    for right, wrong, told in FAULTS:
        assert right in text
        assert told in judged(json.loads(text.replace(right, wrong)), tmp_path)


@pytest.mark.nightly
def test_every_job_does_what_its_command_does(backend: Backend, tmp_path: Path) -> None:
    """The real commands, on a database that has a client and dead jobs."""
    number = json.loads(
        backend.output(
            "-m", "app", "clients", "register", "till", "--scope", "profiles:read", "--json"
        )
    )["number"]
    ids = [uuid4().hex for _ in range(3)]
    for each in ids:
        backend.execute(DEAD.format(each))
    yes = "true" if backend.url.startswith("postgresql") else "1"
    backend.execute(UNDECIDED.format(ids[0], yes), FAILED.format(ids[0]))
    backend.run("-c", SUBSCRIBED, ENDPOINT)
    ada = {"channel": "mail", "recipient": "ada@example.com"}
    who = {"by": "Ada", "because": "the year is over"}
    backend.environment["PERIODS_FOLDER"] = str(tmp_path / "dumps")
    backend.environment["PERIODS_HARMLESS_JOBS"] = json.dumps(WAITING)
    drill = f"sqlite:///{tmp_path / 'drill.db'}"
    for words in ("open 2018", "open 2019", "open 2021", "close 2021", f"run 2018 --into {drill}"):
        bob = ("--by", "Bob", "--because", "the year is over")
        backend.run("-m", "app", "periods", *words.split(), *bob)
    given = {
        "clients show": {"number": str(number)},
        "clients revoke": {"number": str(number)},
        "jobs show": {"id": ids[0]},
        "jobs requeue": {"ids": " ".join(ids[:2])},
        "jobs purge": {"ids": ids[2]},
        "jobs pause": {"for": "1m"},
        "keys revoke": {"kid": signing_key(backend)},
        "webhooks received repeat": {"id": ids[0]},
        "periods open": {"name": "2020", **who},
        "periods preflight": {"name": "2020"},
        **{f"periods {each}": {"name": "2019"} for each in ("dump", "history", "verify")},
        **{f"periods {each}": {"name": "2019", **who} for each in ("close", "run")},
        "periods restore": {"name": "2019", "into": f"sqlite:///{tmp_path / 'other.db'}"},
        "periods archive": {"name": "2018", **who},
        "periods reopen": {"name": "2021", **who},
        "periods freeze": {"table": "profiles"},
        "statistics show": {"name": "profiles_created"},
        "statistics marks": {"table": "invoices", "column": "issued_at"},
        "notify test": ada,
        "notify suppress": ada,
        "notify allow": ada,
        "notify decide": {"id": ids[0], "sent": "yes"},
        "webhooks deliveries replay": {"endpoint": ENDPOINT},
        **{
            f"webhooks endpoints {each}": {"id": ENDPOINT}
            for each in ("disable", "enable", "remove")
        },
    }
    jobs = [job for job in exported(backend) if not job["name"].startswith("transfers ")]
    told = {job["name"]: run(backend, job, given.get(job["name"], {})) for job in jobs}
    assert told.keys() >= given.keys()
    assert "till" in told["clients list"]
    assert "2 jobs requeued" in told["jobs requeue"]
    assert "2018 is archived" in told["periods archive"]
    assert "2021 is open again" in told["periods reopen"]
    assert "paused until" in told["jobs pause"]
    assert "ada@example.com" in told["notify list"]
    assert "noted as sent" in told["notify decide"]
    assert "is revoked now" in told["keys revoke"]
    assert "days were counted" in told["statistics backfill"]
    assert "are sealed by the current data key" in told["keys reencrypt"]
    newest = (backend.project / "migrate/HEAD").read_text().strip()
    assert newest in told["migrate status"]
    assert backend.count("SELECT count(*) FROM outbox WHERE due_at IS NULL") == 0


def test_files_go_out_and_come_in_by_jobs_of_rundeck(backend: Backend, tmp_path: Path) -> None:
    """The real commands; those that wait need a process that runs jobs."""
    jobs = {each["name"]: each for each in exported(backend) if "transfers" in each["name"]}
    people = tmp_path / "people.csv"
    people.write_text("employee_number,full_name,email,department\nE-1,Ada,a@example.com,Engines\n")
    to_import = {"name": "profiles", "file": str(people), "mode": "all"}
    export = run(backend, jobs.pop("transfers export"), {"name": "profiles"}).split()[-1]
    assert "cancelled" in run(backend, jobs.pop("transfers cancel"), {"id": export})
    waiting = backend.run_program(COMMAND, "transfers", "import", "profiles", str(people))
    wait_until(
        lambda: backend.count("SELECT count(*) FROM imports WHERE state = 'queued'") == 1,
        "the import to wait",
    )
    backend.kill(waiting)
    ((asked,),) = backend.query("SELECT id FROM imports")
    run(backend, jobs.pop("transfers cancel-import"), {"id": str(asked)})
    backend.start_api()
    assert "1 created" in run(backend, jobs.pop("transfers import"), to_import)
    assert "done" in run(backend, jobs.pop("transfers imports"), {})
    assert "profiles.csv" in run(backend, jobs.pop("transfers list"), {})
    assert not jobs


def signing_key(backend: Backend) -> str:
    backend.run("-m", "app", "keys", "rotate")
    keys = json.loads(backend.output("-m", "app", "keys", "list", "--json"))
    return str(next(key["kid"] for key in keys if key["kind"] == "signing"))


def run(backend: Backend, job: Job, options: dict[str, str]) -> str:
    """Run a job's script as Rundeck does on a machine of the project's own."""
    given = {f"RD_OPTION_{name.upper()}": value for name, value in options.items()}
    done = subprocess.run(
        ["/bin/sh", "-c", job["sequence"]["commands"][0]["script"]],
        cwd=backend.project,
        env=backend.environment
        | given
        | {"RD_GLOBALS_APP_EXEC": f"env PATH={backend.project / '.venv/bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (job["name"], done.stdout)
    return done.stdout
