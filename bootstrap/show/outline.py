"""Files as a tree: folders within folders, and what there is to say about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.language import joined, shown
from bootstrap.show.items import padded, width_of
from bootstrap.show.text import count, dim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHOWN = 2  # levels of a whole project: what is below is counted in its folder


def tree(said: Mapping[str, str]) -> Iterator[str]:
    """Every file on a line of its own, with what is said of it by its path."""
    yield from _aligned(list(_branches(_nested(said))))


def overview(lines: Mapping[str, int]) -> Iterator[str]:
    """The upper levels of a project, with how many files and lines are in each; by path."""
    shown: dict[str, dict[str, int]] = {}
    for path, number in lines.items():
        parts = path.split("/")
        name = path if len(parts) <= SHOWN else "/".join(parts[:SHOWN]) + "/"
        shown.setdefault(name, {})[path] = number
    yield from tree(
        {
            name: total(below) if name.endswith("/") else count(below[name], "line")
            for name, below in shown.items()
        }
    )


def total(lines: Mapping[str, int]) -> str:
    files, all_lines = count(len(lines), "file"), count(sum(lines.values()), "line")
    return joined((files, all_lines), ", ")


def _aligned(branches: list[tuple[str, str]]) -> Iterator[str]:
    width = max(width_of(line) for line, _ in branches)
    for line, text in branches:
        yield f"{padded(line, width)}  {dim(text)}".rstrip() if text else line


def _nested(said: Mapping[str, str]) -> dict[str, object]:
    """The paths as folders within folders; one that ends with a slash is a folder as a whole."""
    root: dict[str, object] = {}
    for path, text in sorted(said.items()):
        *folders, name = path.removesuffix("/").split("/")
        at = root
        for folder in folders:
            below = at.setdefault(f"{folder}/", {})
            assert isinstance(below, dict)  # noqa: S101 - a file's name ends with no slash
            at = below
        at[name + "/" * path.endswith("/")] = text
    return root


def _branches(tree: Mapping[str, object], indent: str = "") -> Iterator[tuple[str, str]]:
    """Each line of the tree, and what is said of it."""
    for number, (name, below) in enumerate(tree.items(), start=1):
        is_last = number == len(tree)
        arm, stem = ("└── ", "    ") if is_last else ("├── ", "│   ")
        if isinstance(below, dict):
            yield f"{indent}{arm}{name}", ""
            yield from _branches(below, indent + stem)
        else:
            yield f"{indent}{arm}{name}", shown(below)
