"""The desk of whoever looks after webhooks that are sent: `python -m app webhooks`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime

import httpx
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.logging import configure_logging
from app.core.sealing import CannotOpen
from app.features.webhooks import public_http
from app.features.webhooks.outgoing import desk, endpoints, settings
from app.features.webhooks.outgoing.desk import Delivery, Wanted
from app.features.webhooks.outgoing.endpoints import Row
from app.features.webhooks.outgoing.models import State
from app.features.webhooks.public_addresses import NotPublic, parsed
from app.features.webhooks.settings import rules
from app.features.webhooks.signatures import Secret
from app.settings import Settings


async def serve(arguments: Namespace, of_process: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    # To standard error: what is asked for is alone on standard output.
    configure_logging(of_process.log_level, of_process.log_format)
    database = Database(of_process.database_url)
    try:
        await ACTIONS[arguments.what, arguments.action](database, arguments, of_process)
    except ValidationError:
        raise  # of settings: it is explained where commands are begun
    except ValueError as error:  # no such endpoint, or no master key that can be used
        sys.exit(str(error))
    except CannotOpen as error:
        sys.exit(f"The secret cannot be read: {error}")
    except SQLAlchemyError as error:
        sys.exit(f"The database has refused: {type(error).__name__}. Is it there, and migrated?")
    finally:
        await database.close()


async def _add(database: Database, arguments: Namespace, of_process: Settings) -> None:
    try:
        await public_http.checked(parsed(arguments.url), rules(of_process))
    except NotPublic as error:
        sys.exit(f"Nothing may be sent there: {error}. Hosts of your own: WEBHOOKS_ALLOWED_HOSTS")
    except httpx.ConnectError as error:
        print(f"It is added all the same: {error}", file=sys.stderr)
    async with database.writes() as session:
        endpoint, secret = await endpoints.add(session, arguments.url, arguments.event_type)
    print(endpoint)
    _show(secret)


def _show(secret: Secret) -> None:
    print(secret.written())
    print("This is its secret, which is shown only now.", file=sys.stderr)


async def _list(database: Database, arguments: Namespace, _: Settings) -> None:
    found = await endpoints.find(database.reads)
    if arguments.json:
        hidden = ("job_id", "job_until", "wake_id")
        shown = [
            {k: v for k, v in each.items() if k not in hidden} | {"url": _shown(each["url"])}
            for each in found
        ]
        print(json.dumps(shown, default=str, indent=2))
        return
    for each in found:
        types = ",".join(each["event_types"])
        print(f"{each['id']}  {_condition(each)}  {types}  {_shown(each['url'])}")
    print(f"{len(found)} endpoints")


def _shown(url: str) -> str:
    """Without what follows its path, which is often as good as a password."""
    path, mark, _ = url.partition("?")
    return path + mark + "..." * bool(mark)


def _condition(endpoint: Row) -> str:
    if endpoint["disabled_at"]:
        return f"disabled {_when(endpoint['disabled_at'])}: {endpoint['disabled_why']}"
    since = endpoint["failing_since"]
    return f"failing since {_when(since)}" if since else "enabled"


async def _rotate(database: Database, arguments: Namespace, of_process: Settings) -> None:
    overlap = settings.read(of_process).webhooks_overlap
    async with database.writes() as session:
        secret = await endpoints.rotate(session, arguments.id, overlap)
    _show(secret)
    if not overlap:
        print("No secret before it signs any more.", file=sys.stderr)
        return
    until = _when(datetime.now(UTC) + overlap)
    print(f"The one before signs too, until {until}.", file=sys.stderr)


async def _change(database: Database, arguments: Namespace, _: Settings) -> None:
    change, told = CHANGES[arguments.action]
    async with database.writes() as session:
        await change(session, arguments.id)
    print(told)


async def _disable(database: Database, arguments: Namespace, _: Settings) -> None:
    async with database.writes() as session:
        await endpoints.disable(session, arguments.id, arguments.reason)
    print("disabled: what is queued waits until it is enabled")


async def _deliveries(database: Database, arguments: Namespace, _: Settings) -> None:
    found = await desk.find(database.reads, _wanted(arguments), arguments.limit)
    if arguments.json:
        print(json.dumps([asdict(each) for each in found], default=str, indent=2))
        return
    for each in found:
        print(_line(each))
    print(f"{len(found)} deliveries")


def _line(delivery: Delivery) -> str:
    told = f"{delivery.id}  {_when(delivery.created_at)}  {delivery.state:<9}  {delivery.type}"
    if delivery.attempts:
        answer = delivery.status or "no answer"
        told += f"  {delivery.attempts} attempts, the last: {answer} {delivery.detail or ''}"
    return told[:200].rstrip()


async def _replay(database: Database, arguments: Namespace, _: Settings) -> None:
    wanted = _wanted(arguments)
    if wanted == Wanted(state=wanted.state):
        sys.exit("Say which: an id, or --since and what else is true of them")
    disabled = await desk.disabled(database.reads, wanted)
    async with database.writes() as session:
        number = await desk.replay(session, wanted)
    if not number:
        sys.exit("There is no such delivery: webhooks deliveries list")
    print(f"{number} will be sent again")
    for each in disabled:
        print(f"but to {each}, which is disabled, not before `webhooks endpoints enable`")


def _wanted(arguments: Namespace) -> Wanted:
    return Wanted(
        id=arguments.id,
        endpoint_id=arguments.endpoint,
        state=State(arguments.state) if arguments.state else None,
        type=arguments.type,
        since=arguments.since,
        until=arguments.until,
    )


def _when(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


CHANGES = {
    "enable": (endpoints.enable, "enabled: what waits is sent now"),
    "remove": (endpoints.remove, "removed, with its deliveries"),
}
ACTIONS = {
    ("endpoints", "add"): _add,
    ("endpoints", "list"): _list,
    ("endpoints", "rotate"): _rotate,
    ("endpoints", "enable"): _change,
    ("endpoints", "disable"): _disable,
    ("endpoints", "remove"): _change,
    ("deliveries", "list"): _deliveries,
    ("deliveries", "replay"): _replay,
}
