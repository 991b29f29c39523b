"""The released templates that travel with this package, in a git bundle.

The bundle is a history of the template alone: one commit and one tag for each release. So `new`,
`update` and `drift` know every released version without a network, and without Headstart's own
history.
"""

import re
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import bootstrap
from bootstrap import state, versions
from bootstrap.errors import HeadstartError
from bootstrap.project import git

BUNDLE = "template.bundle"
_CACHE = "unpacked"  # "templates" of 0.5.0 may have the line ends of a user's core.autocrlf
_RUNNABLE, _PLAIN = 0o755, 0o644
_TAG = re.compile(r"([0-9a-f]{40,64}) refs/tags/v(\d+\.\d+\.\d+)")


class Release(NamedTuple):
    """One released template: its number, and its commit in the bundle."""

    number: tuple[int, ...]
    commit: str

    @property
    def version(self) -> str:
        """As people write it: 0.2.0."""
        return ".".join(map(str, self.number))

    @property
    def tag(self) -> str:
        """As git and a project's answers write it: v0.2.0."""
        return f"v{self.version}"


def number(version: str) -> tuple[int, ...] | None:
    """The number in 0.2.0 or v0.2.0; None if it is not a release's."""
    found = versions.numbers(version.removeprefix("v"))
    return found if len(found) == 3 else None  # noqa: PLR2004


def released(package: Path = Path(bootstrap.__file__).parent) -> tuple[Release, ...]:
    """The releases in this package, oldest first; read from the bundle's head, without git."""
    bundle = package / BUNDLE
    if not bundle.is_file():
        return ()
    with bundle.open("rb") as lines:
        head = iter(lambda: lines.readline().decode("utf-8", "replace").rstrip("\n"), "")
        matches = [match for line in head if (match := _TAG.fullmatch(line))]
    return tuple(sorted(Release(number(m[2]) or (), m[1]) for m in matches))


def unpack(commit: str, source: Path) -> Path:
    """The folder with the template of a commit in `source`, a bundle or a repository.

    It is made once on this machine, and named after the commit, a digest of all that is in it. It
    appears complete or not at all; of two that make it at once, one wins and both are right.
    """
    folder = state.cache_of(_CACHE) / commit
    if folder.is_dir():
        return folder
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder.parent))
    try:
        _extract(source, commit, draft)
        (draft / "files").rename(folder)
    except OSError as error:
        if not folder.is_dir():
            raise HeadstartError(
                "The template could not be unpacked.",
                why=(error.strerror or str(error),),
                next=(f"make room in {folder.parent}, or name another: HEADSTART_STATE_DIR",),
            ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _extract(source: Path, commit: str, draft: Path) -> None:
    repository = source
    if source.is_file():
        repository = draft / "git"
        git.run("init", "--quiet", "--bare", str(repository), cwd=draft)
        git.run("fetch", "--quiet", str(source), "refs/tags/*:refs/tags/*", cwd=repository)
    packed = draft / "archive.tar"
    paths = ("copier.yml", "template")
    exactly = (*git.ISOLATED, "-c", "core.attributesFile=/dev/null")  # no line ends of this machine
    git.run(*exactly, "archive", "--output", str(packed), commit, *paths, cwd=repository)
    extract_archive(packed, draft / "files")


def extract_archive(archive: Path, folder: Path) -> None:
    """Write the files of a tar archive into `folder`, which is new; refuse all that is no file.

    `TarFile.extractall` is safe by its `filter`, which came with 3.11.4 (PEP 706). Here files and
    folders are all there is to write, so only a name could lead out of the folder, and none may.
    """
    with tarfile.open(archive) as content:
        for member in content:
            _write_member(content, member, folder.joinpath(*_relative_path(member).parts))


def _relative_path(member: tarfile.TarInfo) -> PurePosixPath:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise HeadstartError(f"The archive has a name that leads out of it: {member.name}")
    return name


def _write_member(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = content.extractfile(member) if member.isfile() else None
    if source is None:
        raise HeadstartError(f"A template has files and folders only, and this is none: {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(_RUNNABLE if member.mode & 0o100 else _PLAIN)
