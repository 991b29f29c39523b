"""An update that is undone, or that fails, leaves what was there before: wherever that is.

Random edits of both sides, folders where files must be and links included, in work trees that are
sparse, filtered, with other line ends, flags and modes; undone by hand, or stopped at any process.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from bootstrap.errors import HeadstartError
from bootstrap.files import remove
from bootstrap.project import apply, git, rollback, update_state
from bootstrap.project.merge import Proposal, Renders, propose
from bootstrap.project.repository import Repository, locked, open_repository
from bootstrap.project.trees import scratch_repository
from bootstrap.project.update_state import Stage

CASES = max(int(os.environ.get("HEADSTART_CASES", "60")) // 10, 30)
ALIKE = "CI" in os.environ and "HEADSTART_CASES" not in os.environ
LINES = 8
Files = dict[str, str]  # a file's text, or where a link leads if it begins with "->"
MESSAGE = "Update\n\nHeadstart-Template: v2\n"


def text(name: str) -> str:
    return "".join(f"{name} line {number}\n" for number in range(LINES))


START: Files = {
    name: text(name)
    for name in ("a.txt", "b.txt", "docs/c.txt", "docs/d.txt", "lib/deep/e.txt", "lib/f.txt", "g")
}


@dataclass(frozen=True)
class Edit:
    """One change: its kind, the file it is made to, and a line of that."""

    kind: str
    file: int
    line: int


KINDS = ("change", "change", "delete", "rename", "add", "to folder", "to file", "to link")
edits = st.lists(
    st.builds(Edit, st.sampled_from(KINDS), st.integers(0, 6), st.integers(0, 2)),
    max_size=4,
)


def edited(files: Files, changes: list[Edit], who: str) -> Files:
    after = dict(files)
    for number, edit in enumerate(changes):
        names = sorted(after)
        _edit(after, names[edit.file % len(names)], edit, f"{who}-{number}")
    return after


def _edit(files: Files, name: str, edit: Edit, mark: str) -> None:
    lines = files[name].splitlines(keepends=True)
    folder = name.partition("/")[0]
    if edit.kind == "change":
        files[name] = "".join([*lines[: edit.line], f"{mark}\n", *lines[edit.line + 1 :]])
    elif edit.kind == "add":
        files[f"{os.path.dirname(name) or 'new'}/{mark}.txt"] = f"{mark}\n"  # noqa: PTH120
    elif edit.kind == "to file" and folder != name:
        for each in [each for each in files if each.startswith(f"{folder}/")]:
            del files[each]
        files[folder] = f"{mark}\n"
    elif edit.kind in {"delete", "rename", "to folder", "to link"} and len(files) > 1:
        content = files.pop(name)
        if edit.kind == "rename":
            files[f"{mark}.txt"] = content
        elif edit.kind == "to folder":
            files[f"{name}/{mark}.txt"] = content
        elif edit.kind == "to link":
            files[name] = f"->{mark}"


# -- the places ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What is hostile about a work tree."""

    config: tuple[tuple[str, str], ...] = ()
    attributes: str = ""
    broken: tuple[tuple[str, str], ...] = ()  # what fails once all is checked out
    sparse: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    modes: int = 0
    linked: bool = False
    own: str = ""


_UPPER = (("filter.case.clean", "tr A-Z a-z"), ("filter.case.smudge", "tr a-z A-Z"))
_FILTER = "*.txt filter=case\n"
_REQUIRED = ("filter.case.required", "true")
PLACES = st.builds(
    Place,
    config=st.lists(
        st.sampled_from(
            (
                *(("core.autocrlf", "true"), ("core.autocrlf", "input")),
                *(("core.fileMode", "false"), ("core.ignoreCase", "true")),
                *(("core.symlinks", "false"), ("core.splitIndex", "true")),
                *(("index.skipHash", "true"), ("index.version", "4")),
                *(("core.safecrlf", "true"), ("core.untrackedCache", "true")),
                *(("merge.renormalize", "true"), ("core.eol", "crlf")),
            )
        ),
        max_size=3,
        unique=True,
    ).map(tuple),
    attributes=st.sampled_from(("", "", _FILTER, "* text=auto\n", "*.txt text eol=crlf\n")),
    broken=st.sampled_from(
        (
            *((), (), ()),
            (("filter.case.smudge", "false"), _REQUIRED),
            (("filter.case.clean", "false"), _REQUIRED),
            (("filter.case.process", "no-such-program"), _REQUIRED),
        )
    ),
    sparse=st.sampled_from(
        ((), (), ("--cone", "docs"), ("--cone", "lib/deep"), ("--no-cone", "/*", "!/docs/"))
    ),
    flags=st.sampled_from(((), (), ("--skip-worktree",), ("--assume-unchanged",))),
    modes=st.sampled_from((0, 0, 0o444, 0o600)),
    linked=st.booleans(),
    own=st.sampled_from(("", "untracked", "untracked", "intended")),
)


def run(project: Path, *arguments: str) -> str:
    command = [shutil.which("git") or "git", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


@contextmanager
def world(place: Place, ours: Files, template: Files, home: Path) -> Iterator[tuple[Path, ...]]:
    """The project, as a person has it, and the folders of the two renders."""
    folder = Path(tempfile.mkdtemp(dir=home))
    for name, files in (("base", START), ("theirs", template), ("made", START)):
        _write(folder / name, files)
    project = folder / "made"
    run(project, "init", "--quiet")
    for setting in (*_UPPER, *place.config):
        run(project, "config", *setting)
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text(place.attributes)
    _commit(project)
    for each in project.iterdir():
        if each.name != ".git":
            remove(each)
    _write(project, ours)
    _commit(project)
    if place.linked:
        run(project, "worktree", "add", "--quiet", "-b", "linked", str(folder / "linked"))
        project = folder / "linked"
    _settle_in(project, place, ours, sorted(ours.keys() & template.keys()))
    yield project, folder / "base", folder / "theirs"
    shutil.rmtree(folder)


def _settle_in(project: Path, place: Place, ours: Files, of_both: list[str]) -> None:
    """Check out as configured, then do what a person does there.

    A flag that git has for a file goes where the file goes: only one that stays has one.
    """
    if place.sparse:
        how, *patterns = place.sparse
        run(project, "sparse-checkout", "set", how, "--skip-checks", *patterns)
    for name in ours:
        if (project / name).is_file() and not (project / name).is_symlink():
            (project / name).unlink()
    run(project, "reset", "--hard", "--quiet")
    there = [each for each in sorted(ours) if (project / each).is_file()]
    regular = [each for each in there if not (project / each).is_symlink()]
    if place.modes and regular:
        (project / regular[0]).chmod(place.modes)
        if run(project, "status", "--porcelain"):  # an executable it is not, nor was
            (project / regular[0]).chmod(0o644)
    if place.flags and (flagged := [each for each in there if each in of_both]):
        run(project, "update-index", *place.flags, flagged[-1])
    if place.own:
        (project / "own.bin").write_bytes(b"\0\r\n\xff mine")
    if place.own == "intended":  # which git refuses to cherry-pick beside
        run(project, "add", "--intent-to-add", "own.bin")
    for setting in place.broken:
        run(project, "config", *setting)


def _write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_text(content)


def _commit(project: Path) -> None:
    run(project, "-c", "core.safecrlf=false", "add", "--all")
    run(project, "commit", "--quiet", "--allow-empty", "--message", "x")


def seen(project: Path, modes: int = 0o7777) -> dict[str, object]:
    """All that a person, and git, can see of a work tree; of the files' modes these bits."""
    files = {}
    for path in sorted(project.rglob("*")):
        if ".git" in path.relative_to(project).parts:
            continue
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            files[str(path)] = f"-> {os.readlink(path)}".encode()  # noqa: PTH115
        elif stat.S_ISREG(mode):
            files[str(path)] = path.read_bytes() + f" {mode & modes:o}".encode()
    inside = Path(run(project, "rev-parse", "--path-format=absolute", "--git-dir").strip())
    return {
        "files": files,
        "index": run(project, "ls-files", "--stage", "-v", "-z"),
        "added": run(project, "ls-files", "--others", "-z"),
        "head": run(project, "rev-parse", "HEAD") + run(project, "symbolic-ref", "HEAD"),
        "sparse": [each.read_text() for each in inside.glob("info/sparse-checkout")],
        "middle": sorted(each.name for each in inside.iterdir() if each.name in _MIDDLE),
        "notes": sorted(each.name for each in inside.glob("headstart/*") if each.name in _NOTES),
    }


_MIDDLE = {"CHERRY_PICK_HEAD", "MERGE_MSG", "AUTO_MERGE", "sequencer", "index.lock"}
_NOTES = {"update.json", "before", "rescue"}


def status(project: Path) -> str | None:
    """What git says; None where a filter fails at what git has to ask it.

    That is of files too which were written in the moment in which git looked at them last.
    """
    done = git.call("status", "--porcelain", "-z", cwd=project)
    return done.out if done.code == 0 else None


def update(repository: Repository, base: Path, theirs: Path) -> Proposal:
    with locked(repository), scratch_repository(repository) as scratch:
        rollback.settle(repository)
        renders = Renders(scratch.import_folder(base), scratch.import_folder(theirs))
        proposal = propose(scratch, renders, MESSAGE)
        if not proposal.empty:
            apply.apply(scratch, proposal, "v1", "v2")
    return proposal


def cases(number: int) -> settings:
    return settings(
        max_examples=max(number, 1),
        deadline=None,
        derandomize=ALIKE,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.slow
@pytest.mark.cases
@cases(CASES)
@given(place=PLACES, mine=edits, theirs=edits)
@example(Place(sparse=("--cone", "lib")), [], [Edit("change", 0, 1), Edit("change", 2, 1)])
@example(Place(), [Edit("to file", 2, 0)], [Edit("change", 2, 3)])
@example(
    Place(attributes=_FILTER, broken=(("filter.case.smudge", "false"), _REQUIRED)),
    [],
    [Edit("change", 0, 1), Edit("delete", 1, 1)],
)
def test_undone_everything_is_as_it_was(
    home: Path, place: Place, mine: list[Edit], theirs: list[Edit]
) -> None:
    ours, template = edited(START, mine, "mine"), edited(START, theirs, "theirs")
    with world(place, ours, template, home) as (project, *renders):
        said, before, modes = status(project), seen(project), 0o7777
        committed = seen(project, 0o100)
        repository = open_repository(project)
        try:
            proposal = update(repository, *renders)
        except HeadstartError as error:
            event(f"the update fails: {error.what}")
        else:
            event("conflicts" if proposal.conflicts else "merges")
            _undo(repository, proposal, place)
            if not proposal.conflicts:  # git wrote the files, which knows of no other modes
                before, modes = committed, 0o100
        assert seen(project, modes) == before
        assert None in (said, now := status(project)) or now == said


def _undo(repository: Repository, proposal: Proposal, place: Place) -> None:
    if proposal.conflicts:
        named = {each.path for each in proposal.conflicts}
        unmerged = run(repository.top, "diff", "--name-only", "--diff-filter=U", "-z").split("\0")
        assert set(filter(None, unmerged)) <= named
        rollback.abort(repository)
    elif not proposal.empty:
        after = seen(repository.top)
        try:
            rollback.go_back(repository)
        except HeadstartError:
            assert place.broken, "only a broken filter lets a rollback fail"
            assert seen(repository.top) == after
            for name, _ in place.broken:
                run(repository.top, "config", "--unset-all", name)
            for setting in _UPPER:
                run(repository.top, "config", *setting)
            rollback.go_back(repository)


# -- stopped on the way ----------------------------------------------------------------------------

SHIM = """\
#!/bin/sh
echo "$*" >> "{log}"
[ "$(wc -l < "{log}")" {when} {at} ] || exec {git} "$@"
{then}
"""
STOPS = {
    "fails": ("-eq", "echo broken >&2; exit 1"),
    "fails at its end": ("-eq", '{git} "$@"; echo broken >&2; exit 1'),
    "fails from then on": ("-ge", "echo broken >&2; exit 1"),
    "killed": ("-eq", "kill -KILL $PPID"),
    "killed after it": ("-eq", '{git} "$@"; kill -KILL $PPID'),
    "killed inside": (
        "-eq",
        '{git} "$@" <&0 & sleep 0.00{at}; kill -KILL $! $PPID; wait',
    ),
}


@pytest.mark.slow
@pytest.mark.cases
@cases(CASES)
@given(
    place=PLACES,
    mine=edits,
    theirs=edits,
    how=st.sampled_from(sorted(STOPS)),
    at=st.integers(1, 60),
)
def test_stopped_anywhere_the_same_command_goes_on(
    home: Path, place: Place, mine: list[Edit], theirs: list[Edit], how: str, at: int
) -> None:
    ours, template = edited(START, mine, "mine"), edited(START, theirs, "theirs")
    with world(replace(place, broken=()), ours, template, home) as (project, *renders):
        before, repository = seen(project), open_repository(project)
        committed = seen(project, 0o100)
        code = _stopped(lambda: update(repository, *renders), project.parent, how, at)
        event(f"{how}: {code}")
        try:
            update(repository, *renders)
        except HeadstartError as error:
            event(error.what)
        if state := update_state.underway(repository):
            assert update_state.stage(repository, state) is Stage.CONFLICTED
            rollback.abort(repository)
        elif rollback.newest(repository):
            rollback.go_back(repository)
            before = committed
        assert seen(project, 0o100 if before is committed else 0o7777) == before


@pytest.mark.slow
@pytest.mark.cases
@cases(CASES)
@given(
    place=PLACES,
    mine=edits,
    theirs=edits,
    how=st.sampled_from(sorted(STOPS)),
    at=st.integers(1, 25),
)
@example(  # what is put back is another file for git, which does not look at skipped ones
    place=Place(flags=("--skip-worktree",)),
    mine=[],
    theirs=[Edit("change", 6, 0)],
    how="fails from then on",
    at=11,
)
@example(  # nor at those that it is told to assume unchanged
    place=Place(flags=("--assume-unchanged",)),
    mine=[Edit("delete", 0, 0), Edit("delete", 5, 0)],
    theirs=[Edit("change", 5, 0)],
    how="fails",
    at=12,
)
def test_undoing_that_is_stopped_anywhere_can_be_done_again(
    home: Path, place: Place, mine: list[Edit], theirs: list[Edit], how: str, at: int
) -> None:
    ours, template = edited(START, mine, "mine"), edited(START, theirs, "theirs")
    with world(replace(place, broken=()), ours, template, home) as (project, *renders):
        before, committed = seen(project), seen(project, 0o100)
        repository = open_repository(project)
        try:
            proposal = update(repository, *renders)
        except HeadstartError:
            return
        if proposal.empty:
            return
        undo = rollback.abort if proposal.conflicts else rollback.go_back
        event(f"{how}: {_stopped(lambda: undo(repository), project.parent, how, at)}")
        if update_state.underway(repository) or rollback.newest(repository):
            undo(repository)
        if proposal.conflicts:
            assert seen(project) == before
        else:
            assert seen(project, 0o100) == committed


def _stopped(act: Callable[[], object], beside: Path, how: str, at: int) -> int:
    """Do something in a process whose git process number `at` goes wrong; its exit code."""
    folder = Path(tempfile.mkdtemp(dir=beside))
    real = shutil.which("git")
    when, then = STOPS[how]
    script = SHIM.format(
        log=folder / "log", git=real, at=at, when=when, then=then.format(git=real, at=at)
    )
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    (folder / "log").touch()
    child = os.fork()
    if child == 0:
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        code = 70
        try:
            act()
            code = 0
        except HeadstartError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
