"""Where the project is, which database it means, and how a command tells what it does."""

# Managed by the template: your own are env.py and versions/, and an update merges any other change.
from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).parents[1]

Plain = str | int | float | bool | Sequence["Plain"] | dict[str, "Plain"] | None


def database_url() -> str:
    """Return the database that the code is configured for, past a pooler before it."""
    if url := os.environ.get("DIRECT_DATABASE_URL") or os.environ.get("DATABASE_URL"):
        return url  # as the settings would read it, without the time that they take
    from app.settings import Settings  # noqa: PLC0415

    settings = Settings()
    return settings.direct_database_url or settings.database_url


def alembic_config(url: str, **attributes: object) -> Config:
    """Return Alembic's own configuration of this project, for that database."""
    from alembic.config import Config  # noqa: PLC0415 - a database that is up to date needs none

    config = Config(ROOT / "alembic.ini", attributes={"url": url, **attributes})
    config.set_main_option("script_location", str(ROOT / "migrate"))
    return config


@dataclass(frozen=True)
class Report:
    """Tells what happens, line by line: to people, or as one JSON object a line."""

    as_json: bool = False

    def __call__(self, event: str, text: str, **fields: Plain) -> None:
        line = json.dumps({"event": event, "text": text, **fields}) if self.as_json else text
        print(line, flush=True)


@dataclass(frozen=True)
class Run:
    """One run of a command: what it was told, and where it tells what it does."""

    arguments: Namespace
    report: Report

    @cached_property
    def url(self) -> str:
        return str(self.arguments.database or database_url())

    def config(self, **attributes: object) -> Config:
        return alembic_config(self.url, say=self._say, **attributes)

    def _say(self, text: str) -> None:
        self.report("revision", text)
