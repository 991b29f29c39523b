"""What every release does, wherever its branch goes: the checks before it, and its own commit."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from workflow import changelog, versions
from workflow.errors import Refused
from workflow.repository import Repository
from workflow.versions import Version

PYPROJECT = "pyproject.toml"
VERSIONED = (PYPROJECT, versions.LOCK)
OWN_FILES = (*VERSIONED, changelog.FILE)
FEW = 5


def require_quiet(repository: Repository) -> None:
    """Nothing else is going on, and all of the history is here."""
    if begun := repository.in_progress():
        what, undone = begun
        raise Refused(f"A {what} is in progress.", f"Finish it first, or take it back: {undone}")
    if repository.git("rev-parse", "--is-shallow-repository") == "true":
        raise Refused("This clone has a part of the history only.", "git fetch --unshallow")


def require_clean(repository: Repository, *but: str) -> None:
    """Every tracked file is as it was committed."""
    changed = [name for name in repository.changed() if name not in but]
    if changed:
        raise Refused(
            "Changes are not committed:",
            *changed[:FEW],
            "Commit them, or put them aside: git stash",
        )


def require_branch(repository: Repository, *names: str) -> None:
    """One of these branches is checked out."""
    current = repository.branch()
    if current not in names:
        here = f"This is {current}" if current else "No branch is checked out"
        raise Refused(f"{here}, and this begins on {names[0]}.", f"git switch {names[0]}")


def fetch(repository: Repository) -> None:
    """Learn what others have pushed, unless FETCH=no."""
    remote = repository.remote()
    if not remote or os.environ.get("FETCH") == "no":
        return
    done = repository.call("fetch", "--quiet", "--tags", remote)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Refused(
            f"{remote} could not be asked for what is new:",
            *said,
            "Without it, by what was fetched last: the same command with FETCH=no",
        )


def require_current(repository: Repository, *branches: str) -> None:
    """Nobody has pushed to these branches what is not here."""
    for branch in branches:
        upstream = repository.upstream(branch)
        if upstream and not repository.includes(branch, upstream):
            shown = upstream.removeprefix("refs/remotes/")
            raise Refused(
                f"{branch} is behind {shown}.", f"git switch {branch} && git pull --ff-only"
            )


def require_new(repository: Repository, version: Version) -> None:
    """No tag has the version, and it is above the current one, which the first release may have."""
    if repository.has(f"refs/tags/{version.tag}"):
        raise Refused(f"{version.tag} is there already.", f"git show {version.tag}")
    text = versions.in_pyproject(_read(repository, PYPROJECT))
    current = versions.found(text)
    is_first = version == current and not versions.of_tags(repository.tags())
    if current and version <= current and not is_first:
        raise Refused(f"{version} is not above {current}, the version in {PYPROJECT}.")


def require_something(repository: Repository, branch: str) -> None:
    """There are commits that no version has."""
    last = last_tag(repository, branch)
    if last and not repository.subjects(last, branch):
        raise Refused(f"{branch} has nothing that {last} has not: there is nothing to release.")


def last_tag(repository: Repository, branch: str) -> str:
    """The tag of the newest version that a branch has; empty where it has none."""
    tagged = versions.of_tags(repository.tags(branch))
    return tagged[-1].tag if tagged else ""


def message_of(version: Version) -> str:
    """The message of the commit with which a version begins."""
    return f"chore(release): {version}"


def commit(repository: Repository, version: Version, *files: str) -> None:
    """Have these files say the version, and commit them; go on with what was interrupted."""
    waiting = [name for name in files if not _says(repository.text(name, "HEAD"), name, version)]
    require_clean(repository, *waiting)
    for name in waiting:
        text = _read(repository, name)
        if not _says(text, name, version):
            _write(repository, name, _saying(repository, text, name, version))
    if waiting:
        repository.git("add", "--", *waiting)
        what = message_of(version) if PYPROJECT in waiting else f"docs(changelog): {version}"
        repository.git("commit", "--quiet", "--message", what)


def _says(text: str, name: str, version: Version) -> bool:
    if name == PYPROJECT:
        return versions.in_pyproject(text) == str(version)
    if name == versions.LOCK:
        return versions.in_lock(text) in ("", str(version))
    return changelog.has(text, version)


def _saying(repository: Repository, text: str, name: str, version: Version) -> str:
    if name == PYPROJECT:
        return versions.raised(text, version)
    if name == versions.LOCK:
        return versions.raised_in_lock(text, version)
    changes = repository.changes(last_tag(repository, "HEAD"), "HEAD")
    return changelog.headed(text, version, datetime.now(UTC).date(), changes)


def tag(repository: Repository, version: Version, name: str) -> None:
    """Tag what a name leads to, where the tag is not there yet."""
    if not repository.has(f"refs/tags/{version.tag}"):
        repository.git("tag", "--annotate", "--message", version.tag, version.tag, name)
    elif not repository.includes(name, version.tag):
        raise Refused(f"{version.tag} is there already, and {name} does not have it.")


def push_command(repository: Repository, *names: str) -> str:
    """What a person runs to publish all of it at once."""
    remote = repository.remote()
    if not remote:
        return "There is no remote to push to yet: git remote add origin ADDRESS"
    return f"Nothing is pushed yet: git push --atomic {remote} {' '.join(names)}"


def _read(repository: Repository, name: str) -> str:
    path = repository.root / name
    return path.read_text("utf-8") if path.exists() else ""


def _write(repository: Repository, name: str, text: str) -> None:
    """Whole or not at all."""
    path: Path = repository.root / name
    new = path.with_name(f".{name}.new")
    new.write_text(text, "utf-8")
    new.replace(path)
