"""Open what is told, a line of JSON each, on a render's own Python: keys in memory, no database.

The first line that it prints are things that open. Then each line has a kind and a text; what it
prints is what was inside, or the name of the error.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

from joserfc import jwe
from joserfc.jwk import JWKRegistry

from app.core.sealing import CannotOpen
from app.features.keys import decrypt, material, process
from app.features.keys.columns import Encrypted, Sealed
from app.features.keys.keyset import Held, Keyset
from app.features.keys.master import UnknownMasterKey
from app.features.keys.states import Key, Kind, State
from app.settings import Environment, Settings

ROW = UUID(int=7)
REFUSALS = (CannotOpen, UnknownMasterKey)
process.configure(Settings(_env_file=None, environment=Environment.TEST))
masters = process.masters(to_wrap=True)
held = {}
for number, (kind, algorithm) in enumerate(
    [
        (Kind.DATA, "A256GCM"),
        (Kind.ENCRYPTION, "ECDH-ES+A256KW"),
        (Kind.ENCRYPTION, "RSA-OAEP-256"),
    ]
):
    kid = f"{number:016x}"
    bound_to = material.bound_to(kid, kind, algorithm)
    wrapped = masters.wrap(material.new_material(algorithm), bound_to)
    now = datetime.now(UTC)
    held[kid] = Held(Key(kid, kind, algorithm, State.CURRENT, now, now), wrapped)
keys = Keyset(held, masters)
random, alike = Encrypted(column="a.b"), Encrypted(deterministic=True, column="a.b")


def column(kind: Encrypted) -> object:
    return SimpleNamespace(type=kind)


def token(kid: str) -> str:
    key = held[kid].key
    public = JWKRegistry.import_key(keys.pair(key).as_dict(private=False))
    header = {"alg": key.algorithm, "enc": "A256GCM", "kid": kid}
    return jwe.encrypt_compact(header, b"inside", public, algorithms=[key.algorithm, "A256GCM"])


def opened(kind: str, text: str) -> str:
    if kind == "column":
        return keys.opened(Sealed(text, "a.b"), ROW)
    if kind == "token":
        return decrypt(keys, text).decode()
    return masters.unwrap(text, "place").decode()


def outcome(kind: str, text: str) -> str:
    try:
        return f"opened {opened(kind, text)}"
    except REFUSALS:
        return "refused"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__module__}.{type(error).__qualname__}"


good = [
    ("column", keys.seal(column(random), ROW, "inside").text),
    ("column", keys.seal(column(alike), ROW, "inside").text),
    ("wrapped", masters.wrap(b"inside", "place")),
    *(("token", token(f"{number:016x}")) for number in (1, 2)),
]
print(json.dumps(good), flush=True)  # noqa: T201 - what the test reads
for line in sys.stdin:
    print(json.dumps(outcome(*json.loads(line))), flush=True)  # noqa: T201 - as above
