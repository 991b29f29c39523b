"""Renders as git has them, kept on this machine so that none is made twice.

A render follows from the template, the answers, and what renders it; the folder's name is none of
that. Each is one file in the user's cache: a digest, the list of its files, and the pack with what
they hold. What is damaged or gone is made again, so nothing depends on the cache but time.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from bootstrap import files, state
from bootstrap.project.answers import Answers
from bootstrap.project.template import Template
from bootstrap.project.trees import Entry, Pack, Tree, Workbench

KEPT = 200  # renders, of some 200 kB each; a fleet of half as many projects finds all of its own
_FORM = 1  # of the files in the cache; another number where they or `render` change


def rendered(bench: Workbench, source: Template, answers: Answers) -> Tree:
    """A render, with what its files hold in the workbench."""
    if not source.digest:
        return _render(bench, source, answers)
    key = _key(source, answers, bench.repository.hashing)
    return _known(bench, key) or _kept(bench, key, _render(bench, source, answers))


def _known(bench: Workbench, key: str) -> Tree | None:
    found = _read(state.cache_of("renders") / key)
    if found is None:
        return None
    tree, pack = found
    bench.take(key, pack)
    return tree


def _kept(bench: Workbench, key: str, tree: Tree) -> Tree:
    _write(state.cache_of("renders") / key, tree, bench.pack(tree))
    return tree


def _render(bench: Workbench, source: Template, answers: Answers) -> Tree:
    from bootstrap.project.render import render  # noqa: PLC0415  (heavy: copier)

    with tempfile.TemporaryDirectory(prefix="render-", dir=bench.folder) as folder:
        render(source, answers, Path(folder, "project"))
        return bench.of_folder(Path(folder, "project"))


def _key(source: Template, answers: Answers, hashing: str) -> str:
    """A digest of all that a render follows from."""
    origin = (source.digest, source.version, answers.values)
    stated = repr((_FORM, hashing, origin, _installed()))
    return hashlib.sha256(stated.encode()).hexdigest()


def _installed() -> list[str]:
    """Copier, Jinja and what is installed beside them: names and versions, without an import."""
    copier = find_spec("copier")
    if copier is None or copier.origin is None:
        return []
    return sorted(each.name for each in Path(copier.origin).parents[1].glob("*.dist-info"))


def _read(place: Path) -> tuple[Tree, Pack] | None:
    """A render that is known; None where it is not, or not all of it as it was written."""
    try:
        stated, _, content = place.read_bytes().partition(b"\n")
    except OSError:
        return None
    if _digest(content) != stated:
        return None
    with suppress(OSError):
        os.utime(place)  # used now, so it is dropped last
    about, _, packed = content.partition(b"\n")
    files, size = json.loads(about)
    tree = {path: Entry(*entry) for path, entry in files.items()}
    return tree, Pack(packed[:size], packed[size:])


def _write(place: Path, tree: Tree, pack: Pack) -> None:
    """Keep a render, if there is room; of two that keep it at once both are right."""
    about = json.dumps([tree, len(pack.objects)]).encode()
    content = b"\n".join((about, pack.objects + pack.index))
    with suppress(OSError):
        with files.draft(place) as draft:
            draft.write_bytes(b"\n".join((_digest(content), content)))
        for each in sorted(place.parent.iterdir(), key=_last_used)[:-KEPT]:
            each.unlink(missing_ok=True)


def _last_used(file: Path) -> float:
    return file.stat().st_mtime


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
