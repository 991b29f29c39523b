"""Objects are read and written without a process for each, exactly as git does it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.project.git import GitError
from bootstrap.project.objects import Change, TreeEntry
from bootstrap.project.repository import open_repository
from bootstrap.project.trees import ScratchRepository, scratch_repository
from tests.lifecycle.conftest import commit, write
from tests.project.conftest import git

NAMES = st.sampled_from(
    ["a", "a.b", "a-b", "a0", "B", "ä", "大", "x y", "new\nline", '"', "\udcff"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
MODES = st.sampled_from(["100644", "100755", "120000"])


@pytest.fixture(params=["sha1", "sha256"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    git("init", "--quiet", f"--object-format={request.param}", cwd=tmp_path)
    write(tmp_path / "old.txt", "".join(f"{number}\n" for number in range(20)))
    write(tmp_path / "folder/deep/same.txt", "same\n")
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def scratch(repository: Path) -> Iterator[ScratchRepository]:
    with scratch_repository(open_repository(repository)) as scratch:
        yield scratch


def without_clashes(files: dict[str, tuple[str, bytes]]) -> dict[str, tuple[str, bytes]]:
    """Those that are no folder of another one."""
    return {
        path: file
        for path, file in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }


@given(files=st.dictionaries(PATHS, st.tuples(MODES, st.binary(max_size=20)), max_size=12))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_trees_are_those_that_git_would_write(
    scratch: ScratchRepository, files: dict[str, tuple[str, bytes]]
) -> None:
    chosen = without_clashes(files).items()
    tree = {path: TreeEntry(mode, scratch.write_blob(text)) for path, (mode, text) in chosen}
    written = scratch.write(tree)
    assert scratch.tree(written) == tree
    index = {"GIT_INDEX_FILE": str(scratch.folder / f"index-of-{written}")}
    lines = "".join(f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in tree.items())
    scratch.git("update-index", "-z", "--index-info", environ=index, given=lines)
    assert scratch.git("write-tree", environ=index) == written


def test_what_is_written_is_sound_and_what_is_kept_too(
    repository: Path, scratch: ScratchRepository
) -> None:
    head = scratch.repository.head()
    blob = TreeEntry("100755", scratch.write_blob(b"\0new\r\n"))
    tree = scratch.write({**scratch.tree(head), "folder/new": blob})
    made = scratch.commit(tree, "Größer\n\nand longer\n", head)
    scratch.keep(made, known=head)
    git("update-ref", "refs/heads/kept", made, cwd=repository)
    git("fsck", "--strict", "--no-dangling", cwd=repository)
    assert git("log", "-1", "--format=%an <%ae>|%B", "kept", cwd=repository) == (
        "Headstart <headstart@localhost>|Größer\n\nand longer"
    )
    git("checkout", "--quiet", "kept", cwd=repository)
    assert (repository / "folder/new").read_bytes() == b"\0new\r\n"


def test_what_the_repository_has_is_not_written_again(scratch: ScratchRepository) -> None:
    tree = scratch.tree("HEAD")
    assert scratch.write(tree) == scratch.git("rev-parse", "HEAD^{tree}")
    assert scratch.write_blob(b"same\n") == tree["folder/deep/same.txt"].blob
    written = {path.name for path in (scratch.folder / "objects").glob("??/*")}
    assert len(written) <= 1, "the tree at the top, which is in none"
    scratch.write({**tree, "new.txt": tree["old.txt"]})
    written |= {path.name for path in (scratch.folder / "objects").glob("??/*")}
    assert len(written) == 2


def test_one_git_reads_what_others_have_written_since(
    repository: Path, scratch: ScratchRepository
) -> None:
    first = scratch.repository.head()
    before = scratch.tree(first)
    write(repository / "later.txt", "later\n")
    second = commit(repository)
    git("gc", "--quiet", cwd=repository)
    assert scratch.tree(second).keys() - before.keys() == {"later.txt"}
    assert scratch.changes(first, second) == (Change("A", "later.txt", "later.txt"),)


def test_renames_are_followed_and_names_are_what_they_are(
    scratch: ScratchRepository,
) -> None:
    head = scratch.repository.head()
    old = dict(scratch.tree(head))
    odd = 'new\nname "q"\udcff.txt'
    renamed = {odd: old.pop("old.txt"), **old}
    gone = {path: entry for path, entry in old.items() if path != "old.txt"}
    after, without = scratch.write(renamed), scratch.write(gone)
    assert scratch.changes(head, after) == (Change("R", "old.txt", odd),)
    assert scratch.changes(head, without) == (Change("D", "old.txt", "old.txt"),)
    assert scratch.changes(after, after) == ()
    assert scratch.changes(head, after) == (Change("R", "old.txt", odd),)


def test_what_is_not_there_is_told_and_the_rest_is_read(scratch: ScratchRepository) -> None:
    nothing = "0" * len(scratch.repository.head())
    with pytest.raises(GitError, match="has no object 0000"):
        scratch.content(nothing)
    assert "old.txt" in scratch.tree("HEAD")


def test_many_contents_at_once(scratch: ScratchRepository) -> None:
    texts = {scratch.write_blob(text): text for text in (os.urandom(3000) for _ in range(500))}
    assert {blob: scratch.content(blob) for blob in texts} == texts
    scratch.close()
    assert scratch.contents(texts).items() >= texts.items()


def test_no_process_outlives_the_scratch_repository(repository: Path) -> None:
    with scratch_repository(open_repository(repository)) as scratch:
        scratch.changes("HEAD", scratch.write({}))
        running = [each._running for each in scratch._lasting]
        processes = [found[0] for found in running if found]
        assert len(processes) == 2
        assert [process.poll() for process in processes] == [None, None]
    assert [process.returncode for process in processes] == [0, 0]
