"""What the commands report that make projects, and what these are made from."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.show.report import Report
from bootstrap.show.text import bold, dim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bootstrap.project.answers import Answers
    from bootstrap.project.new import Created
    from bootstrap.project.questions import Preset
    from bootstrap.project.template import Template

_ROOM = 44  # of a terminal's 80 columns, what a name and a source leave to a value

def created(created: Created, answers: Answers, source: Template) -> Report:
    """A new project: where it is, and what every answer was and comes from."""
    document = {
        "event": "created",
        "project": answers.values["project_name"],
        "path": str(created.path),
        "template": {"version": source.version, "released": source.released},
        "answers": {answer.question.name: answer.value for answer in answers.shown},
        "sources": {answer.question.name: answer.source for answer in answers.shown},
        "files": created.files,
        "git": asdict(created.history),
    }
    unreleased = [f"Note: the template {source.version} is unreleased."]
    notes = [] if source.released else unreleased
    lines = [f"Created {created.path}: {created.files} files from template {source.version}."]
    if created.history.commit:
        lines.append(f"First commit {created.history.commit} on {created.history.branch}.")
    lines += [f"Note: {note}." for note in created.history.notes]
    return Report([*lines, "", *_answers(answers), ""], document, notes=notes)


def _answers(answers: Answers) -> Iterator[str]:
    """A line each; what is longer than a terminal has room for goes on below itself."""
    rows = [
        (answer.question.name, _wrapped(answer.shown_value), answer.source)
        for answer in answers.shown
        if answer.shown_value
    ]
    widest = max(len(name) for name, _, _ in rows)
    width = max(len(line) for _, lines, _ in rows for line in lines)
    for name, (first, *more), origin in rows:
        yield f"  {name:{widest}}  {first:{width}}  {dim(f'({origin})')}"
        for line in more:
            yield f"  {'':{widest}}  {line}"


def _wrapped(value: str) -> list[str]:
    return textwrap.wrap(value, _ROOM, break_long_words=False, break_on_hyphens=False)


def next_command(folder: Path, command: str) -> Report:
    """What a person may want to run next."""
    enter = "" if str(folder) == "." else f"cd {shlex.quote(str(folder))} && "
    return Report([f"Next: {bold(enter + command)}"])


def presets(presets: Sequence[Preset]) -> Report:
    width = max(len(preset.name) for preset in presets)
    lines = [f"{bold(f'{preset.name:{width}}')}  {preset.adds}" for preset in presets]
    document = {"presets": [{"name": each.name, "adds": each.adds} for each in presets]}
    return Report(lines, document)


def versions(versions: Sequence[str]) -> Report:
    return Report(versions, {"versions": list(versions)})
