"""The files of `postman/collection/`: written completely or not at all, and only where they differ.

The collection is made anew each time. What people fill in stays: values in the environments, and
the whole of the .http file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from app.settings import Project
from postman.collection import collection, file_parts, is_guarded, part_file
from postman.environments import LOCAL, PLACES, completed, environment
from postman.http_file import http_file
from postman.openapi import Document
from postman.steps import Step


class Unreadable(Exception):
    """A file that people fill in is not what Postman writes."""


@dataclass(frozen=True)
class Folder:
    """Where everything is written, for one project."""

    path: Path
    about: Project

    @property
    def collection(self) -> Path:
        return self.path / f"{self.about.name}.postman_collection.json"

    @property
    def uploads(self) -> Path:
        """What requests upload; a file of anybody's stays."""
        return self.path / "files"

    @property
    def http(self) -> Path:
        return self.path / f"{self.about.name}-{LOCAL}.http"

    def environment(self, place: str) -> Path:
        return self.path / f"{self.about.name}-{place}.postman_environment.json"

    def is_current(self, steps: Sequence[Step]) -> bool:
        """Say whether the collection that is there is what the api says."""
        return _text(self.collection) == self._collection(steps)

    def write(self, steps: Sequence[Step], address: str) -> Iterator[Path]:
        """Write what is missing or differs, and yield each file that was written."""
        for path, content in self._contents(steps, address):
            if not path.is_file() or path.read_bytes() != content:
                _write(path, content)
                yield path

    def _contents(self, steps: Sequence[Step], address: str) -> Iterator[tuple[Path, bytes]]:
        for part in sorted({part for step in steps for part in file_parts(step.operation)}):
            if not (upload := part_file(self.uploads, part)).exists():
                yield upload, _picture()
        for place, url in (PLACES | {LOCAL: address}).items():
            base_url = url.format(project=self.about.name)
            yield self.environment(place), self._environment(place, base_url, steps).encode()
        if not self.http.exists():
            yield self.http, http_file(steps, address, self.uploads).encode()
        yield self.collection, self._collection(steps).encode()

    def _collection(self, steps: Sequence[Step]) -> str:
        return _json(collection(self.about, steps, self.uploads))

    def _environment(self, place: str, base_url: str, steps: Sequence[Step]) -> str:
        path = self.environment(place)
        text = _text(path)
        try:
            there = json.loads(text) if text else environment(self.about.name, place)
            full = completed(there, base_url, is_guarded=is_guarded(steps))
        except (ValueError, LookupError, TypeError) as error:
            message = f"{path} is not a Postman environment: correct or delete it ({error})"
            raise Unreadable(message) from error
        return text if text and full == there else _json(full)


def _json(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(content)
    draft.replace(path)


def _picture() -> bytes:
    target = BytesIO()
    Image.new("RGB", (640, 480), "steelblue").save(target, "PNG")
    return target.getvalue()
