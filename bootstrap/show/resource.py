"""What `headstart add resource` has added, or would: a tree of files with their lines."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bootstrap.language import Said
from bootstrap.show import outline
from bootstrap.show.report import Report
from bootstrap.show.text import bold, count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.project.resource.add import ResourceFiles

_REVISION = "migrate/versions/"
_HEAD = "migrate/HEAD"


def added(files: ResourceFiles, subject: str, notes: tuple[str, ...]) -> Report:
    """The resource is there; what to do with it. `subject` is the one of its commit."""
    names = files.plan.names
    title = f"Added {bold(names.many)}: {_total(files)}."
    commit = f"git add --all && git commit -m {shlex.quote(subject)}"
    next_ = ("make migrate && make test", commit)
    document = {"event": "added", **_document(files), "next": list(next_)}
    lines = [title, "", *_tree(files), "", *_said(files)]
    lines += [Said("Next: {next}", next=bold(next_[0])), f"      {bold(next_[1])}"]
    return Report(lines, document, notes=[Said("Note: {note}.", note=note) for note in notes])


def previewed(files: ResourceFiles, notes: tuple[str, ...]) -> Report:
    """What would be added; nothing was."""
    title = Said(
        "Would add {many}: {total}, and a revision.",
        many=bold(files.plan.names.many),
        total=_total(files),
    )
    lines = [title, "", *_tree(files), "", *_said(files), Said("Nothing was written.")]
    document = {"event": "preview", **_document(files)}
    return Report(lines, document, notes=[Said("Note: {note}.", note=note) for note in notes])


def _document(files: ResourceFiles) -> dict[str, object]:
    names = files.plan.names
    return {
        "resource": names.singular,
        "module": f"app/modules/{names.plural}",
        "table": names.plural,
        "path": f"/v1/{names.path}",
        "fields": [field.name for field in files.plan.fields],
        "files": [{"path": path, "lines": _lines(text)} for path, text in files.new.items()],
        "changed": list(files.changed),
        "revisions": list(files.revisions),
    }


def _said(files: ResourceFiles) -> Iterator[str]:
    names = files.plan.names
    yield Said(
        "It is served at {path}, from the table {plural}.",
        path=bold(f"/v1/{names.path}"),
        plural=names.plural,
    )


def _total(files: ResourceFiles) -> str:
    return outline.total({path: _lines(text) for path, text in files.new.items()})


def _tree(files: ResourceFiles) -> Iterator[str]:
    said = {path: count(_lines(text), "line") for path, text in files.new.items()}
    said |= {path: Said("one more in its list") for path in files.changed if path != _HEAD}
    said |= {path: Said("names the new revision") for path in files.changed if path == _HEAD}
    if not files.revisions:
        said |= {f"{_REVISION}…": Said("the revision, by the project's own autogenerate")}
    yield from outline.tree(said)


def _lines(text: str) -> int:
    return len(text.splitlines())
