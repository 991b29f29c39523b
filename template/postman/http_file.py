"""The requests as an .http file, which editors send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from postman.collection import BASE_URL, FORMS, KEY, file_parts, is_guarded, part_file
from postman.openapi import Operation
from postman.samples import RUN, variable
from postman.steps import Step

BOUNDARY = "part"
# None of the programs takes a variable without any value.
TO_FILL_IN = "fill-in"
_HEAD = """\
# Yours: git does not see this file. Delete it, and `make postman` writes a new one.
# The HTTP client of JetBrains, httpYac and REST Client understand it."""


def http_file(steps: Sequence[Step], base_url: str, files: Path) -> str:
    """Return one request for each operation; what names a thing is filled in at the top."""
    usual = [step for step in steps if not step.but]
    names = dict.fromkeys(name for step in usual for name in step.path)
    variables = [f"@{BASE_URL} = {base_url}"]
    unknown = [*[KEY] * is_guarded(steps), *names]
    variables += [f"@{name} = {TO_FILL_IN}" for name in unknown]
    requests = ("\n".join(_lines(step, files)) for step in usual)
    return "\n\n".join((_HEAD, "\n".join(variables), *requests)) + "\n"


def _lines(step: Step, files: Path) -> Iterator[str]:
    operation = step.operation
    path = re.sub(r"{(\w+)}", lambda match: variable(match[1]), operation.path)
    yield f"### {step.name}"
    yield f"{operation.method.upper()} {variable(BASE_URL)}{path}"
    if operation.is_guarded:
        yield f"Authorization: Bearer {variable(KEY)}"
    for name, value in step.headers.items():
        # Whatever state it is in: here nobody keeps what an earlier answer has said.
        yield f"{name}: {'*' if name == 'If-Match' else _known(value)}"
    yield from _body(operation, step, files)


def _body(operation: Operation, step: Step, files: Path) -> Iterator[str]:
    kind = operation.body.media_type
    if uploads := file_parts(operation):
        yield f"Content-Type: {kind}; boundary={BOUNDARY}"
        for name in uploads:
            file = part_file(files, name).name
            disposition = f'form-data; name="{name}"; filename="{file}"'
            yield from ("", f"--{BOUNDARY}", f"Content-Disposition: {disposition}")
            yield from ("", f"< {files.name}/{file}")
        yield f"--{BOUNDARY}--"
    elif step.body is not None and kind not in FORMS:
        yield f"Content-Type: {kind}"
        yield ""
        yield _known(json.dumps(step.body, indent=2, ensure_ascii=False))


def _known(text: str) -> str:
    """Write the number of the run as every one of these programs knows it."""
    return text.replace(RUN, variable("$timestamp"))
