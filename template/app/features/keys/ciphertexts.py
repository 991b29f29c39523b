"""Ciphertexts of what is stored: which data key, bound to what, and nothing that tells more.

k1.KID.…    AES-256-GCM with a random nonce: the same text twice gives two ciphertexts
d1.KID.…    AES-SIV (RFC 5297): the same text in the same column gives the same one
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.sealing import CannotOpen

RANDOM, ALIKE = "k1", "d1"
DATA_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_FORM = re.compile(r"(?P<form>k1|d1)\.(?P<kid>[0-9a-f]{16})\.(?P<data>[A-Za-z0-9_-]+)")
_HEAD = len("k1.0123456789abcdef.")
CHANGED = "it was changed, or was sealed for another place"


def kid_of(text: str) -> str | None:
    """Return which key opens it; None for what is no ciphertext."""
    found = _FORM.fullmatch(text)
    return found["kid"] if found else None


def is_alike(text: str) -> bool:
    """Say whether it was sealed deterministically: it is bound to no row then."""
    return text.startswith(f"{ALIKE}.")


def head(form: str, kid: str) -> str:
    """Return how every ciphertext of that key begins."""
    return f"{form}.{kid}."


def longest(most_bytes: int) -> int:
    """Return how many characters the ciphertext of so many bytes has, at most."""
    return _HEAD + -(-(NONCE_BYTES + most_bytes + TAG_BYTES) * 4 // 3)


class DataKey:
    """A key that seals what is stored; it is shown nowhere."""

    def __init__(self, kid: str, secret: bytes) -> None:
        self.kid = kid
        self._random = AESGCM(_derived(secret, RANDOM, DATA_BYTES))
        self._alike = AESSIV(_derived(secret, ALIKE, 2 * DATA_BYTES))

    def __repr__(self) -> str:
        return f"DataKey({self.kid})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not written down")

    def seal(self, secret: bytes, bound_to: str) -> str:
        begin, nonce = head(RANDOM, self.kid), os.urandom(NONCE_BYTES)
        sealed = self._random.encrypt(nonce, secret, _associated(begin, bound_to))
        return begin + _encoded(nonce + sealed)

    def seal_alike(self, secret: bytes, bound_to: str) -> str:
        """Seal deterministically: whoever sees two ciphertexts knows whether they are equal."""
        begin = head(ALIKE, self.kid)
        return begin + _encoded(self._alike.encrypt(secret, [_associated(begin, bound_to)]))

    def opened(self, text: str, bound_to: str) -> bytes:
        """Return what was sealed for that place; raises CannotOpen."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise CannotOpen("it is no ciphertext")
        begin, data = head(found["form"], found["kid"]), _decoded(found["data"])
        try:
            if found["form"] == ALIKE:
                return self._alike.decrypt(data, [_associated(begin, bound_to)])
            nonce, sealed = data[:NONCE_BYTES], data[NONCE_BYTES:]
            return self._random.decrypt(nonce, sealed, _associated(begin, bound_to))
        except (InvalidTag, ValueError):
            raise CannotOpen(CHANGED) from None


def _derived(secret: bytes, purpose: str, length: int) -> bytes:
    """Let no key serve two ciphers."""
    return HKDF(SHA256(), length, salt=None, info=f"data key {purpose}".encode()).derive(secret)


def _associated(begin: str, bound_to: str) -> bytes:
    return f"{begin}{bound_to}".encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise CannotOpen(CHANGED) from None
    # Base64 has several texts for the same bytes, of which only one was written by us.
    if _encoded(data) != text:
        raise CannotOpen(CHANGED)
    return data
