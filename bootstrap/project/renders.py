"""Renders of the template: made by Copier as a pure function, and kept so that none is made twice.

A render uses no git, no tasks and no settings of the user. It follows from the template, the
answers, and what renders it; the folder's name is none of that. Each is one file in the user's
cache: a digest, the list of its files, and the pack with what they hold. What is damaged or gone is
made again, so nothing depends on the cache but time.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import jinja2

from bootstrap import files, state
from bootstrap.errors import HeadstartError
from bootstrap.project.answers import Answers
from bootstrap.project.template import Template
from bootstrap.project.trees import Pack, ScratchRepository, Tree, TreeEntry

KEPT = 200  # renders, of some 200 kB each; a fleet of half as many projects finds all of its own
_FORM = 2  # of the files in the cache; another number where they or `render` change


# -- making one ------------------------------------------------------------------------------------


def render(template: Template, answers: Answers, destination: Path) -> None:
    """Render `template` into the new folder `destination`."""
    import copier  # noqa: PLC0415  (heavy)
    from copier.errors import CopierError  # noqa: PLC0415

    data = {**answers.values, "_template_version": template.version}
    try:
        with (
            _plain_folder(template) as source,
            _without_git(),
            _compiled_once(),
            redirect_stdout(io.StringIO()),
        ):
            copier.run_copy(
                str(source),
                destination,
                data=data,
                defaults=True,
                quiet=True,
                settings=copier.Settings(),
            )
    except (CopierError, jinja2.TemplateError, ValueError) as error:
        raise _failure(template, error) from error


@contextmanager
def _plain_folder(template: Template) -> Iterator[Path]:
    """A folder with nothing but the template's own files."""
    if template.files is None:
        yield template.root
        return
    with tempfile.TemporaryDirectory(prefix="headstart-template-") as folder:
        for file in template.files:
            target = Path(folder, file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template.root / file, target)
        yield Path(folder)


@contextmanager
def _without_git() -> Iterator[None]:
    """Hide git from Copier, which would start it once per rendered file, for nothing.

    Copier runs commands through plumbum, which keeps its own copy of the process environment.
    """
    from plumbum import local  # noqa: PLC0415  (heavy)

    with local.env(PATH="/nonexistent"):
        yield


@contextmanager
def _compiled_once() -> Iterator[None]:
    """Let Jinja compile no text twice: Copier asks for each part of a path once per file below it.

    That is half of a render. It holds for templates without Copier's own `yield` tag, which sets
    something aside while it is compiled.
    """
    original = jinja2.Environment.from_string
    jinja2.Environment.from_string = cache(original)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        jinja2.Environment.from_string = original  # type: ignore[method-assign]


def _failure(template: Template, error: Exception) -> HeadstartError:
    where = ""
    if isinstance(error, jinja2.TemplateSyntaxError):
        where = f"in {error.name}, line {error.lineno}"
    return HeadstartError(
        f"The template {template.version} could not be rendered.",
        why=tuple(filter(None, (str(error), where))),
        next=("nothing was made; this is a mistake in the template: please report it",),
    )


# -- keeping them ----------------------------------------------------------------------------------


def rendered(scratch: ScratchRepository, source: Template, answers: Answers) -> Tree:
    """Render, or take a known render; its files are in the scratch repository."""
    if not source.digest:
        return _rendered_now(scratch, source, answers)
    key = _key(source, answers, scratch.repository.hashing)
    place = state.cache_of("renders") / key
    if found := _read(place):
        tree, pack = found
        scratch.add_pack(key, pack)
        return tree
    tree = _rendered_now(scratch, source, answers)
    _write(place, tree, scratch.pack(tree))
    return tree


def _rendered_now(scratch: ScratchRepository, source: Template, answers: Answers) -> Tree:
    with tempfile.TemporaryDirectory(prefix="render-", dir=scratch.folder) as folder:
        render(source, answers, Path(folder, "project"))
        return scratch.import_folder(Path(folder, "project"))


def _key(source: Template, answers: Answers, hashing: str) -> str:
    """A digest of everything that a render depends on."""
    origin = (source.digest, source.version, answers.values)
    return _digest(repr((_FORM, hashing, origin, _installed())).encode()).decode()


def _installed() -> list[str]:
    """Names and versions of Copier and its neighbours, without importing them."""
    copier = find_spec("copier")
    if copier is None or copier.origin is None:
        return []
    return sorted(each.name for each in Path(copier.origin).parents[1].glob("*.dist-info"))


def _read(place: Path) -> tuple[Tree, Pack] | None:
    """Read a known render; None if there is none, or if it is damaged."""
    try:
        digest, _, content = place.read_bytes().partition(b"\n")
    except OSError:
        return None
    if _digest(content) != digest:
        return None
    with suppress(OSError):
        os.utime(place)  # used now, so it is dropped last
    about, _, packed = content.partition(b"\n")
    files, size = json.loads(about)
    tree = {path: TreeEntry(*entry) for path, entry in files.items()}
    return tree, Pack(packed[:size], packed[size:])


def _write(place: Path, tree: Tree, pack: Pack) -> None:
    """Keep a render if there is room; of two concurrent writers both are right."""
    about = json.dumps([tree, len(pack.objects)]).encode()
    content = b"\n".join((about, pack.objects + pack.index))
    with suppress(OSError):
        with files.draft(place) as draft:
            draft.write_bytes(b"\n".join((_digest(content), content)))
        for each in sorted(place.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            each.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
