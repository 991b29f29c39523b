"""List jobs, requeue dead ones, pause and resume."""

from __future__ import annotations

import asyncio
import getpass
import json
import re
import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.arguments import limit, line
from app.core.database import Database, WriteSession
from app.core.outbox import Queue
from app.features.operations import jobs, leases, pause
from app.features.operations.jobs import Filter, JobRecord, State
from app.features.operations.schedule import LEADER
from app.settings import Settings

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def declare(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    _declare_list(commands.add_parser("list", help="list jobs that are not finished"))
    show = _action(commands.add_parser("show", help="show one job, with its error"), _show)
    show.add_argument("id", type=UUID)
    requeue = commands.add_parser("requeue", help="run dead jobs again, with all their attempts")
    _action(requeue, _requeue).add_argument("ids", type=UUID, nargs="*", metavar="ID")
    requeue.add_argument("--all-dead", action="store_true", help="every dead job")
    requeue.add_argument("--actor", type=line, help="with --all-dead: of this actor only")
    purge = commands.add_parser("purge", help="delete dead jobs permanently")
    _action(purge, _purge).add_argument("ids", type=UUID, nargs="*", metavar="ID")
    purge.add_argument("--older-than", type=_age, metavar="AGE", help="90s, 15m, 12h or 30d")
    _declare_pause(commands.add_parser("pause", help="start no job anywhere until resumed"))
    _action(commands.add_parser("resume", help="end the pause"), _resume)
    status = commands.add_parser("status", help="count jobs, and name who runs them")
    _action(status, _status).add_argument("--json", action="store_true")


def _declare_list(parser: ArgumentParser) -> None:
    _action(parser, _list)
    state = parser.add_mutually_exclusive_group()
    for value in State:
        state.add_argument(f"--{value}", dest="state", action="store_const", const=value)
    parser.add_argument("--actor", type=line, help="of this actor only")
    parser.add_argument("--limit", type=limit, default=50, help="no more than these (default: 50)")
    parser.add_argument("--json", action="store_true")


def _declare_pause(parser: ArgumentParser) -> None:
    _action(parser, _pause)
    text = "resume by itself after this time (default: 10m)"
    parser.add_argument("--for", dest="lasting", type=_age, default="10m", metavar="AGE", help=text)
    text = "wait until no job runs; fail, and resume, when that takes longer"
    parser.add_argument("--wait", type=float, metavar="SECONDS", help=text)


def _action(
    parser: ArgumentParser, act: Callable[[Database, Namespace], Awaitable[None]]
) -> ArgumentParser:
    parser.set_defaults(act=act)
    return parser


def run(arguments: Namespace) -> None:
    asyncio.run(_run(arguments))


async def _run(arguments: Namespace) -> None:
    database = Database(Settings().database_url)
    try:
        await arguments.act(database, arguments)
    finally:
        await database.close()


def _age(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no time like 90s, 15m, 12h or 30d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


async def _list(database: Database, arguments: Namespace) -> None:
    which = Filter(arguments.state, arguments.actor)
    reads = database.reads
    records = await jobs.find(reads, which, arguments.limit)
    total = await jobs.count(reads, which)
    if arguments.json:
        print(json.dumps([_plain(record) for record in records], indent=2))
        return
    for record in records:
        last = (record.error or "").strip().rpartition("\n")[2]
        print(
            f"{record.id}  {record.state:<7}  {record.actor:<30}  {record.attempts:>2} attempts  "
            f"{_time(record.created_at)}  {last[:80]}".rstrip()
        )
    print(f"{len(records)} of {total} jobs")


async def _show(database: Database, arguments: Namespace) -> None:
    record = await jobs.get(database.reads, arguments.id)
    if record is None:
        sys.exit(f"There is no job {arguments.id}: it is finished, was purged, or never was.")
    fields = _plain(record)
    error = fields.pop("error")
    for name, value in fields.items():
        print(f"{name:<15} {value if isinstance(value, str) else json.dumps(value)}")
    if error:
        print(f"\n{error}")


async def _requeue(database: Database, arguments: Namespace) -> None:
    if bool(arguments.ids) == arguments.all_dead:
        sys.exit("Name the dead jobs, or say --all-dead.")
    if arguments.ids:
        number = await _all_or_none(database, jobs.requeue, arguments.ids)
    else:
        async with database.writes() as session:
            number = await jobs.requeue_all(session, Filter(actor=arguments.actor))
    print(f"{number} jobs requeued")


async def _purge(database: Database, arguments: Namespace) -> None:
    if bool(arguments.ids) == (arguments.older_than is not None):
        sys.exit("Name the dead jobs, or say --older-than AGE.")
    if arguments.ids:
        number = await _all_or_none(database, jobs.purge, arguments.ids)
    else:
        async with database.writes() as session:
            number = await jobs.purge_older(session, arguments.older_than)
    print(f"{number} jobs purged")


async def _all_or_none(
    database: Database,
    act: Callable[[WriteSession, list[UUID]], Awaitable[None]],
    ids: list[UUID],
) -> int:
    wanted = list(dict.fromkeys(ids))
    try:
        async with database.writes() as session:
            await act(session, wanted)
    except jobs.NotDead as others:
        sys.exit(f"Nothing was changed, because these are no dead jobs: {others}")
    return len(wanted)


async def _pause(database: Database, arguments: Namespace) -> None:
    holder = f"{getpass.getuser()}@{socket.gethostname()}"
    try:
        lease = await pause.pause(database, holder, arguments.lasting)
    except pause.PausedByOther as other:
        sys.exit(f"Already paused by {other}.")
    print(f"paused until {_time(lease.until)}")
    if arguments.wait is None:
        return
    busy = await pause.drained(database, timedelta(seconds=arguments.wait))
    if busy:
        await pause.resume(database)
        names = ", ".join(f"{runner.name} ({runner.running} jobs)" for runner in busy)
        sys.exit(f"Resumed again: still at work after {arguments.wait:g} seconds: {names}")
    print("drained: no job runs")


async def _resume(database: Database, _: Namespace) -> None:
    print("resumed" if await pause.resume(database) else "there was no pause")


async def _status(database: Database, arguments: Namespace) -> None:
    reads = database.reads
    counts = {state.value: await jobs.count(reads, Filter(state)) for state in State}
    paused = await leases.holding(reads, leases.PAUSE)
    leader = await leases.holding(reads, LEADER)
    runners = await pause.living(reads)
    if arguments.json:
        told = {
            "jobs": counts,
            "paused_until": paused.until.isoformat() if paused else None,
            "scheduler": leader.holder if leader else None,
            "runners": [_json(asdict(runner)) for runner in runners],
        }
        print(json.dumps(told, indent=2))
        return
    print("jobs       " + ", ".join(f"{number} {state}" for state, number in counts.items()))
    print(
        "pause      " + (f"until {_time(paused.until)}, by {paused.holder}" if paused else "none")
    )
    print("scheduler  " + (leader.holder if leader else "none"))
    for runner in runners:
        print(f"runner     {runner.name}  {runner.state}  {runner.running} jobs")


def _plain(record: JobRecord) -> dict[str, object]:
    fields = asdict(record) | {"queue": Queue(record.queue).label}
    return {"id": str(record.id), "state": record.state.value} | _json(fields)


def _json(fields: dict[str, object]) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, datetime):
            return value.isoformat()
        return str(value) if isinstance(value, UUID) else value

    return {name: plain(value) for name, value in fields.items()}


def _time(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
