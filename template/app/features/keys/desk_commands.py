"""The desk of whoever looks after keys: `python -m app keys`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from app import features, modules
from app.core.database import Database
from app.core.logging import configure_logging
from app.features.keys import process, reencryption, rotation, tokens
from app.features.keys.keyset import NoKey, keyset
from app.features.keys.master import UnknownMasterKey, new_master_key
from app.features.keys.reencryption import Progress, Target
from app.features.keys.rotation import NoSuchKey
from app.features.keys.states import Key, Kind, due_at, told
from app.settings import Settings


async def serve(arguments: Namespace, settings: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    if arguments.action == "master":
        print(new_master_key())
        return
    process.configure(settings)
    # To standard error: what is asked for is alone on standard output.
    configure_logging(settings.log_level, settings.log_format)
    database = Database(settings.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    except (UnknownMasterKey, NoKey) as error:
        sys.exit(f"It cannot be done. {error}")
    except SQLAlchemyError as error:
        sys.exit(f"The database has refused: {type(error).__name__}. Has it been migrated?")
    finally:
        await database.close()


async def _list(database: Database, arguments: Namespace) -> None:
    found = await rotation.find(database.reads)
    policy = process.own().policy
    if arguments.json:
        rows = [{**asdict(key), "until": due_at(key, policy)} for key in found]
        print(json.dumps(rows, default=str, indent=2))
    else:
        for key in found:
            print(_line(key, due_at(key, policy)))
        print(f"{len(found)} keys")
    (await keyset(database.reads)).require_usable()


def _line(key: Key, until: datetime | None) -> str:
    end = f"until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if until else ""
    since = f"since {key.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    told = f"{key.kid}  {key.kind:<10}  {key.state:<7}  {key.algorithm:<14}"
    return f"{told}  {since}  {end}".rstrip()


async def _rotate(database: Database, arguments: Namespace) -> None:
    begin = Kind(arguments.kind) if arguments.kind else None
    done = await rotation.rotate(database, begin=begin)
    for step in done:
        print(told(step))
    if not done:
        print(f"the next {begin} key is there already: keys list" if begin else "nothing is due")


async def _revoke(database: Database, arguments: Namespace) -> None:
    try:
        done = await rotation.revoke(database, arguments.kid)
    except NoSuchKey:
        sys.exit(f"There is no key {arguments.kid} that could be revoked: keys list")
    for step in done:
        print(told(step))
    print("Others may know it for KEYS_MAX_AGE, our own processes for KEYS_REFRESH.")


async def _rewrap(database: Database, _: Namespace) -> None:
    changed, number = await rotation.rewrap(database)
    print(f"{changed} of {number} keys were wrapped by {process.masters().first}, as all are now")


async def _secret(database: Database, arguments: Namespace) -> None:
    keys = await keyset(database.reads)
    known = [key for key in keys.of(Kind.WEBHOOK, *tokens.SERVING) if key.kid == arguments.kid]
    if not known:
        sys.exit(f"There is no webhook key {arguments.kid}: keys list")
    print(tokens.webhook_secret(keys, known[0]))


async def _reencrypt(database: Database, arguments: Namespace) -> None:
    modules.load_models()
    features.load_models()
    found = reencryption.targets(arguments.table)
    if arguments.table and not found:
        sys.exit(f"The table {arguments.table} has no encrypted column.")
    done = [await _reencrypted(database, each, arguments.batch) for each in found]
    for kid in await reencryption.prune(database):
        print(f"deleted {kid}: nothing is sealed by it")
    if names := ", ".join(each.target.name for each in done if each.left > len(each.failed)):
        sys.exit(f"Not everything is sealed by the current key: {names}. Run it again.")
    if any(each.left for each in done):
        sys.exit(
            "Everything else is sealed by the current key. What cannot be opened was changed, or"
            " copied from another row: restore it from a backup, seal it anew, or set it to NULL"
            " (docs/keys.md)."
        )
    print(f"{len(found)} columns are sealed by the current data key")


async def _reencrypted(database: Database, target: Target, batch: int) -> Progress:
    async for progress in reencryption.reencrypt(database, target, batch=batch):
        print(f"{target.name}: {progress.sealed} sealed, {progress.left} left", flush=True)
    for key in progress.failed:
        print(f"{target.name}: row {', '.join(map(str, key))} cannot be opened", file=sys.stderr)
    return progress


ACTIONS: dict[str, Callable[[Database, Namespace], Awaitable[None]]] = {
    "list": _list,
    "rotate": _rotate,
    "revoke": _revoke,
    "rewrap": _rewrap,
    "secret": _secret,
    "reencrypt": _reencrypt,
}
