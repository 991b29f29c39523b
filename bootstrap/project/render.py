"""Rendering a template with Copier as a pure function: no git, no tasks, no user settings."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path

import copier
from copier.errors import CopierError
from jinja2 import Environment, TemplateError, TemplateSyntaxError
from plumbum import local

from bootstrap.errors import HeadstartError
from bootstrap.project.answers import Answers
from bootstrap.project.template import Template


def render(template: Template, answers: Answers, destination: Path) -> None:
    """Render `template` into the new folder `destination`."""
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
    except (CopierError, TemplateError, ValueError) as error:
        raise _failure(template, error) from error


@contextmanager
def _plain_folder(template: Template) -> Iterator[Path]:
    """A folder with the template's own files and nothing else."""
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

    Copier runs commands through plumbum, which keeps its own copy of the environment.
    """
    with local.env(PATH="/nonexistent"):
        yield


@contextmanager
def _compiled_once() -> Iterator[None]:
    """Let Jinja compile no text twice: Copier asks for each part of a path once per file below it.

    That is half of a render. It holds for templates without Copier's own `yield` tag, which sets
    something aside while it is compiled.
    """
    compiled = Environment.from_string
    Environment.from_string = cache(compiled)  # type: ignore[assignment, method-assign]  # for now
    try:
        yield
    finally:
        Environment.from_string = compiled  # type: ignore[method-assign]


def _failure(template: Template, error: Exception) -> HeadstartError:
    where = (
        f"in {error.name}, line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
    )
    return HeadstartError(
        f"The template {template.version} could not be rendered.",
        why=tuple(filter(None, (str(error), where))),
        next=("nothing was made; this is a mistake in the template: please report it",),
    )
