"""Whether the recorded answers are those that the files came from.

Edited by hand, they would make every update begin from a project that never was. So where they were
last changed by anything but an update, the files are asked whom they resemble: what the answers say
now, or what they said before.
"""

from collections.abc import Callable

from bootstrap.errors import Refused
from bootstrap.project import git, recorded
from bootstrap.project.merge import ANSWERS
from bootstrap.project.recorded import AnswersFile
from bootstrap.project.repository import Repository
from bootstrap.project.trees import ScratchRepository, Tree

TRAILER = "Headstart-Template"


def check(
    scratch: ScratchRepository,
    now: AnswersFile,
    is_now: Tree,
    rendered: Callable[[AnswersFile], Tree],
) -> None:
    """Refuse answers that were edited by hand; `is_now` is what they render now."""
    repository = scratch.repository
    commit = _changed_by_hand(repository)
    before = _before(repository, commit) if commit else None
    if before is None or before == now:
        return
    files = _project(scratch)
    was = rendered(before)
    told_apart = {path for path in is_now.keys() | was.keys() if is_now.get(path) != was.get(path)}
    told_apart.discard(ANSWERS)
    like_now = sum(files.get(path) == is_now.get(path) for path in told_apart)
    like_before = sum(files.get(path) == was.get(path) for path in told_apart)
    if like_before > like_now:
        raise _edited(before, now, commit, like_before)


def _changed_by_hand(repository: Repository) -> str:
    """The commit that last changed the answers, empty where that was an update."""
    form = f"--format=%H %(trailers:key={TRAILER},valueonly,separator=%x20)"
    name = repository.prefix + ANSWERS
    commit, _, by_update = repository.git("log", "-1", form, "--", name).partition(" ")
    return "" if by_update.strip() else commit


def _before(repository: Repository, commit: str) -> AnswersFile | None:
    name = repository.prefix + ANSWERS
    shown = git.call("show", f"{commit}^:{name}", cwd=repository.top)
    if shown.code != 0:  # the commit that made the project
        return None
    try:
        return recorded.parse(shown.out)
    except Refused:
        return None


def _project(scratch: ScratchRepository) -> Tree:
    prefix = scratch.repository.prefix
    files = scratch.tree("HEAD")
    return {path.removeprefix(prefix): files[path] for path in files if path.startswith(prefix)}


def _edited(before: AnswersFile, now: AnswersFile, commit: str, like_before: int) -> Refused:
    old, new = ({"_commit": each.version, **each.answers} for each in (before, now))
    names = [name for name in (*old, *(new.keys() - old.keys())) if old.get(name) != new.get(name)]
    given = [f"--data {name}={new[name]}" for name in names if name in new and name != "_commit"]
    back = f"git checkout {commit[:10]}^ -- {ANSWERS} && git commit -m 'Put the answers back'"
    return Refused(
        f"{ANSWERS} was edited by hand, and the files were not rendered from what it says now.",
        why=(
            *(f"{name}: {old.get(name)} → {new.get(name)}" for name in names),
            f"{like_before} files are as the former answers render them",
        ),
        next=(f"put it back: {back}", " ".join(("then: headstart update", *given))),
    )
