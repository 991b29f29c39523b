"""What failed before an update already: its failures are told apart from those that are new.

The project as it was is checked out beside it, and the same command runs there, with the venv that
the project has now. What came of it is kept by the tree, so that it runs once.
"""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.errors import HeadstartError
from bootstrap.files import write_atomically
from bootstrap.project import git
from bootstrap.project.relock import ProjectTools
from bootstrap.project.repository import Repository

_KEPT = 4  # files of baselines: of two targets, before two updates
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Make's own last word names a target, which may be called otherwise by now.
_OF_MAKE = re.compile(r"^make(\[\d+\])?: \*\*\* \[.*\] Error \d+$")
_OF_PYTEST = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Baseline:
    """How a command ended before the update, and what it complained of."""

    code: int
    failures: tuple[str, ...]


def failures_in(output: str, *folders: Path) -> tuple[str, ...]:
    """The tests that failed, as pytest names them; else the lines, whatever their numbers are."""
    plain = _COLOUR.sub("", output)
    if tests := _OF_PYTEST.findall(plain):
        return tuple(dict.fromkeys(tests))
    for folder in folders:
        plain = plain.replace(str(folder), "")
    said = [line for line in plain.splitlines() if line.strip()]
    found = [line for line in said if not _OF_MAKE.match(line)] or said
    return tuple(" ".join(re.sub(r"\d+", "", line).split()) for line in found)


def new_failures(now: tuple[str, ...], before: Baseline) -> tuple[str, ...]:
    """The failures that were not there before, each as often as it is more often now."""
    return tuple((Counter(now) - Counter(before.failures)).elements())


def measured(
    repository: Repository, since: str, target: str, tools: ProjectTools, log: Path
) -> Baseline | None:
    """How `make TARGET` ends on the project as it was; None if that is not known or no other."""
    tree, now = (
        repository.git("rev-parse", f"{commit}:{repository.prefix}") for commit in (since, "HEAD")
    )
    if tree == now:
        return None
    kept = repository.notes / f"baseline-{target}-{tree}.json"
    if found := _load(kept):
        return found
    try:
        with _checkout(repository, tree, tools) as copy:
            done = tools.run("make", target, f"VENV={tools.venv}", cwd=copy, log=log)
            found = Baseline(done.code, failures_in(done.output, copy) if done.code else ())
    except HeadstartError:
        return None
    _save(kept, found)
    return found


@contextmanager
def _checkout(repository: Repository, tree: str, tools: ProjectTools) -> Iterator[Path]:
    """The files of a tree in a temporary folder, which has the project's name and its venv."""
    project = (repository.top / repository.prefix).resolve()
    with tempfile.TemporaryDirectory(prefix="headstart-baseline-") as folder:
        copy = Path(folder, project.name)
        environ = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        repository.git("read-tree", tree, environ=environ)
        words = ("checkout-index", "--all", f"--prefix={copy}{os.sep}")
        repository.git(*git.VERBATIM, *words, environ=environ)
        if tools.venv.is_relative_to(project):
            venv = copy / tools.venv.relative_to(project)
            venv.parent.mkdir(parents=True, exist_ok=True)
            venv.symlink_to(tools.venv)
        yield copy


def _load(path: Path) -> Baseline | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Baseline(document["code"], tuple(document["failures"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(path: Path, baseline: Baseline) -> None:
    write_atomically(path, json.dumps(asdict(baseline)), mode=0o644)
    found = sorted(path.parent.glob("baseline-*.json"), key=lambda each: each.stat().st_mtime)
    for old in found[:-_KEPT]:
        old.unlink(missing_ok=True)
