"""Run by the interpreter of a rendered project: keysets beside the bare ciphers, in one process."""

from __future__ import annotations

import base64
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from joserfc import jwt
from joserfc.jwk import OKPKey

from app.features.keys import material, process, sign
from app.features.keys.columns import Encrypted
from app.features.keys.keyset import Held, Keyset
from app.features.keys.states import Key, Kind, State
from app.settings import Environment, Settings

TEXT = "XX00 1111 2222 3333 4444 5555 66"
ROW = uuid4()


def keyset() -> Keyset:
    process.configure(Settings(_env_file=None, environment=Environment.TEST))
    now, held = datetime.now(UTC), {}
    for kind, algorithm in ((Kind.DATA, "A256GCM"), (Kind.SIGNING, "Ed25519")):
        kid = material.new_kid()
        bound_to = material.bound_to(kid, kind, algorithm)
        wrapped = process.masters(to_wrap=True).wrap(material.new_material(algorithm), bound_to)
        held[kid] = Held(Key(kid, kind, algorithm, State.CURRENT, now, now), wrapped)
    return Keyset(held, process.masters())


def pairs() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is compared: the keyset's way, and the library's own."""
    keys = keyset()
    random = SimpleNamespace(type=Encrypted(column="a.b"))
    alike = SimpleNamespace(type=Encrypted(column="a.b", deterministic=True))
    gcm, siv, pair = AESGCM(os.urandom(32)), AESSIV(os.urandom(64)), OKPKey.generate_key("Ed25519")
    sealed, alike_sealed = keys.seal(random, ROW, TEXT), keys.seal(alike, ROW, TEXT)
    associated, plain = f"a.b {ROW}".encode(), TEXT.encode()

    def bare_seal() -> str:
        nonce = os.urandom(12)
        return base64.urlsafe_b64encode(nonce + gcm.encrypt(nonce, plain, associated)).decode()

    bare, bare_alike = bare_seal(), base64.urlsafe_b64encode(siv.encrypt(plain, [associated]))

    def bare_open() -> str:
        data = base64.urlsafe_b64decode(bare)
        return gcm.decrypt(data[:12], data[12:], associated).decode()

    claims, header = {"sub": "ada"}, {"alg": "Ed25519", "kid": "a"}
    return {
        "seal a column": (lambda: keys.seal(random, ROW, TEXT), bare_seal),
        "open a column": (lambda: keys.opened(sealed, ROW), bare_open),
        "seal, deterministic": (
            lambda: keys.seal(alike, ROW, TEXT),
            lambda: base64.urlsafe_b64encode(siv.encrypt(plain, [associated])).decode(),
        ),
        "open, deterministic": (
            lambda: keys.opened(alike_sealed, ROW),
            lambda: siv.decrypt(base64.urlsafe_b64decode(bare_alike), [associated]).decode(),
        ),
        "sign a token": (
            lambda: sign(keys, claims, timedelta(minutes=1)),
            lambda: jwt.encode(header, claims, pair, algorithms=["Ed25519"]),
        ),
    }


def microseconds(work: Callable[[], object], number: int) -> float:
    began = time.process_time()
    for _ in range(number):
        work()
    return (time.process_time() - began) / number * 1e6


def main(rounds: int, number: int) -> None:
    """Print the medians of interleaved rounds, in µs of CPU, and the ratio of the work done."""
    for name, (ours, bare) in pairs().items():
        times = [(microseconds(ours, number), microseconds(bare, number)) for _ in range(rounds)]
        own, other = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"{name:22} {own:7.1f} / {other:6.1f} µs   {other / own:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
