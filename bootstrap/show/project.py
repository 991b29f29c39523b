"""What the commands report that make projects, and what these are made from."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from bootstrap.language import Said, shown
from bootstrap.show import outline
from bootstrap.show.items import padded, width_of
from bootstrap.show.report import Report
from bootstrap.show.text import bold, dim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bootstrap.machine.preview import Forecast
    from bootstrap.project.answers import Answers
    from bootstrap.project.new import Created
    from bootstrap.project.questions import Preset
    from bootstrap.project.template import Template

_COLUMNS, _BETWEEN = 80, len("      ()")  # of a terminal; what is around a name, a value, a source
_LEAST = 24


def created(created: Created, answers: Answers, source: Template) -> Report:
    """A new project: where it is, and what every answer was and comes from."""
    document = {
        "event": "created",
        **_document(created.path, answers, source),
        "files": created.files,
        "git": asdict(created.history),
    }
    unreleased = [Said("Note: the template {version} is unreleased.", version=source.version)]
    notes = [] if source.released else unreleased
    lines = [
        Said(
            "Created {path}: {files} files from template {version}.",
            path=created.path,
            files=created.files,
            version=source.version,
        )
    ]
    if created.history.commit:
        lines.append(
            Said(
                "First commit {commit} on {branch}.",
                commit=created.history.commit,
                branch=created.history.branch,
            )
        )
    lines += [Said("Note: {note}.", note=note) for note in created.history.notes]
    return Report([*lines, "", *_answers(answers), ""], document, notes=notes)


def previewed(
    path: Path, files: Mapping[str, int], ahead: Forecast, answers: Answers, source: Template
) -> Report:
    """What a project would be, and what `up` would do in it; nothing was written."""
    document = {
        "event": "preview",
        **_document(path, answers, source),
        "files": _files(files),
        "steps": [asdict(step) for step in ahead.steps],
        "refused": ahead.refused or None,
    }
    head = f"{bold(f'{path.name}/')}  {outline.total(files)}, template {source.version}"
    lines = [head, *outline.overview(files), "", *_answers(answers), "", *_ahead(ahead)]
    return Report([*lines, "", Said("Nothing was written.")], document)


def _document(path: Path, answers: Answers, source: Template) -> dict[str, object]:
    return {
        "project": answers.values["project_name"],
        "path": str(path),
        "template": {"version": source.version, "released": source.released},
        "answers": {answer.question.name: answer.value for answer in answers.shown},
        "sources": {answer.question.name: answer.source for answer in answers.shown},
    }


def _ahead(ahead: Forecast) -> Iterator[str]:
    from bootstrap.show.machine import planned  # noqa: PLC0415 - only a preview shows it

    command = bold("headstart up")
    if ahead.refused:
        yield Said("{command} would stop: {refused}", command=command, refused=ahead.refused)
        yield from (f"  {shown(each)}" for each in ahead.why)
        return
    yield Said("What {command} would do then:", command=command)
    yield from planned(ahead.steps)


def _files(lines: Mapping[str, int]) -> list[dict[str, object]]:
    return [{"path": path, "lines": number} for path, number in lines.items()]


def _answers(answers: Answers) -> Iterator[str]:
    """A line each; what is longer than a terminal has room for goes on below itself."""
    found = [each for each in answers.shown if each.shown_value]
    widest = max(len(each.question.name) for each in found)
    others = _BETWEEN + widest + max(len(each.source) for each in found)
    room = max(_COLUMNS - others, _LEAST)  # the path of a file of answers may be long
    values = {each.question.name: _wrapped(each.shown_value, room) for each in found}
    width = min(room, max(width_of(line) for lines in values.values() for line in lines))
    for each in found:
        first, *more = values[each.question.name]
        yield f"  {each.question.name:{widest}}  {padded(first, width)}  {dim(f'({each.source})')}"
        for line in more:
            yield f"  {'':{widest}}  {line}"


def _wrapped(value: str, room: int) -> list[str]:
    return textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False) or [value]


def next_command(folder: Path, command: str) -> Report:
    """What a person may want to run next."""
    enter = "" if str(folder) == "." else f"cd {shlex.quote(str(folder))} && "
    return Report([Said("Next: {command}", command=bold(enter + command))])


def presets(presets: Sequence[Preset]) -> Report:
    width = max(len(preset.name) for preset in presets)
    lines = [f"{bold(f'{preset.name:{width}}')}  {preset.adds}" for preset in presets]
    document = {"presets": [{"name": each.name, "adds": each.adds} for each in presets]}
    return Report(lines, document)


def preset(adds: str, answers: Answers, lines: Mapping[str, int]) -> Report:
    """What a project is that takes this preset's answers, and how large."""
    name = str(answers.values["preset"])
    document = {
        "preset": name,
        "adds": adds,
        "answers": {answer.question.name: answer.value for answer in answers.shown},
        "files": _files(lines),
    }
    head = f"{bold(name)}  {adds}"
    size = f"{outline.total(lines)}:"
    make = Said("To make one: headstart new NAME --preset {name}", name=name)
    shown = [head, "", *_answers(answers), "", size, *outline.overview(lines), "", make]
    return Report(shown, document)


def versions(versions: Sequence[str]) -> Report:
    return Report(versions, {"versions": list(versions)})
