"""Find the projects in folders."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bootstrap.project.answers_file import ANSWERS, SOURCE

_OURS = re.compile(rf"^_src_path:\s*['\"]?{re.escape(SOURCE)}['\"]?\s*$", re.MULTILINE)
_BARE_REPOSITORY = {"HEAD", "objects", "refs"}


def find(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The projects in these folders, each once, by real path.

    A folder without any is returned itself, so that it is reported.
    """
    return tuple(sorted({project for folder in folders for project in _under(folder)}))


def repository_of(project: Path) -> Path:
    """Guess a project's work tree, without running git."""
    above = (project, *project.parents)
    return next((folder for folder in above if (folder / ".git").exists()), project)


def _under(folder: Path) -> list[Path]:
    top = folder.expanduser().resolve()
    return list(_projects(top)) or [top]


def _projects(top: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(top):
        here = Path(name)
        is_project = ANSWERS in files and _is_ours(here / ANSWERS)
        if is_project:
            yield here
        if {*folders, *files} >= _BARE_REPOSITORY:
            folders.clear()
        folders[:] = [each for each in folders if _is_entered(here / each, in_project=is_project)]


def _is_ours(answers: Path) -> bool:
    """Whether a project is of this template, even if its answers are broken."""
    try:
        return bool(_OURS.search(answers.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return True  # its status will say why it cannot be read


def _is_entered(folder: Path, *, in_project: bool) -> bool:
    """Whether to look for projects in a folder: not in caches, packages and test data."""
    name = folder.name
    if name.startswith(".") or name == "node_modules" or (in_project and name == "tests"):
        return False
    return not (folder / "pyvenv.cfg").is_file()
