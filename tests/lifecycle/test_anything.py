"""Whatever a person and a template do to a project: nothing of either is lost in silence.

Both change lines, delete, rename, move whole folders, and add files, at random. Each line that one
of them writes is like no other, so that it can be found again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bootstrap.project import apply, locks, releases, revisions, rollback
from bootstrap.project.answers_file import ANSWERS
from bootstrap.project.merge import Proposal, Renders, propose
from bootstrap.project.outcomes import Outcome
from bootstrap.project.repository import open_repository
from bootstrap.project.trees import scratch_repository
from bootstrap.revision import heads_of, parse_revision
from tests.conftest import headstart

CASES = int(os.environ.get("HEADSTART_CASES", "60"))  # make nightly: thousands
# Every run of CI has the same cases; every nightly has others.
ALIKE = "CI" in os.environ and "HEADSTART_CASES" not in os.environ
LINES = 14
Files = dict[str, list[str]]
START: Files = {
    name: [f"{name} line {number}" for number in range(LINES)]
    for name in ("a.txt", "b.txt", "old/c.txt", "old/d.txt", "lib/deep/e.txt")
}


@dataclass(frozen=True)
class Edit:
    """One change: its kind, the file it is made to, and a place in that."""

    kind: str
    file: int
    line: int


OF_FILES = ("change", "change", "insert", "delete", "rename", "move", "add")
OF_A_PROJECT = ("package", "sample", "revision")  # what people do to a render as a whole
SAMPLE = ("app/modules/profiles/", "tests/modules/")
REVISION = """\
\"\"\"{name}\"\"\"
{mark} adds a revision
revision = "{name}"
down_revision = "{below}"


def upgrade() -> None: ...


def downgrade() -> None: ...
"""


def lists_of(*kinds: str) -> st.SearchStrategy[list[Edit]]:
    places = {"file": st.integers(0, 199), "line": st.integers(0, LINES - 1)}
    return st.lists(st.builds(Edit, kind=st.sampled_from(kinds), **places), max_size=5)


edits = lists_of(*OF_FILES)


def edited(files: Files, changes: list[Edit], who: str) -> Files:
    """The files after the changes of one side; its lines are comments wherever there are such."""
    after = {name: list(lines) for name, lines in files.items()}
    for number, edit in enumerate(changes):
        _edit(after, edit, f"# {who}-{number}")
    return after


def _edit(files: Files, edit: Edit, mark: str) -> None:
    names = sorted(files)
    name = names[edit.file % len(names)]
    if edit.kind == "change":
        at = edit.line % (len(files[name]) or 1)
        files[name][at : at + 1] = [f"{mark} changes {name}"]
    elif edit.kind == "insert":
        files[name].insert(edit.line, f"{mark} inserts into {name}")
    elif edit.kind == "delete" and len(files) > 1:
        del files[name]
    elif edit.kind == "rename":
        files[f"{mark[2:]}{Path(name).suffix}"] = files.pop(name)
    elif edit.kind == "move":
        folder = f"{_folder(names)}/"
        for moved in [each for each in names if each.startswith(folder)]:
            files[moved.replace(folder, f"{mark[2:]}/", 1)] = files.pop(moved)
    elif edit.kind == "add":
        files[f"{_folder(names)}/{mark[2:]}.txt"] = [f"{mark} adds {number}" for number in range(3)]
    else:
        _edit_project(files, edit, mark)


def _edit_project(files: Files, edit: Edit, mark: str) -> None:
    word = mark[2:].replace("-", "_")
    if edit.kind == "sample":
        for name in [each for each in files if each.startswith(SAMPLE)]:
            del files[name]
    elif edit.kind == "package" and any(name.startswith("app/") for name in files):
        for name in sorted(files):
            lines = [re.sub(r"\bapp(?=[.\s]|$)", word, line) for line in files.pop(name)]
            files[re.sub(r"^app/", f"{word}/", name)] = lines
    elif edit.kind == "revision":
        below = [line.split('"')[1] for lines in files.values() for line in lines if _is_id(line)]
        text = REVISION.format(name=word, mark=mark, below=below[-1] if below else "")
        files[f"migrate/versions/20270101_{word}.py"] = text.splitlines()


def _is_id(line: str) -> bool:
    return bool(re.match(r'revision = "', line))


def _folder(names: list[str]) -> str:
    """A folder that has files to move."""
    return "app/core" if any(name.startswith("app/core/") for name in names) else "old"


def marks(files: Files, who: str) -> set[str]:
    return {line for lines in files.values() for line in lines if line.startswith(f"# {who}")}


@pytest.mark.slow
@pytest.mark.cases
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=ALIKE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(  # a folder of which one file went here and one there: git has an opinion, no conflict
    mine=[Edit("rename", 3, 0), Edit("rename", 2, 0)], theirs=[Edit("add", 0, 0)]
)
@given(mine=edits, theirs=edits)
def test_nothing_is_lost_in_silence(home: Path, mine: list[Edit], theirs: list[Edit]) -> None:
    ours, template = edited(START, mine, "mine"), edited(START, theirs, "theirs")
    _check(START, ours, template, home)


@pytest.mark.slow
@pytest.mark.cases
@settings(
    max_examples=max(CASES // 10, 1),
    deadline=None,
    derandomize=ALIKE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mine=lists_of(*OF_FILES, *OF_A_PROJECT, *OF_A_PROJECT))
def test_nothing_is_lost_in_a_rendered_project(
    home: Path, rendered: tuple[Files, Files], mine: list[Edit]
) -> None:
    base, theirs = rendered
    _check(base, edited(base, mine, "mine"), theirs, home)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, Files]:
    """What the oldest release renders, and the newest; without what is made and never edited."""
    known = [each.version for each in releases.released()]
    folder = tmp_path_factory.mktemp("renders")
    state = folder / "state"
    for version in (known[0], known[-1]):
        shop = folder / version / "shop"
        shop.parent.mkdir()
        headstart("new", shop, "--defaults", "--version", version, cwd=folder, state=state)
    return _read(folder / known[0] / "shop"), _read(folder / known[-1] / "shop")


def _read(folder: Path) -> Files:
    made = {ANSWERS, revisions.HEAD, *locks.LOCKS}
    names = {str(path.relative_to(folder)): path for path in _files(folder)}
    return {name: path.read_text().splitlines() for name, path in names.items() if name not in made}


def _check(start: Files, ours: Files, template: Files, home: Path) -> None:
    """Update a project, and take that back where there are conflicts."""
    with _world(start, ours, template, home) as (project, *renders):
        before = _on_disk(project)
        proposal = _update(project, *renders)
        after = _on_disk(project)
        _check_mine(start, ours, template, after)
        _check_theirs(start, template, proposal, after)
        _check_conflicts(project, proposal)
        if not proposal.conflicts and len(_heads(before)) == 1:
            assert len(_heads(after)) == 1
        if proposal.conflicts:
            rollback.abort(open_repository(project))
            assert _on_disk(project) == before
            assert _git(project, "status", "--porcelain") == ""


def _check_mine(start: Files, ours: Files, template: Files, after: dict[str, str]) -> None:
    """Every line of the user is still there."""
    everything = "\n".join(after.values())
    assert [line for line in marks(ours, "mine") if line not in everything] == []
    untouched = {name for name in ours if name not in start and name not in template}
    assert all(any(name.endswith(Path(each).name) for name in after) for each in untouched)


def _check_theirs(start: Files, template: Files, proposal: Proposal, after: dict[str, str]) -> None:
    """Every line of the template has arrived, or its file is told of."""
    there = {line for text in after.values() for line in text.splitlines()}
    there |= {re.sub(r"\bmine_\d+\b", "app", line) for line in there}  # by a package's new name
    there |= {line for lines in start.values() for line in lines}  # these were yours to change
    told = {each.path for each in proposal.files if each.outcome is Outcome.KEPT}
    told |= {each.path for each in proposal.conflicts}
    for name, lines in template.items():
        missing = [line for line in lines if line not in there]
        assert not missing or name in told, (name, missing, proposal.files)


def _heads(files: dict[str, str]) -> tuple[str, ...]:
    """The newest revisions of a project."""
    texts = (text for name, text in files.items() if name.startswith(revisions.VERSIONS))
    return heads_of(each for text in texts if (each := parse_revision(text)))


def _check_conflicts(project: Path, proposal: Proposal) -> None:
    """Every conflict is told, and nothing else is one."""
    unmerged = _git(project, "diff", "--name-only", "--diff-filter=U").split()
    assert bool(unmerged) == bool(proposal.conflicts)
    assert set(unmerged) <= {each.path for each in proposal.conflicts}


def _update(project: Path, base: Path, theirs: Path) -> Proposal:
    repository = open_repository(project)
    repository.notes.mkdir(exist_ok=True)
    with scratch_repository(repository) as scratch:
        renders = Renders(scratch.import_folder(base), scratch.import_folder(theirs))
        proposal = propose(scratch, renders, "Update")
        if not proposal.empty:
            apply.apply(scratch, proposal, "v1", "v2")
    return proposal


class _world:  # noqa: N801 - read as a word of the tests
    """A project with the user's files, and the folders of the two renders beside it."""

    def __init__(self, start: Files, ours: Files, template: Files, home: Path) -> None:
        self.files = {"base": start, "project": start, "theirs": template}
        self.ours, self.folder = ours, Path(tempfile.mkdtemp(dir=home))

    def __enter__(self) -> tuple[Path, Path, Path]:
        for name, files in self.files.items():
            _write(self.folder / name, files)
        project = self.folder / "project"
        _git(project, "init", "--quiet")
        _commit(project)
        for path in list(project.rglob("*.txt")):
            path.unlink()
        _write(project, self.ours)
        _commit(project)
        return project, self.folder / "base", self.folder / "theirs"

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)


def _write(folder: Path, files: Files) -> None:
    for name, lines in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
    (folder / ".copier-answers.yml").write_text(f"_commit: {folder.name}\n")


def _commit(project: Path) -> None:
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "--allow-empty", "--message", "x")


def _on_disk(project: Path) -> dict[str, str]:
    return {str(path.relative_to(project)): path.read_text() for path in _files(project)}


def _files(project: Path) -> Iterator[Path]:
    return (p for p in sorted(project.rglob("*")) if p.is_file() and ".git" not in p.parts)


def _git(project: Path, *arguments: str) -> str:
    command = [shutil.which("git") or "git", *arguments]
    return subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout
