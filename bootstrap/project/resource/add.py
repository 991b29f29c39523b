"""Add a planned resource to a project: all of it, or nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Refused, UsageError
from bootstrap.files import create_atomically, replace_text, text_of
from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.relock import ProjectTools
from bootstrap.project.repository import Repository, locked, open_repository, require_idle
from bootstrap.project.resource.domain import REGISTRY
from bootstrap.project.resource.layout import changed_registry, require_layout
from bootstrap.project.resource.plan import ResourcePlan
from bootstrap.project.resource.revision import HEAD, VERSIONS, write_revision
from bootstrap.project.resource.workspace import Workspace, workspace

_SHOWN = 10
Say = Callable[[str], None]


@dataclass(frozen=True)
class ResourceFiles:
    """What was added, or would be: new files with their text, and files of the project's changed.

    The revision is missing from a preview: only the project's own tools can write it.
    """

    plan: ResourcePlan
    new: Mapping[str, str]
    changed: Mapping[str, str]

    @property
    def revisions(self) -> tuple[str, ...]:
        return tuple(path for path in self.new if path.startswith(VERSIONS))


def repository_of(project: Path) -> Repository | None:
    """The project's repository; None where git does not keep it."""
    return open_repository(project) if git.keeps(project) else None


def recorded_version(project: Path) -> str:
    """The template's version that the project records."""
    found = re.search(r"^_commit: *(\S+)", text_of(project / ANSWERS), re.MULTILINE)
    return found[1].removeprefix("v") if found else "unknown"


def require_clean_tree(repository: Repository) -> None:
    """Refuse changes that are not committed: what is added would be mixed with them."""
    require_idle(repository)
    words = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--")
    listed = repository.git(*words, repository.prefix or ".").split("\0")
    if changes := [repository.path(line[3:]) for line in listed if line]:
        more = len(changes) - _SHOWN
        raise Refused(
            Said("There are changes that are not committed."),
            why=(*changes[:_SHOWN], *([Said("and {more} more", more=more)] if more > 0 else [])),
            next=(Said("commit them, or put them aside: git stash --include-untracked"),),
        )


def preview(
    project: Path, plan: ResourcePlan, tools: ProjectTools | None, version: str
) -> ResourceFiles:
    """Make everything but the revision in a copy, which is thrown away."""
    with workspace(project, tools) as space:
        return _made(space, plan, version)


def add(
    project: Path,
    plan: ResourcePlan,
    tools: ProjectTools | None,
    version: str,
    say: Say,
) -> ResourceFiles:
    """Make everything in a copy, then put it into the project; interrupted, nothing stays."""
    if tools is None or not tools.there:
        raise UsageError(
            Said("The project has no virtual environment yet, and its tools write the revision."),
            why=(Said("there is no {venv}", venv=tools.venv),)
            if tools
            else (Said("toolchain.yml cannot be read"),),
            next=(
                "headstart up",
                Said("or see what would be added: the same command with --preview"),
            ),
        )
    repository = repository_of(project)
    with locked(repository) if repository else nullcontext():
        if repository:
            require_clean_tree(repository)
        with workspace(project, tools) as space:
            say(Said("writing and formatting its files"))
            made = _made(space, plan, version)
            say(Said("letting the project write the revision"))
            revised = write_revision(space, tools, plan.names.plural, plan.message)
        new = {**made.new, **{path: text for path, text in revised.items() if path != HEAD}}
        changed = {**made.changed, **{path: revised[path] for path in revised if path == HEAD}}
        with _taken_back(project, new, changed):
            for path, text in new.items():
                (project / path).parent.mkdir(parents=True, exist_ok=True)
                create_atomically(project / path, text, mode=0o644)
            for path, text in changed.items():
                replace_text(project / path, text)
    return ResourceFiles(plan, new, changed)


def _made(space: Workspace, plan: ResourcePlan, version: str) -> ResourceFiles:
    """The files as the project's formatter leaves them, and the longer list of modules."""
    registry = changed_registry(space.folder, plan.names.plural, version)
    require_layout(space.folder, plan.files, version)
    was_formatted = space.is_formatted(REGISTRY)
    space.write({**plan.files, REGISTRY: registry})
    python = [path for path in plan.files if path.endswith(".py")]
    space.format([*python, *([REGISTRY] if was_formatted else [])])
    new = {path: space.read(path) for path in plan.files}
    return ResourceFiles(plan, new, {REGISTRY: space.read(REGISTRY)})


@contextmanager
def _taken_back(
    project: Path, new: Mapping[str, str], changed: Mapping[str, str]
) -> Iterator[None]:
    """Put everything back as it was if it does not get to its end."""
    before = {path: (project / path).read_bytes() for path in changed if (project / path).exists()}
    there = {path for path in new if (project / path).exists()}
    folders = {folder for path in new for folder in Path(path).parents}
    made = sorted(
        (folder for folder in folders if not (project / folder).exists()), key=str, reverse=True
    )
    try:
        yield
    except BaseException:
        for path, content in before.items():
            (project / path).write_bytes(content)
        for path in new.keys() - there:
            with suppress(NotADirectoryError):  # a file is in the way of its folder
                (project / path).unlink(missing_ok=True)
        for folder in made:
            if (project / folder).is_dir():
                (project / folder).rmdir()
        raise
