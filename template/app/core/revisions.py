"""The migrations that this code comes with, read from their files: serving needs no Alembic."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.core.project import ROOT

FOLDER = ROOT / "migrate" / "versions"
_IDENTIFIER = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.*)$", re.MULTILINE)
_QUOTED = re.compile(r"""["']([^"']+)["']""")

Standing = Literal["ok", "behind", "ahead"]


@dataclass(frozen=True)
class Revisions:
    """Every revision of the code, and its heads: those that no other builds on."""

    known: frozenset[str]
    heads: frozenset[str]

    def standing(self, stored: AbstractSet[str]) -> Standing:
        """Say how a database with the `stored` versions stands to this code.

        A database ahead has been migrated by newer code: while a deployment rolls out, that is so.
        """
        if stored == self.heads:
            return "ok"
        return "ahead" if stored - self.known else "behind"


def read_revisions(folder: Path = FOLDER) -> Revisions:
    """Read the revisions in `folder`."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in folder.glob("*.py"):
        for name, value in _IDENTIFIER.findall(path.read_text("utf-8")):
            found[name].update(_QUOTED.findall(value))
    known, below = found["revision"], found["down_revision"]
    return Revisions(frozenset(known), frozenset(known - below))
