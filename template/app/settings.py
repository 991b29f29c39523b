"""Settings: what differs between the places this code runs in, from the environment and `.env`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

ROOT = Path(__file__).parents[1]
# The placeholder of `.env.example`, refused in production.
SHIPPED_SECRET = "change-me"  # noqa: S105
SHORTEST_SECRET = 32
_PLACES = "in the environment or .env"


class Environment(StrEnum):
    """Where the process runs; only `production` refuses what is merely convenient."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """One value per environment variable of the same name in capitals. Immutable."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    secret_key: SecretStr = SecretStr(SHIPPED_SECRET)
    database_url: str = "sqlite:///var/app.db"
    # The server's own address, for migrations, where DATABASE_URL leads to a pooler.
    direct_database_url: str | None = None
    redis_url: str | None = None
    # How long a request waits for a connection to the database before it is answered by a 503.
    database_wait: timedelta = timedelta(seconds=5)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    # The path under which a proxy publishes the api, where it strips that path: "/staff".
    root_path: str = Field(default="", pattern=r"^(/[^/?#]+)*$")
    # Whose X-Forwarded-For and -Proto are believed: addresses and networks, by commas; "*" for all.
    forwarded_allow_ips: str = ""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    # The longest body of any request, and of a headshot within it.
    max_body_bytes: int = Field(default=6 * 1024 * 1024, gt=0)
    max_upload_bytes: int = Field(default=5 * 1024 * 1024, gt=0)
    # The longest head of a request (its first line and headers), and how many headers it may have.
    max_head_bytes: int = Field(default=32 * 1024, gt=0)
    max_headers: int = Field(default=100, gt=0)
    # How long a client may take to send a head, and for each MiB of a body that it has begun.
    request_head_time: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    request_body_time: timedelta = Field(default=timedelta(seconds=30), gt=timedelta(0))
    # How many connections one process of the api has; of more, the one that is silent for the
    # longest makes room. It serves as many requests at a time; health checks are always answered.
    max_connections: int = Field(default=1000, gt=0)

    # What an api that is told to end gives the requests it has; its jobs have their own grace then.
    request_grace: timedelta = timedelta(seconds=20)

    # How many jobs one process claims and runs at a time.
    job_concurrency: int = Field(default=8, gt=0)
    # How often the outbox is looked at for jobs that are due, besides right after a commit.
    job_poll: timedelta = timedelta(seconds=1)
    # A process renews the lease of its jobs; when it runs out, the process is taken for dead.
    job_lease: timedelta = timedelta(seconds=30)
    # What a process that is told to end gives its jobs; those that need longer are begun again.
    job_grace: timedelta = timedelta(seconds=10)

    @model_validator(mode="after")
    def _refuse_shipped_secret(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment is Environment.PRODUCTION and len(secret) < SHORTEST_SECRET:
            message = f"SECRET_KEY must be a secret of {SHORTEST_SECRET} characters in production"
            raise ValueError(message)
        return self


class UnusableSettings(ValueError):
    """A feature cannot work by the settings; says what to do."""


@contextmanager
def settings_explained() -> Iterator[None]:
    """End this process with a line for each setting that cannot be used, for whoever set it."""
    try:
        yield
    except ValidationError as error:
        sys.exit("\n".join(explained(error)))
    except SettingsError as error:
        sys.exit(f"{error}, {_PLACES}: it is no JSON")
    except UnusableSettings as error:
        sys.exit(str(error))


def explained(error: ValidationError) -> Iterator[str]:
    """Yield a line for each setting that cannot be read, for whoever set it."""
    for each in error.errors():
        name, *inside = map(str, each["loc"] or ["settings"])
        where = f" ({'.'.join(inside)})" if inside else ""
        yield f"{name.upper()}, {_PLACES}{where}: {each['msg']}"


@dataclass(frozen=True)
class Project:
    """The project's own words."""

    name: str
    version: str
    description: str


def read_project() -> Project:
    """Read them."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return Project(table["name"], table["version"], table["description"])
