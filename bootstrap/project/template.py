"""Where the template is, and which version of it.

An installed package renders the releases that it carries. A checkout renders its working tree too,
under the name HEAD, and what its history still knows.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import bootstrap
from bootstrap.errors import HeadstartError, UsageError
from bootstrap.language import Said
from bootstrap.project import git, releases
from bootstrap.project.objects import Tree

CONFIG = releases.CONFIG
CONTENT = "template"
WORKING_TREE = "HEAD"
_PACKAGE = Path(bootstrap.__file__).parent
_RELEASE_TAG = re.compile(r"v\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Template:
    """One version of the template: `copier.yml` and `template/`.

    `version` is what the project's answers record. They are in the folder `source`; or, where there
    is a `digest`, in the commit of that name in the git repository there. `files`, relative to the
    folder, are those that belong to it if it may hold others (a checkout's caches); None means all.
    Without a digest its content changes while a person works.
    """

    source: Path
    version: str
    released: bool
    files: tuple[Path, ...] | None = None
    digest: str = ""

    @property
    def config(self) -> Path:
        """A file with the content of its `copier.yml`."""
        return releases.config(self.digest, self.source) if self.digest else self.source / CONFIG

    @property
    def root(self) -> Path:
        """A folder that holds its files."""
        return releases.unpack(self.digest, self.source) if self.digest else self.source

    def only(self, files: Tree) -> Tree:
        """Those of the files of its commit that are the template's."""
        parts = (f"{CONTENT}/", CONFIG)
        return {path: entry for path, entry in files.items() if path.startswith(parts)}

    def modes(self) -> dict[str, str]:
        """Git's modes of the files in its folder, by path."""
        found = self.files or (Path(CONFIG), *sorted((self.source / CONTENT).rglob("*")))
        paths = (self.source / each for each in found)
        kept = (path for path in paths if path.is_symlink() or path.is_file())
        return {path.relative_to(self.source).as_posix(): _mode(path) for path in kept}


def locate(package: Path = _PACKAGE) -> Template:
    """The template for a new project if no version is named."""
    return from_checkout(package.parent) if is_checkout(package) else newest(package)


def newest(package: Path = _PACKAGE, *, skipped: Collection[tuple[int, ...]] = ()) -> Template:
    """The newest release that is not `skipped`; of those that all are, the newest."""
    known = releases.released(package)
    if not known:
        raise HeadstartError(
            Said("This installation of Headstart has no template."),
            why=(Said("there is no release in {bundle}", bundle=package / releases.BUNDLE),),
            next=(Said("reinstall it, the way it was installed"),),
        )
    wanted = [release for release in known if release.number not in skipped]
    return _unpacked((wanted or known)[-1], package)


def find(version: str, package: Path = _PACKAGE) -> Template:
    """The template of that version: a release, HEAD, or a commit of this checkout."""
    wanted = releases.number(version)
    for release in releases.released(package):
        if release.number == wanted:
            return _unpacked(release, package)
    if is_checkout(package):
        here = from_checkout(package.parent)
        if version in {WORKING_TREE, here.version}:
            return here
        if committed := _committed(package.parent, version):
            return committed
    known = ", ".join(release.version for release in releases.released(package))
    raise UsageError(
        Said("The template {version} is not in this package.", version=version),
        why=(Said("it has {known}", known=known or Said("none")),),
        next=(Said("a newer headstart has newer ones; `headstart versions` lists what is here"),),
    )


def is_checkout(package: Path = _PACKAGE) -> bool:
    """Whether this package runs from its sources."""
    return (package.parent / CONFIG).is_file()


def from_checkout(root: Path) -> Template:
    """The working tree of a checkout, with the version that plain Copier records."""
    if not git.is_top_level(root):
        return Template(root, WORKING_TREE, released=False, files=None)
    version = git.query("describe", "--tags", "--always", cwd=root) or WORKING_TREE
    changes = git.run("status", "--porcelain", "--", CONFIG, CONTENT, cwd=root)
    is_release = bool(_RELEASE_TAG.fullmatch(version)) and not changes
    return Template(root, version, is_release, _files(root))


def _mode(path: Path) -> str:
    if path.is_symlink():
        return "120000"
    return "100755" if path.stat().st_mode & 0o100 else "100644"


def _unpacked(release: releases.Release, package: Path) -> Template:
    repository = releases.repository(package / releases.BUNDLE)
    return Template(repository, release.tag, released=True, digest=release.commit)


def _committed(root: Path, version: str) -> Template | None:
    """The template of a commit of the checkout."""
    commit = git.commit_id(version, root) if git.is_top_level(root) else ""
    if not commit:
        return None
    return Template(git.folder(root), version, released=False, digest=commit)


def _files(root: Path) -> tuple[Path, ...]:
    """What `git add --all` would add, as plain Copier does: no caches, no venvs."""
    options = ("--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
    listed = git.run("ls-files", *options, "--", CONFIG, CONTENT, cwd=root)
    paths = (Path(name) for name in listed.split("\0") if name)
    return tuple(path for path in paths if (root / path).is_file())
