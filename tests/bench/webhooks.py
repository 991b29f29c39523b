"""What receiving a webhook costs beside verifying it: `python -m tests.bench.webhooks PROJECT`.

CPU of one process for the same tokens, in interleaved rounds: joserfc alone; what the endpoint does
until it knows the action; and that with storing it, in a database of its own (`DATABASE_URL`).
The endpoint's functions are called as it calls them, without HTTP, which both sides would need.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MESSAGES = 300
PROGRAM = """
import asyncio, json, statistics, sys, time
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app import modules
from app.core.database import Database
from app.features.webhooks.incoming import inbox, senders
from app.features.webhooks.incoming.decoding import (
    get_action, get_decode_content, get_opened, get_public_key,
)
from app.features.webhooks.incoming.settings import IncomingSettings, JwsSource
from app.settings import Settings

ROUNDS, MESSAGES = map(int, sys.argv[1:])
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "Ed25519"}),
}
SAID = {
    "action": "update", "aud": "shop", "timestamp": "2026-01-01T00:00:00Z",
    "data": {
        "employee_number": "E-1", "full_name": "Ada Lovelace",
        "email": "ada@example.com", "department": "Engines",
    },
}


def tokens(alg):
    key, now = KEYS[alg], time.time()
    said = (json.dumps(SAID | {"jti": uuid4().hex, "iat": now}) for _ in range(MESSAGES))
    header = {"alg": alg, "kid": alg}
    return [jws.serialize_compact(header, each, key, algorithms=[alg]).encode() for each in said]


async def bare(sender, database, alg, token):
    jws.deserialize_compact(token, KEYS[alg], algorithms=[alg])


async def verified(sender, database, alg, token):
    body = get_opened(sender, token)
    message = get_decode_content(await get_public_key(sender, body, {}), body)
    return message, get_action(sender, message)


async def stored(sender, database, alg, token):
    message, action = await verified(sender, database, alg, token)
    async with database.writes() as session:
        await inbox.receive(session, sender.name, sender.module, message, action)


async def main():
    modules.load_models()
    database = Database(Settings().database_url)
    source = JwsSource(
        kind="jws", jwks="http://127.0.0.1:1/", audience="shop", algorithms=tuple(KEYS)
    )
    sender = senders.senders(IncomingSettings(webhooks_sources={"hr": source}))["hr"]
    now = time.monotonic()
    sender._jwks._keys, sender._jwks._fetched_at = KEYS, now
    sender._jwks._attempted_at = now
    for alg in KEYS:
        spent = {each: [] for each in (bare, verified, stored)}
        for _ in range(ROUNDS):
            for each, times in spent.items():
                sent = tokens(alg)
                begun = time.process_time()
                for token in sent:
                    await each(sender, database, alg, token)
                times.append((time.process_time() - begun) / MESSAGES * 1000)
        alone, known, kept = (statistics.median(times) for times in spent.values())
        print(
            f"{alg:8} bare {alone:.3f} ms  verified {known:.3f} ms ({alone / known:.2f} x)"
            f"  stored {kept:.3f} ms ({alone / kept:.2f} x)"
        )
    await database.close()


asyncio.run(main())
"""


def main() -> None:
    """Measure it in a project that has the feature."""
    project = Path(sys.argv[1])
    python = str(project / ".venv/bin/python")
    with TemporaryDirectory() as name:
        url = os.environ.get("DATABASE_URL", f"sqlite:///{name}/bench.db")
        environment = os.environ | {"DATABASE_URL": url}
        migrate = [python, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, cwd=project, env=environment, check=True, capture_output=True)
        command = [python, "-c", PROGRAM, str(ROUNDS), str(MESSAGES)]
        subprocess.run(command, cwd=project, env=environment, check=True)


if __name__ == "__main__":
    main()
