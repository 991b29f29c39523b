"""Renders of the template: made as a pure function, and kept so that none is made twice.

A render uses no git, no tasks and no settings of the user. It follows from the template, the
answers, and what renders it; the folder's name is none of that. Where a template needs no more than
`renderer` knows, Copier is not even imported. Each render is one file in the user's cache: a
digest, the list of its files, and what is in those that the template itself does not have. What is
damaged or gone is made again, so nothing depends on the cache but time.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import jinja2

from bootstrap import files, state
from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import questions, releases
from bootstrap.project.answers import FAILURES, Answers
from bootstrap.project.renderer import RenderedFile, Renderer, TemplateFiles
from bootstrap.project.template import Template
from bootstrap.project.trees import ScratchRepository, Tree, TreeEntry

KEPT = 200  # renders, of some 20 kB each; a fleet of half as many projects finds all of its own
_FORM = 3  # of the files in the cache; another number where they or a render change


# -- making one ------------------------------------------------------------------------------------


def render(template: Template, answers: Answers, destination: Path) -> None:
    """Render `template` into the new folder `destination`."""
    with _files_of(template) as source:
        made = _made(template, source, answers)
        for path, file in (made or {}).items():
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_content(file, source))
            target.chmod(int(file.mode[-3:], 8))
    if made is None:
        _render_by_copier(template, answers, destination)


def _made(
    template: Template, source: TemplateFiles, answers: Answers
) -> dict[str, RenderedFile] | None:
    """The files by path; None where that takes Copier, be it to say what is wrong."""
    if answers.problems or any(answer.breaks for answer in answers.all):
        return None
    renderer = Renderer(questions.document(template.config), source)
    if renderer.unknown:
        return None
    try:
        return renderer.render(answers, template.version)
    except FAILURES:
        return None


def _content(file: RenderedFile, source: TemplateFiles) -> bytes:
    return source.read(file.source) if file.content is None else file.content


@contextmanager
def _files_of(template: Template) -> Iterator[TemplateFiles]:
    if not template.digest:
        entries = {path: TreeEntry(mode, "") for path, mode in template.modes().items()}
        yield TemplateFiles(entries, lambda path: (template.source / path).read_bytes())
        return
    with releases.reader(template.source) as reader:
        found = template.only(reader.files(template.digest))
        # These ids are none of a project whose objects are named otherwise.
        entries = {path: TreeEntry(entry.mode, "") for path, entry in found.items()}
        yield TemplateFiles(entries, lambda path: reader.read(found[path].blob).content)


def _render_by_copier(template: Template, answers: Answers, destination: Path) -> None:
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
        Said("The template {version} could not be rendered.", version=template.version),
        why=tuple(filter(None, (str(error), where))),
        next=(Said("nothing was made; this is a mistake in the template: please report it"),),
    )


# -- keeping them ----------------------------------------------------------------------------------


def rendered(scratch: ScratchRepository, source: Template, answers: Answers) -> Tree:
    """Render, or take a known render; its files are in the scratch repository."""
    if not source.digest:
        return _rendered_now(scratch, source, answers)
    own = _read_from(scratch, source)
    place = state.cache_of("renders") / _key(source, answers, scratch.repository.hashing)
    if kept := _read(place):
        tree, contents = kept
        for content in contents:
            scratch.write_blob(content)
        return tree
    tree = _rendered_now(scratch, source, answers)
    known = {entry.blob for entry in scratch.tree(source.digest).values()} if own else set()
    blobs = sorted({entry.blob for entry in tree.values()} - known)
    _write(place, tree, [scratch.content(blob) for blob in blobs])
    return tree


def _read_from(scratch: ScratchRepository, source: Template) -> bool:
    """Let the scratch repository read a template's own objects, where it can."""
    readable = bool(source.digest) and scratch.repository.hashing == releases.HASHING
    if readable:
        scratch.borrow(source.source / "objects")
    return readable


def _rendered_now(scratch: ScratchRepository, source: Template, answers: Answers) -> Tree:
    with _files_in(scratch, source) as found:
        made = _made(source, found, answers)
        if made is not None:
            return {path: _entry(scratch, file, found) for path, file in made.items()}
    with tempfile.TemporaryDirectory(prefix="render-", dir=scratch.folder) as folder:
        _render_by_copier(source, answers, Path(folder, "project"))
        return scratch.import_folder(Path(folder, "project"))


@contextmanager
def _files_in(scratch: ScratchRepository, source: Template) -> Iterator[TemplateFiles]:
    if _read_from(scratch, source):
        entries = source.only(scratch.tree(source.digest))
        yield TemplateFiles(entries, lambda path: scratch.content(entries[path].blob))
    else:
        with _files_of(source) as found:
            yield found


def _entry(scratch: ScratchRepository, file: RenderedFile, source: TemplateFiles) -> TreeEntry:
    blob = source.entries[file.source].blob if file.content is None else ""
    return TreeEntry(file.mode, blob or scratch.write_blob(_content(file, source)))


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


def _read(place: Path) -> tuple[Tree, list[bytes]] | None:
    """Read a known render, and the contents kept with it; None if it is not there or damaged."""
    try:
        digest, _, content = place.read_bytes().partition(b"\n")
    except OSError:
        return None
    if _digest(content) != digest:
        return None
    with suppress(OSError):
        os.utime(place)  # used now, so it is dropped last
    about, _, packed = content.partition(b"\n")
    entries, sizes = json.loads(about)
    tree = {path: TreeEntry(*entry) for path, entry in entries.items()}
    unpacked = io.BytesIO(zlib.decompress(packed))
    return tree, [unpacked.read(size) for size in sizes]


def _write(place: Path, tree: Tree, contents: Sequence[bytes]) -> None:
    """Keep a render if there is room; of two concurrent writers both are right."""
    about = json.dumps([tree, [len(content) for content in contents]]).encode()
    content = b"\n".join((about, zlib.compress(b"".join(contents))))
    with suppress(OSError):
        with files.draft(place) as draft:
            draft.write_bytes(b"\n".join((_digest(content), content)))
        for each in sorted(place.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            each.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
