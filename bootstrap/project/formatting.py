"""Format what a merge has mixed with the project's own formatter, in a commit of its own.

Only files that are neither as they were nor as the template has them, and that were formatted by
the same rules before. It runs on a copy of what is committed, as locks are made.
"""

import os
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.project import git, relock
from bootstrap.project.relock import ProjectTools
from bootstrap.project.repository import TRAILER, Repository
from bootstrap.project.trees import ScratchRepository, Tree, scratch_repository

_PROJECT = "pyproject.toml"
_RUFF_SORTS = ("ruff", "check", "--quiet", "--select=I", "--fix")
_RUFF_FORMATS = ("ruff", "format", "--quiet")
_ISORT, _BLACK = ("isort", "--quiet"), ("black", "--quiet")


@dataclass(frozen=True)
class Formatted:
    """The files that were formatted, relative to the project, and the commit of that."""

    commit: str
    paths: tuple[str, ...]


def formatters(project: str, venv: Path) -> tuple[tuple[str, ...], ...]:
    """The commands that format files, from the text of pyproject.toml and what is installed."""
    try:
        tools = tomllib.loads(project).get("tool", {})
    except tomllib.TOMLDecodeError:
        return ()
    found = (
        (str(venv / "bin" / command[0]), *command[1:])
        for command in _commands(tools)
        if (venv / "bin" / command[0]).exists()
    )
    return tuple(found)


def _commands(tools: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """What formats, by the tables of pyproject.toml.

    Beside isort, ruff does not sort, and beside black it does not format: it only lints.
    """
    sorts = {"isort": _ISORT, "ruff": _RUFF_SORTS}
    formats = {"black": _BLACK, "ruff": _RUFF_FORMATS}
    chosen = (next((of[name] for name in of if name in tools), None) for of in (sorts, formats))
    return tuple(command for command in chosen if command)


def format_merged(
    repository: Repository, since: str, theirs: str, tools: ProjectTools, version: str, log: Path
) -> Formatted | None:
    """Format the mixed files of an update; `since` and `theirs` are its two sides."""
    with scratch_repository(repository) as scratch:
        head = repository.head()
        before, template, now = (scratch.project_files(side) for side in (since, theirs, head))
        mixed = _mixed(before, template, now)
        text = scratch.texts(now, [_PROJECT]).get(_PROJECT, "")
        commands = formatters(text, tools.venv) if mixed else ()
        if not commands or _edited(repository, mixed):
            return None
        with _copy(repository) as copy:
            runner = _Formatter(commands, tools, copy, log)
            models = {path: before.get(path) or template[path] for path in mixed}
            unkempt = runner.formatted(_contents(scratch, models))
            clean = {
                path: now[path] for path in mixed if unkempt is not None and path not in unkempt
            }
            found = runner.formatted(_contents(scratch, clean))
        if not found:
            return None
        return Formatted(_committed(scratch, head, found, version), tuple(found))


def _mixed(before: Tree, template: Tree, now: Tree) -> tuple[str, ...]:
    """The Python files that are as on neither side, and were there on one."""
    return tuple(
        path
        for path, entry in now.items()
        if path.endswith(".py") and entry.is_plain
        if entry not in {before.get(path), template.get(path)}
        if path in before or path in template
    )


def _contents(scratch: ScratchRepository, files: Tree) -> dict[str, bytes]:
    contents = scratch.contents(entry.blob for entry in files.values())
    return {path: contents[entry.blob] for path, entry in files.items()}


def _edited(repository: Repository, paths: Sequence[str]) -> bool:
    names = [repository.prefix + path for path in paths]
    return bool(repository.git("status", "--porcelain", "--", *names))


@dataclass(frozen=True)
class _Formatter:
    """The project's formatter, in a copy of the project."""

    commands: tuple[tuple[str, ...], ...]
    tools: ProjectTools
    copy: Path
    log: Path

    def formatted(self, contents: Mapping[str, bytes]) -> dict[str, bytes] | None:
        """What changes, by path; None where a command fails."""
        for path, content in contents.items():
            (self.copy / path).parent.mkdir(parents=True, exist_ok=True)
            (self.copy / path).write_bytes(content)
        for command in self.commands if contents else ():
            if self.tools.run(*command, "--", *contents, cwd=self.copy, log=self.log).code:
                return None
        made = {path: (self.copy / path).read_bytes() for path in contents}
        return {path: each for path, each in made.items() if each != contents[path]}


@contextmanager
def _copy(repository: Repository) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="headstart-format-") as folder:
        copy = Path(folder, "project")
        environ = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        repository.git("read-tree", f"HEAD:{repository.prefix}", environ=environ)
        words = ("checkout-index", "--all", f"--prefix={copy}{os.sep}")
        repository.git(*git.VERBATIM, *words, environ=environ)
        yield copy


def _committed(
    scratch: ScratchRepository, head: str, found: Mapping[str, bytes], version: str
) -> str:
    repository = scratch.repository
    tree = scratch.tree(head)
    entries = {
        repository.prefix + path: tree[repository.prefix + path]._replace(
            blob=scratch.write_blob(content)
        )
        for path, content in found.items()
    }
    lines = "".join(f"{path}\n" for path in found)
    message = f"Format what the update has merged\n\n{lines}\n{TRAILER}: {version}\n"
    commit = relock.commit_on_top(scratch, {**tree, **entries}, message, head)
    relock.take_over(repository, commit)
    return commit
