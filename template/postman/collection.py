"""The steps as a Postman collection (format 2.1), the same bytes for the same api."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from app.settings import Project
from postman import scripts
from postman.openapi import Document, Operation
from postman.samples import sample, variable
from postman.steps import Step

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
BASE_URL, KEY = "baseUrl", "clientKey"
FORMS = {"application/x-www-form-urlencoded": "urlencoded", "multipart/form-data": "formdata"}


def collection(about: Project, steps: Sequence[Step], files: Path) -> Document:
    """Return the collection; what is uploaded comes from `files`."""
    folders = [
        {"id": _id(about, tag), "name": tag, "item": [_item(about, step, files) for step in own]}
        for tag, own in groupby(steps, lambda step: step.folder)
    ]
    made = {
        "info": {
            "_postman_id": _id(about),
            "name": about.name,
            "description": f"{about.description}\n\nMade by `make postman`: changes here are lost.",
            "schema": SCHEMA,
        },
        "item": folders,
        "event": [_event("test", scripts.ALWAYS)],
        "variable": [{"key": "run", "value": "1"}],
    }
    return made | ({"auth": _bearer()} if is_guarded(steps) else {})


def is_guarded(steps: Sequence[Step]) -> bool:
    """Say whether the api asks who calls."""
    return any(step.operation.is_guarded for step in steps)


def part_file(files: Path, part: str) -> Path:
    """Return the file that a part of a form is read from; the one of its name, of any kind."""
    return next(iter(sorted(files.glob(f"{part}.*"))), files / f"{part}.png")


def file_parts(operation: Operation) -> list[str]:
    """Return the names of the files that a form has."""
    if operation.body.media_type not in FORMS or operation.body.schema is None:
        return []
    parts: Document = operation.body.schema["properties"]
    return [name for name, rule in parts.items() if "contentMediaType" in rule]


def _item(about: Project, step: Step, files: Path) -> Document:
    events = [_event("test", step.after)]
    if step.before:
        events.insert(0, _event("prerequest", step.before))
    name = f"{step.operation.method} {step.operation.path} {step.but}"
    return {
        "id": _id(about, name),
        "name": step.name,
        "event": events,
        "request": _request(step, files),
        "response": [],
    }


def _request(step: Step, files: Path) -> Document:
    operation = step.operation
    request: Document = {
        "method": operation.method.upper(),
        "header": [{"key": name, "value": value} for name, value in step.headers.items()],
        "url": _url(step),
        "description": operation.said.get("description", ""),
    }
    if step.is_anonymous or not operation.is_guarded:
        request["auth"] = {"type": "noauth"}
    if operation.body.media_type in FORMS:
        mode = FORMS[operation.body.media_type]
        request["body"] = {"mode": mode, mode: _fields(operation, files)}
    elif step.body is not None:
        request["header"].append({"key": "Content-Type", "value": operation.body.media_type})
        raw = json.dumps(step.body, indent=2, ensure_ascii=False)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return request


def _url(step: Step) -> Document:
    path = re.sub(r"{(\w+)}", r":\1", step.operation.path)
    url: Document = {
        "raw": variable(BASE_URL) + path,
        "host": [variable(BASE_URL)],
        "path": path.strip("/").split("/"),
    }
    if step.path:
        url["variable"] = [{"key": name, "value": value} for name, value in step.path.items()]
    if query := [_query(each) for each in step.operation.parameters("query")]:
        url["query"] = query
    return url


def _query(parameter: Document) -> Document:
    schema = parameter["schema"]
    value = schema.get("default", "")
    if parameter.get("required"):
        value = sample(schema, parameter["name"])
    return {
        "key": parameter["name"],
        "value": json.dumps(value) if isinstance(value, bool) else str(value),
        "description": parameter.get("description", ""),
        "disabled": not parameter.get("required", False),
    }


def _fields(operation: Operation, files: Path) -> list[Document]:
    values: Document = sample(operation.body.schema or {}, operation.name)
    uploads = file_parts(operation)
    return [
        (
            {"key": name, "type": "file", "src": f"{files.name}/{part_file(files, name).name}"}
            if name in uploads
            else {"key": name, "type": "text", "value": str(value)}
        )
        for name, value in values.items()
    ]


def _bearer() -> Document:
    token = {"key": "token", "value": variable(KEY), "type": "string"}
    return {"type": "bearer", "bearer": [token]}


def _event(when: str, lines: scripts.Lines) -> Document:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def _id(about: Project, name: str = "") -> str:
    return str(uuid5(NAMESPACE_URL, f"{about.name}/{name}"))
