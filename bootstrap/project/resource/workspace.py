"""A copy of a project in which a resource is made, so that a failure leaves the project alone."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.files import text_of
from bootstrap.project import git
from bootstrap.project.formatting import formatters
from bootstrap.project.relock import ProjectTools

_DOTENV = ".env"
# Where there is no git to say what the project's files are.
_NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".venv", "venv", "var", "node_modules", "__pycache__", ".*_cache", "*.db")
)


@dataclass(frozen=True)
class Workspace:
    """The copy, the project's tools where they are there, and the log of what they wrote."""

    folder: Path
    tools: ProjectTools | None
    log: Path

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def format(self, paths: list[str]) -> None:
        """Format files as the project's own tools do; where they fail or are not there, not."""
        if self.tools is None:
            return
        for command in formatters(text_of(self.folder / "pyproject.toml"), self.tools.venv):
            self.tools.run(*command, "--", *paths, cwd=self.folder, log=self.log)

    def is_formatted(self, path: str) -> bool:
        """Whether the formatter would leave a file as it is."""
        before = self.read(path)
        self.format([path])
        formatted = self.read(path)
        self.write({path: before})
        return before == formatted


@contextmanager
def workspace(project: Path, tools: ProjectTools | None) -> Iterator[Workspace]:
    """Copy the project's own files, and its `.env`, to where nobody else looks."""
    with tempfile.TemporaryDirectory(prefix="headstart-resource-") as folder:
        copy = Path(folder, project.name)
        _copy(project, copy)
        there = tools if tools is not None and tools.there else None
        yield Workspace(copy, there, Path(folder, "log"))


def _copy(project: Path, copy: Path) -> None:
    if not git.keeps(project):
        shutil.copytree(project, copy, symlinks=True, ignore=_NOT_COPIED)
        return
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    for path in sorted({*git.split_paths(git.run(*words, cwd=project)), _DOTENV}):
        source, target = project / path, copy / path
        if source.is_file() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
