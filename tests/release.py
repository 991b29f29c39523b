"""Releasing a template: one more commit and tag in the bundle. For Headstart's own maintainers.

    python -m tests.release 0.3.0                  the working tree
    python -m tests.release 0.1.0 --from 1b31856   a commit of this repository
    python -m tests.release 0.3.0 --again          the newest one, before it is public

The same trees give the same bytes: author, date and order are fixed. `tests/lifecycle/released.txt`
keeps what was released, so that no release changes afterwards.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import bootstrap
from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.project import changelog, git, releases, template

RECORD = "tests/lifecycle/released.txt"
# The files that state the package's version: after the group.
STATED = {
    "bootstrap/__init__.py": r'(__version__ = ")[^"]*',
    "bootstrap/install.sh": r"(\{HEADSTART_VERSION:-)[^}]*",
}
_AUTHOR = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (
        ("NAME", "Headstart"),
        ("EMAIL", "headstart@localhost"),
        ("DATE", "2026-01-01T00:00:00+0000"),
    )
}
_UNTOUCHED = {**_AUTHOR, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


def release(root: Path, version: str, *, commit: str | None, again: bool) -> releases.Release:
    """Add `version` to the bundle of the checkout at `root`, and make it the package's own."""
    package = root / "bootstrap"
    number = _acceptable(package, version, again=again)
    before = [each for each in releases.released(package) if each.number != number]
    with tempfile.TemporaryDirectory() as folder:
        sources, history = Path(folder, "sources"), Path(folder, "history")
        _copy_sources(root, commit, sources)
        _begin_history(history, package / releases.BUNDLE)
        made = releases.Release(number, _commit(history, sources, version, before[-1:]))
        _write_bundle(history, [*before, made], package / releases.BUNDLE)
    _record(root, [*before, made])
    for file, place in STATED.items():
        _state(root / file, place, version)
    return made


def _acceptable(package: Path, version: str, *, again: bool) -> tuple[int, ...]:
    number = releases.number(version)
    if number is None or version.startswith("v"):
        raise UsageError(f"{version} is not a version.", next=("write it as 0.3.0",))
    if version not in {section.version for section in changelog.all_sections(package)}:
        raise Refused(
            f"CHANGELOG.md does not say what {version} changes.",
            next=(f"give it a section: ## {version}",),
        )
    known = releases.released(package)
    if known and number < known[-1].number:
        raise Refused(f"{known[-1].version} is out already: {version} would come before it.")
    if known and number == known[-1].number and not again:
        raise Refused(f"{version} is out already, and what is out does not change.")
    return number


def _copy_sources(root: Path, commit: str | None, folder: Path) -> None:
    source = _committed(root, commit) if commit else template.from_checkout(root)
    for file in source.files or _all_files(source.root):
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.root / file, target)


def _all_files(root: Path) -> tuple[Path, ...]:
    """The template's files in a folder that holds nothing else."""
    kept = (root / template.CONFIG, *(root / template.CONTENT).rglob("*"))
    return tuple(sorted(path.relative_to(root) for path in kept if path.is_file()))


def _committed(root: Path, name: str) -> template.Template:
    """The template of a commit, also of the one that is checked out: not the working tree."""
    commit = commit_of(root, name)
    return template.Template(releases.unpack(commit, root), commit, released=False)


def commit_of(root: Path, name: str) -> str:
    """The full hash of the commit that a name stands for."""
    commit = git.commit_id(name, root)
    if not commit:
        raise UsageError(
            f"{name} is no commit of this repository.",
            next=("name one that it has: git log shows them",),
        )
    return commit


def _begin_history(history: Path, bundle: Path) -> None:
    history.mkdir()
    _git("init", "--quiet", "--bare", cwd=history)
    if bundle.is_file():
        _git("fetch", "--quiet", str(bundle), "refs/tags/*:refs/tags/*", cwd=history)


def _commit(history: Path, sources: Path, version: str, parents: list[releases.Release]) -> str:
    _git(f"--git-dir={history}", "--work-tree=.", "add", "--all", "--force", cwd=sources)
    tree = _git("write-tree", cwd=history)
    options = [word for parent in parents for word in ("-p", parent.commit)]
    return _git("commit-tree", tree, *options, "-m", f"Template {version}", cwd=history)


def _write_bundle(history: Path, kept: list[releases.Release], bundle: Path) -> None:
    for each in kept:
        _git("update-ref", f"refs/tags/{each.tag}", each.commit, cwd=history)
    draft = history / releases.BUNDLE
    tags = [f"refs/tags/{each.tag}" for each in kept]
    _git("repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50", cwd=history)
    _git("bundle", "create", "--quiet", str(draft), *tags, cwd=history)
    shutil.copy(draft, bundle)


def _record(root: Path, kept: list[releases.Release]) -> None:
    path = root / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each.version} {each.commit}\n" for each in kept), encoding="utf-8")


def _state(path: Path, place: str, version: str) -> None:
    """Write the version where a file states it."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(place, rf"\g<1>{version}", text), encoding="utf-8")


def _git(*arguments: str, cwd: Path) -> str:
    return git.run(*git.ISOLATED, "-c", "pack.threads=1", *arguments, cwd=cwd, environ=_UNTOUCHED)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--from", dest="commit", metavar="COMMIT")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    root = Path(bootstrap.__file__).parents[1]
    try:
        made = release(root, given.version, commit=given.commit, again=given.again)
    except HeadstartError as error:
        sys.stderr.write("\n".join((error.what, *error.why, *error.next)) + "\n")
        return error.exit_code
    sys.stdout.write(f"{made.tag} is {made.commit}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
