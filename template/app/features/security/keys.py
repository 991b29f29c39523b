"""The keys of registered clients: `hs_<number>_<secret>`, of which only a digest is kept.

A secret is 32 random bytes, so a plain SHA-256 keeps it as safe as it is: slow hashes defend
passwords that can be guessed, and would only cost every request here what they cost an attacker.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from app.core.logging import EXTRA_PATTERNS

MARK = "hs_"
SECRET_BYTES = 32
PREFIX_LENGTH = 6

_WRITTEN = re.compile(rf"{MARK}([1-9][0-9]{{0,8}})_([A-Za-z0-9_-]{{43}})")
EXTRA_PATTERNS.append((MARK, re.compile(rf"{MARK}[0-9]+_[\w-]+")))


@dataclass(frozen=True)
class ClientKey:
    """A key as its client holds it."""

    number: int
    secret: str = field(repr=False)

    @classmethod
    def new(cls, number: int) -> Self:
        return cls(number, secrets.token_urlsafe(SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a key; None for what cannot be one."""
        found = _WRITTEN.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None

    def written(self) -> str:
        """Return the key as its client sends it. Show it once, and never log it."""
        return f"{MARK}{self.number}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is stored of the key."""
        return hashlib.sha256(self.written().encode()).hexdigest()

    @property
    def prefix(self) -> str:
        """The beginning of the secret, by which people tell keys apart."""
        return self.secret[:PREFIX_LENGTH]
