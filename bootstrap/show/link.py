"""What `link` reports: what the files come from, and what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.language import Said, joined
from bootstrap.project.values import format_value
from bootstrap.show.items import Pair
from bootstrap.show.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.project.link import Link
    from bootstrap.show.items import Item


def found(link: Link) -> Report:
    """What would be recorded; nothing was changed."""
    ending = (
        Said("It is recorded already.")
        if link.agrees
        else Said("Nothing was changed. To record it: headstart link --yes")
    )
    return Report([*_items(link), "", ending], _document(link) | {"recorded": link.agrees})


def question(link: Link) -> Report:
    """What would be recorded, before somebody is asked."""
    return Report([*_items(link), ""])


def recorded(link: Link, commit: str) -> Report:
    """What was recorded."""
    document = _document(link) | {"recorded": True, "commit": commit}
    lines = [
        Said("Recorded as commit {commit}.", commit=commit[:10]),
        Said("Next: headstart status"),
    ]
    return Report(lines, document)


def shown_and_recorded(link: Link, commit: str) -> Report:
    report = recorded(link, commit)
    return Report([*_items(link), "", *report.items], report.document)


def _items(link: Link) -> Iterator[Item]:
    like = link.origin.likeness
    version = link.origin.template.version
    yield Said("These files come from template {version}.", version=version)
    yield Pair(
        Said("beside what it renders"),
        Said(
            "{same} the same, {edited} edited, {gone} gone",
            same=like.same,
            edited=like.edited,
            gone=like.gone,
        ),
    )
    yield Pair("recorded", link.version or "nothing")
    for name, value in link.found.items():
        former = link.recorded.get(name)
        text = format_value(value)
        if name in link.recorded and former != value:
            recorded = Said(" (recorded: {value})", value=format_value(former))
            text = joined((text, recorded), "")
        yield Pair(name, text)


def _document(link: Link) -> dict[str, object]:
    like = link.origin.likeness
    return {
        "version": link.origin.template.version,
        "answers": dict(link.found),
        "same": like.same,
        "edited": like.edited,
        "gone": like.gone,
        "recorded_version": link.version,
        "recorded_answers": dict(link.recorded),
    }
