"""What tests of received webhooks stand on: sources that an api knows, and a module of theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from joserfc.jwk import KeySet
from pydantic import BaseModel, Field, TypeAdapter

from app.core.database import WriteSession
from app.features.webhooks.incoming import actions
from app.features.webhooks.incoming.actions import Action, Download, Refused
from app.settings import Settings
from tests.features.webhooks.incoming.sources import AUDIENCE, OURS, SECRETS, Files, Issuer, serving


class Done:
    """What the actions have done, in order; `failing` is raised instead."""

    effects: ClassVar[list[tuple[str, str, object]]] = []
    failing: ClassVar[Exception | None] = None


class Data(BaseModel):
    """What it is about."""

    subject: str
    text: str = ""
    url: str = ""
    sha256: str | None = None


class Note(Action):
    """Something that is noted."""

    action: Literal["note"]
    data: Data

    @property
    def subject(self) -> str:
        return self.data.subject

    async def apply(self, session: WriteSession, file: bytes) -> None:  # noqa: ARG002
        if Done.failing is not None:
            raise Done.failing
        Done.effects.append((self.action, self.subject, file or self.data.text))


class Attach(Note):
    """A file that is fetched."""

    part: ClassVar[str] = "file"

    action: Literal["attach"]  # type: ignore[assignment]

    @property
    def download(self) -> Download:
        return Download(self.data.url, frozenset({"image/png"}), self.data.sha256)


class Remove(Note):
    """The end of it."""

    deletes: ClassVar[bool] = True

    action: Literal["remove"]  # type: ignore[assignment]


class Never(Note):
    """What cannot be done."""

    action: Literal["never"]  # type: ignore[assignment]

    async def apply(self, session: WriteSession, file: bytes) -> None:  # noqa: ARG002
        raise Refused("that is never done")


Content = Annotated[Note | Attach | Remove | Never, Field(discriminator="action")]


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Issuer, Files]]:
    issuer, files = Issuer(), Files()
    with serving(issuer, files):
        yield issuer, files


@pytest.fixture
def issuer(servers: tuple[Issuer, Files]) -> Issuer:
    issuer, _ = servers
    issuer.published, issuer.down, issuer.fetches = ["ed"], False, 0
    return issuer


@pytest.fixture
def files(servers: tuple[Issuer, Files]) -> Files:
    _, files = servers
    files.served.clear()
    files.asked.clear()
    return files


@pytest.fixture
def settings(
    settings: Settings, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    """Settings of an api with a source of each kind, whose messages are for the test's module."""
    ours = tmp_path / "ours.json"
    ours.write_text(json.dumps(KeySet(list(OURS.values())).as_dict(private=True)))
    jws = {"kind": "jws", "jwks": issuer.url, "audience": AUDIENCE, "module": "test"}
    sources = {
        "hr": jws,
        "sealed": jws | {"decryption_keys": str(ours)},
        "crm": {
            "kind": "standard",
            "secrets": [each.written() for each in SECRETS],
            "module": "test",
        },
    }
    monkeypatch.setenv("WEBHOOKS_SOURCES", json.dumps(sources))
    monkeypatch.setenv("WEBHOOKS_KEYS_PAUSE", "PT0S")
    monkeypatch.setenv("WEBHOOKS_ALLOWED_HOSTS", "127.0.0.1")
    monkeypatch.setattr(actions, "contents", lambda: {"test": TypeAdapter(Content)})
    monkeypatch.setattr(Done, "effects", [])
    monkeypatch.setattr(Done, "failing", None)
    return settings
