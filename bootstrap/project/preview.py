"""What a project would be: it is made whole in a folder that goes, and looked at there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.project.answers import Answers
from bootstrap.project.new import create
from bootstrap.project.renders import render
from bootstrap.project.template import Template

_GIT = ".git"


def contents(answers: Answers, template: Template) -> dict[str, int]:
    """Return how many lines each file of a project has, by its path."""
    with _scratch("project") as project:
        render(template, answers, project)
        return lines(project)


@contextmanager
def created(name: str, answers: Answers, template: Template) -> Iterator[Path]:
    """Yield a project as `new` makes it, with its first commit; it goes afterwards."""
    with _scratch(name) as project:
        create(project, answers, template)
        yield project


def lines(project: Path) -> dict[str, int]:
    """Count the lines of each file as editors do, by its path; what is no text has none."""
    found: dict[str, int] = {}
    for folder, below, names in os.walk(project):
        below[:] = sorted(each for each in below if each != _GIT)
        for name in names:
            file = Path(folder, name)
            content = file.read_bytes()
            number = 0 if b"\0" in content else len(content.splitlines())
            found[file.relative_to(project).as_posix()] = number
    return found


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="headstart-preview-") as folder:
        # As the system calls it, which is what commands print.
        yield Path(folder).resolve() / name
