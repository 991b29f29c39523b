"""Master keys: they wrap every other key, are in no database, and come from outside.

The first one wraps, all of them unwrap: so that the master key itself can be replaced.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping
from itertools import pairwise
from typing import NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.settings import UnusableSettings

MASTER_BYTES = 32
NONCE_BYTES = 12
# How many characters are different, and how often one is of another kind than the one before it:
# for random keys 58 on average, and less than this for one of 40,000; words do not reach it.
LEAST_MIXED = 42
FORM = "w1"
_ID_LENGTH = 8


class BadMasterKey(ValueError):
    """It cannot be a master key; says why, and not what it is."""


class UnknownMasterKey(UnusableSettings):
    """A key was wrapped by a master key that is not here."""


class MasterKeys:
    """The master keys of this process, which are shown nowhere."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.first = next(iter(keys), "none")

    @classmethod
    def read(cls, text: str) -> Self:
        """Read one or more, in Base64, with spaces, commas or lines between; BadMasterKey."""
        keys = [_decoded(each) for each in text.replace(",", " ").split()]
        if not keys:
            raise BadMasterKey("there is none in it")
        return cls({_id(key): key for key in keys})

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self._ciphers)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("master keys are not written down")

    def wrap(self, secret: bytes, bound_to: str) -> str:
        """Return the secret wrapped by the first master key; `bound_to` unwraps it."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.first].encrypt(nonce, secret, bound_to.encode())
        return f"{FORM}.{self.first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def unwrap(self, wrapped: str, bound_to: str) -> bytes:
        """Return what was wrapped; raises UnknownMasterKey."""
        form, name, text = f"{wrapped}..".split(".")[:3]
        if form != FORM or name not in self._ciphers:
            known = ", ".join(self._ciphers) or "none"
            raise UnknownMasterKey(
                f"The keys of this database were wrapped by the master key {name}, here is {known}:"
                " set that one, behind the first where you have a newer one (docs/keys.md)"
            )
        try:
            data = base64.urlsafe_b64decode(text)
            nonce, sealed = data[:NONCE_BYTES], data[NONCE_BYTES:]
            return self._ciphers[name].decrypt(nonce, sealed, bound_to.encode())
        except (InvalidTag, ValueError):
            raise UnknownMasterKey(
                f"A key was changed since the master key {name} wrapped it: restore its row"
            ) from None

    def __bool__(self) -> bool:
        return bool(self._ciphers)

    def is_wrapped_by_first(self, wrapped: str) -> bool:
        return wrapped.startswith(f"{FORM}.{self.first}.")


def new_master_key() -> str:
    """Return a new one as it is set. Show it once, and never log it."""
    while _is_typed(text := base64.b64encode(secrets.token_bytes(MASTER_BYTES)).decode()):
        pass
    return text


def _is_typed(text: str) -> bool:
    """Say whether it looks like words: nobody guesses random bytes, and anybody guesses those."""
    kinds = [(each.islower(), each.isupper()) for each in text]
    changes = sum(one != other for one, other in pairwise(kinds))
    return len(set(text)) + changes < LEAST_MIXED or base64.b64decode(text).isascii()


def _decoded(text: str) -> bytes:
    """Return the 32 bytes of a text; raises BadMasterKey."""
    standard = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadMasterKey("it is not Base64") from None
    if len(key) != MASTER_BYTES:
        raise BadMasterKey(f"it has {len(key)} bytes, and needs {MASTER_BYTES}")
    written = base64.b64encode(key).decode()
    # The last character has two bits too many: what was drawn has none there.
    if written.rstrip("=") != standard or _is_typed(written):
        raise BadMasterKey("it is not random")
    return key


def _id(key: bytes) -> str:
    """Name a master key by what says nothing about it."""
    return hashlib.sha256(b"master key\0" + key).hexdigest()[:_ID_LENGTH]
