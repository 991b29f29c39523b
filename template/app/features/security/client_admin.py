"""The desk where operators register clients: `python -m app clients`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

from app.core.database import Database
from app.features.security import clients
from app.features.security.clients import ClientOut, KeyOut, Registration
from app.features.security.keys import ClientKey
from app.features.security.scopes import SCOPES, declare_scopes
from app.settings import Settings


async def serve(arguments: Namespace, settings: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    database = Database(settings.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    except clients.NoSuchClient as error:
        sys.exit(f"There is no client {error}. `python -m app clients list` shows all of them.")
    except clients.Revoked as error:
        sys.exit(f"Client {error} is revoked permanently: register another.")
    except clients.NameTaken as error:
        sys.exit(f"There is a client called {error} already; revoked ones keep their names.")
    finally:
        await database.close()


async def _list(database: Database, arguments: Namespace) -> None:
    found = await clients.list_all(database.reads)
    if arguments.json:
        _print_json([asdict(client) for client in found])
    elif not found:
        _tell("There is no client yet: python -m app clients register NAME --scope SCOPE")
    else:
        print(_line("NUMBER", "NAME", "STATE", "LAST USED", "SCOPES"))
        for client in found:
            used = _day(client.last_used_at)
            print(_line(client.number, client.name, _state(client), used, " ".join(client.scopes)))


async def _register(database: Database, arguments: Namespace) -> None:
    _refuse_unknown(arguments.scope)
    expires_at = datetime.now(UTC) + arguments.days if arguments.days is not None else None
    wanted = Registration(arguments.name, set(arguments.scope), expires_at)
    async with database.writes() as session:
        key = await clients.register(session, wanted)
    _tell(f"Client {key.number} ({arguments.name}) may call with this key, shown only now:")
    _print_key(key, arguments)


async def _rotate(database: Database, arguments: Namespace) -> None:
    async with database.writes() as session:
        key = await clients.rotate(session, arguments.number, overlap=arguments.overlap)
    days = arguments.overlap.days
    _tell(f"Client {key.number} has a new key, shown only now; older ones end in {days} days:")
    _print_key(key, arguments)


async def _revoke(database: Database, arguments: Namespace) -> None:
    async with database.writes() as session:
        await clients.revoke(session, arguments.number)
    _tell(f"Client {arguments.number} is revoked; api processes notice within CLIENT_TRUST.")
    if arguments.json:
        await _show(database, arguments)


async def _show(database: Database, arguments: Namespace) -> None:
    client, keys = await clients.get(database.reads, arguments.number)
    if arguments.json:
        _print_json({**asdict(client), "keys": [asdict(key) for key in keys]})
        return
    print(f"client     {client.number} ({client.name}), {_state(client)}")
    print(f"scopes     {' '.join(client.scopes)}")
    print(f"created    {_day(client.created_at)}, last used {_day(client.last_used_at)}")
    for key in keys:
        print(f"key        hs_{client.number}_{key.prefix}…, {_life(key)}")


ACTIONS = {
    "list": _list,
    "register": _register,
    "rotate": _rotate,
    "revoke": _revoke,
    "show": _show,
}


def _refuse_unknown(wanted: Iterable[str]) -> None:
    """Exit where no endpoint asks for a scope: it is a slip of the pen."""
    declare_scopes()
    unknown = sorted(set(wanted) - SCOPES)
    if unknown:
        known = ", ".join(sorted(SCOPES))
        sys.exit(f"No endpoint asks for {', '.join(unknown)}. The scopes are: {known}.")


def _print_key(key: ClientKey, arguments: Namespace) -> None:
    if arguments.json:
        _print_json({"number": key.number, "key": key.written()})
    else:
        print(key.written())


def _print_json(value: object) -> None:
    print(json.dumps(value, default=datetime.isoformat, indent=2))


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _line(number: object, name: str, state: str, used: str, granted: str) -> str:
    return f"{number:<8}{name:<28}{state:<24}{used:<12}{granted}"


def _state(client: ClientOut) -> str:
    if client.revoked_at is not None:
        return f"revoked {_day(client.revoked_at)}"
    if client.expires_at is None:
        return "active"
    ended = client.expires_at <= datetime.now(UTC)
    return f"{'expired' if ended else 'active until'} {_day(client.expires_at)}"


def _life(key: KeyOut) -> str:
    if key.expires_at is None:
        return f"since {_day(key.created_at)}"
    ended = key.expires_at <= datetime.now(UTC)
    return f"{'ended' if ended else 'ends'} {key.expires_at:%Y-%m-%d %H:%M} UTC"


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant is not None else "never"
