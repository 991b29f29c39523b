"""Merge one file of two branches that have come to different versions of the template.

Git knows only the commit that both began from: for it each branch has written the template's
changes itself. Where that conflicts, the older branch's render is the better base, for what differs
from it is that branch's own.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bootstrap.errors import HeadstartError
from bootstrap.files import text_of
from bootstrap.project import answers_file, git, questions, template
from bootstrap.project.answers_file import ANSWERS, AnswersFile
from bootstrap.project.renders import rendered
from bootstrap.project.repository import Repository, open_repository
from bootstrap.project.trees import scratch_repository

_SIDE = "GITHEAD_"  # what `git merge` calls each side, by its commit


@dataclass(frozen=True)
class MergedFile:
    """What git hands to a driver: three files, the last with the result, and the file's path."""

    base: Path
    ours: Path
    theirs: Path
    marker_size: int
    path: str


@dataclass(frozen=True)
class _Branch:
    """One side: its answers, and its file."""

    answers: AnswersFile
    file: Path


def merge(file: MergedFile, environ: Mapping[str, str] = os.environ) -> bool:
    """Merge into `file.ours`; whether it is whole. Else it has conflict markers, as git writes."""
    mine = file.ours.read_bytes()
    if _merged_by_git(file, file.base):
        return True
    conflicted = file.ours.read_bytes()
    file.ours.write_bytes(mine)
    try:
        if _merged_from_render(file, environ):
            return True
    except HeadstartError:  # what git has written is as good as anything
        pass
    file.ours.write_bytes(conflicted)
    return False


def _merged_by_git(file: MergedFile, base: Path) -> bool:
    """Let git merge the texts; a binary file is left as it is."""
    size = f"--marker-size={file.marker_size}"
    words = ("git", "merge-file", "--quiet", size, "-L", "ours", "-L", "base", "-L", "theirs")
    done = subprocess.run([*words, file.ours, base, file.theirs], check=False)
    return done.returncode == 0


def _merged_from_render(file: MergedFile, environ: Mapping[str, str]) -> bool:
    folder = _project_of(file.path)
    repository = open_repository(Path.cwd() / folder)
    ours, theirs = (
        _answers(repository, "HEAD"),
        _answers(repository, _their_commit(repository, environ)),
    )
    if ours is None or theirs is None or (ours.number or ()) == (theirs.number or ()):
        return False
    sides = (_Branch(ours, file.ours), _Branch(theirs, file.theirs))
    older, newer = sorted(sides, key=lambda side: side.answers.number or ())
    if PurePosixPath(file.path).name == ANSWERS:
        return _newer_answers(file, older, newer)
    content = _rendered(repository, older.answers, file.path.removeprefix(repository.prefix))
    if content is None:
        return False
    base = file.base.with_name(f"{file.base.name}.render")
    base.write_bytes(content)
    try:
        return _merged_by_git(file, base)
    finally:
        base.unlink()


def _newer_answers(file: MergedFile, older: _Branch, newer: _Branch) -> bool:
    """Take the newer side's answers, unless the older one has answered something otherwise."""
    both = older.answers.answers.keys() & newer.answers.answers.keys()
    if any(older.answers.answers[name] != newer.answers.answers[name] for name in both):
        return False
    file.ours.write_bytes(newer.file.read_bytes())
    return True


def _rendered(repository: Repository, answers: AnswersFile, path: str) -> bytes | None:
    """A file as the template rendered it; None if it has no such file."""
    origin = template.find(answers.version)
    name = Path(repository.top, repository.prefix).name
    resolved = answers_file.base_answers(answers, questions.load(origin.config), name)
    with scratch_repository(repository) as scratch:
        entry = rendered(scratch, origin, resolved).get(path)
        return scratch.contents([entry.blob])[entry.blob] if entry else None


def _project_of(path: str) -> str:
    """The folder of the project that a path is in."""
    above = (str(folder) for folder in PurePosixPath(path).parents)
    return next((folder for folder in above if Path(folder, ANSWERS).is_file()), ".")


def _their_commit(repository: Repository, environ: Mapping[str, str]) -> str:
    """The commit that is merged in, or put on another one in a rebase."""
    picks = text_of(repository.git_dir / "rebase-merge/done").split("\n")
    if words := [line.split() for line in picks if line.strip()]:
        return words[-1][1] if len(words[-1]) > 1 else ""
    named = (name.removeprefix(_SIDE) for name in environ if name.startswith(_SIDE))
    head = repository.head()
    return next((commit for commit in named if commit != head), "MERGE_HEAD")


def _answers(repository: Repository, commit: str) -> AnswersFile | None:
    shown = git.call("show", f"{commit}:{repository.prefix}{ANSWERS}", cwd=repository.top)
    return answers_file.parse(shown.out) if shown.code == 0 else None
