"""Making a new project: it appears at its destination complete, or not at all."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import HeadstartError
from bootstrap.project import history
from bootstrap.project.answers import Answers
from bootstrap.project.destination import acceptable, home, move_into_place, workshop
from bootstrap.project.history import History
from bootstrap.project.render import render
from bootstrap.project.template import Template


@dataclass(frozen=True)
class Created:
    """A new project: where it is, how many files were rendered, and what git knows of it."""

    path: Path
    files: int
    history: History


def create(destination: Path, answers: Answers, template: Template) -> Created:
    """Render `template` with `answers` at `destination` and begin its history."""
    path = acceptable(destination)
    try:
        with workshop(path) as folder:
            project = folder / path.name
            render(template, answers, project)
            files = sum(not file.is_dir() for file in project.rglob("*"))
            message = f"Start {path.name} from Headstart {template.version}"
            begun = history.begin(project, parent=home(path), message=message)
            move_into_place(project, path)
    except OSError as error:
        raise HeadstartError(
            f"{path} could not be made.",
            why=(error.strerror or str(error),),
            next=("nothing was left behind; when that is mended, run the same command again",),
        ) from error
    return Created(path, files, begun)
