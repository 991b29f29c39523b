"""The released templates that travel with this package, in a git bundle.

The bundle is a history of the template alone: one commit and one tag for each release. So `new`,
`update` and `drift` know every released version without a network, and without Headstart's own
history.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple

import bootstrap
from bootstrap import state, versions
from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import git
from bootstrap.project.objects import ObjectReader
from bootstrap.system import system_steps

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

BUNDLE = "template.bundle"
HASHING = "sha1"  # how its objects are named
CONFIG = "copier.yml"
_BUNDLE = Path(bootstrap.__file__).parent / BUNDLE
_UNPACKED = "unpacked"  # "templates" of 0.5.0 may have the line ends of a user's core.autocrlf
_REPOSITORIES, _CONFIGS = "repositories", "configs"
_PACK = Path("objects/pack/pack-template.pack")
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


def repository(bundle: Path) -> Path:
    """The git repository with all that is in a bundle; made once on this machine.

    A bundle is a head that ends with an empty line, and a pack (gitformat-bundle). Git needs
    nothing but an index beside it.
    """
    if made := kept_repository(bundle):
        return made
    with bundle.open("rb") as content:
        folder = _place(content)
        shutil.rmtree(folder, ignore_errors=True)  # there only if it is damaged
        with _complete(folder) as draft:
            for name in (_PACK.parent, "refs"):
                (draft / name).mkdir(parents=True)
            (draft / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
            with (draft / _PACK).open("wb") as packed:
                shutil.copyfileobj(content, packed)
            git.run("index-pack", str(draft / _PACK), cwd=draft)
    return folder


def kept_repository(bundle: Path = _BUNDLE) -> Path | None:
    """The same, if it is there already, and whole."""
    if not bundle.is_file():
        return None
    with bundle.open("rb") as content:
        folder = _place(content)
        pack = folder / _PACK
        whole = pack.is_file() and pack.stat().st_size == bundle.stat().st_size - content.tell()
        return folder if whole else None


def _place(bundle: IO[bytes]) -> Path:
    """Where its repository is kept; reads its head."""
    head = b"".join(iter(bundle.readline, b"\n"))
    return state.cache_of(_REPOSITORIES) / hashlib.sha256(head).hexdigest()


def config(commit: str, repository: Path) -> Path:
    """The `copier.yml` of a commit; read from the repository once on this machine."""
    folder = state.cache_of(_CONFIGS) / commit
    if not (folder / CONFIG).is_file():
        with reader(repository) as objects, _complete(folder) as draft:
            (draft / CONFIG).write_bytes(objects.read(f"{commit}:{CONFIG}").content)
    return folder / CONFIG


def unpack(commit: str, source: Path) -> Path:
    """The folder with the template of a commit in `source`, a bundle or a repository.

    It is made once on this machine, and named after the commit, a digest of all that is in it.
    """
    folder = state.cache_of(_UNPACKED) / commit
    if not folder.is_dir():
        with _complete(folder) as draft:
            _extract(_repository_of(source), commit, draft)
    return folder


@contextmanager
def reader(repository: Path) -> Iterator[ObjectReader]:
    """Read the objects of a git repository."""
    running = git.LastingGit("cat-file", "--batch", cwd=repository, environ={"GIT_DIR": "."})
    with closing(running):
        yield ObjectReader(running)


@contextmanager
def _complete(folder: Path) -> Iterator[Path]:
    """A draft of `folder`, which appears complete or not at all.

    Of two that make it at once, one wins and both are right.
    """
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=folder.parent))
    try:
        (draft / "files").mkdir()
        yield draft / "files"
        (draft / "files").rename(folder)
    except OSError as error:
        if not folder.is_dir():
            why = (f"{folder.parent}: {error.strerror or error}",)
            steps = system_steps(why, "fix that, then run the same command again")
            steps = (*steps, "or name another folder for it: HEADSTART_STATE_DIR")
            raise HeadstartError(
                Said("The template could not be unpacked."), why=why, next=steps
            ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _repository_of(source: Path) -> Path:
    if source.is_file():
        return repository(source)
    return source if (source / "objects").is_dir() else git.folder(source)


def _extract(repository: Path, commit: str, draft: Path) -> None:
    packed = draft.with_name("archive.tar")
    paths = (CONFIG, "template")
    no_line_ends = ("-c", "core.attributesFile=/dev/null", "-c", "core.autocrlf=false")
    exactly = (*git.ISOLATED, *no_line_ends)
    words = ("archive", "--output", str(packed), commit, *paths)
    git.run(*exactly, *words, cwd=draft, environ={"GIT_DIR": str(repository)})
    extract_archive(packed, draft)


def extract_archive(archive: Path, folder: Path) -> None:
    """Write the files of a tar archive into `folder`, which is new; refuse all that is no file.

    `TarFile.extractall` is safe by its `filter`, which came with 3.11.4 (PEP 706). Here files and
    folders are all there is to write, so only a name could lead out of the folder, and none may.
    """
    import tarfile  # noqa: PLC0415  (with lzma and bz2)

    with tarfile.open(archive) as content:
        for member in content:
            _write_member(content, member, folder.joinpath(*_relative_path(member).parts))


def _relative_path(member: "TarInfo") -> PurePosixPath:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise HeadstartError(
            Said("The archive has a name that leads out of it: {name}", name=member.name)
        )
    return name


def _write_member(content: "TarFile", member: "TarInfo", target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = content.extractfile(member) if member.isfile() else None
    if source is None:
        raise HeadstartError(
            Said("A template has files and folders only, and this is none: {target}", target=target)
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(_RUNNABLE if member.mode & 0o100 else _PLAIN)
