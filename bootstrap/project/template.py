"""Where the template is, and which version of it.

An installed package carries the template it was released with; a checkout renders its working tree.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import bootstrap
from bootstrap.errors import HeadstartError
from bootstrap.project import git

CONFIG = "copier.yml"
CONTENT = "template"
_RELEASE_TAG = re.compile(r"v\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Template:
    """One version of the template in a folder that holds `copier.yml` and `template/`.

    `version` is what the project's answers record. `files`, relative to `root`, are those that
    belong to it where the folder may hold others (a checkout's caches); None means all of them.
    """

    root: Path
    version: str
    released: bool
    files: tuple[Path, ...] | None = None

    @property
    def config(self) -> Path:
        """The questions."""
        return self.root / CONFIG


def locate(package: Path = Path(bootstrap.__file__).parent) -> Template:
    """Find the template that belongs to this package."""
    checkout, bundled = package.parent, package / "_template"
    if (checkout / CONFIG).is_file():
        return from_checkout(checkout)
    if (bundled / CONFIG).is_file():
        return Template(bundled, f"v{bootstrap.__version__}", released=True)
    raise HeadstartError(
        "This installation of Headstart has no template.",
        why=(f"neither {checkout / CONFIG} nor {bundled / CONFIG} exists",),
        next=("reinstall it: pip install --force-reinstall headstart",),
    )


def from_checkout(root: Path) -> Template:
    """The working tree of a checkout, under the version that plain Copier records for it."""
    if not git.is_top_level(root):
        return Template(root, "HEAD", released=False)
    version = _describe(root)
    released = bool(_RELEASE_TAG.fullmatch(version)) and not _changes(root)
    return Template(root, version, released, _files(root))


def _describe(root: Path) -> str:
    try:
        return git.run("describe", "--tags", "--always", cwd=root)
    except git.GitError:  # a repository before its first commit
        return "HEAD"


def _changes(root: Path) -> str:
    return git.run("status", "--porcelain", "--", CONFIG, CONTENT, cwd=root)


def _files(root: Path) -> tuple[Path, ...]:
    """What `git add --all` would take, as plain Copier does: no caches, no environments."""
    options = ("--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
    listed = git.run("ls-files", *options, "--", CONFIG, CONTENT, cwd=root)
    paths = (Path(name) for name in listed.split("\0") if name)
    return tuple(path for path in paths if (root / path).is_file())
