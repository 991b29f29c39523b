"""What a project's files say about the release that it came from, whatever is recorded.

Most files of a template are rendered as they are. What each release has of those is known by git's
names for their content, so nothing is rendered to compare them; and as only contents count, a
file that was moved is still evidence.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import bootstrap
from bootstrap import files, state
from bootstrap.project import releases
from bootstrap.project.objects import ObjectReader
from bootstrap.project.releases import Release
from bootstrap.project.template import CONTENT
from bootstrap.project.trees import ScratchRepository, Tree

# Fewer files than that may have been taken over by hand from another release.
ENOUGH, MUCH_MORE = 3, 3
_PACKAGE = Path(bootstrap.__file__).parent
_CACHE = "contents"
_LONG = 24  # characters
_SUFFIX = ".jinja"
_FOLDER = f"{CONTENT}/"

# The names of the contents that a release has, by version, in order of the releases.
Contents = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Doubt:
    """The files are as another release has them: how many, and how many as the recorded one."""

    recorded: str
    nearer: str
    alike: int
    as_recorded: int

    @property
    def told(self) -> str:
        return (
            f"{self.alike} files are as in {self.nearer} and not as in {self.recorded}; "
            f"{self.as_recorded or 'none'} the other way round"
        )


def doubt(scratch: ScratchRepository, recorded: str) -> Doubt | None:
    """The doubt in a recorded version that the checked-out files raise, if they do."""
    known = contents()
    if recorded not in known:  # a template that is not released
        return None
    return nearer(content_names(scratch, scratch.project_files("HEAD")), recorded, known)


def nearer(names: frozenset[str], recorded: str, known: Contents) -> Doubt | None:
    """The release that is much nearer to contents with those names than the recorded one."""
    found = []
    for version, theirs in known.items():
        alike = len(names & (theirs - known[recorded]))
        as_recorded = len(names & (known[recorded] - theirs))
        if alike >= ENOUGH and alike >= MUCH_MORE * as_recorded:
            found.append(Doubt(recorded, version, alike, as_recorded))
    # Of two releases that share what is found, the older has less that is missing here.
    return max(found, key=lambda each: each.alike - each.as_recorded, default=None)


def likeness(names: frozenset[str], known: Contents) -> Mapping[str, int]:
    """How many of the contents each release has."""
    return {version: len(names & theirs) for version, theirs in known.items()}


def lines_alike(texts: Iterable[str], package: Path = _PACKAGE) -> Mapping[str, int]:
    """How many of the texts' lines each release has: evidence that no formatter takes away."""
    known = releases.released(package)
    lines = frozenset(line for text in texts for line in telling_lines(text))
    with releases.reader(releases.repository(package / releases.BUNDLE)) as objects:
        return {release.tag: len(lines & _lines_of(objects, release.commit)) for release in known}


def telling_lines(text: str) -> Iterator[str]:
    """The lines that are not to be found just anywhere, without the blanks around them."""
    return (line.strip() for line in text.splitlines() if len(line.strip()) >= _LONG)


def _lines_of(objects: ObjectReader, commit: str) -> frozenset[str]:
    blobs = {each.blob for path, each in objects.files(commit).items() if path.startswith(_FOLDER)}
    texts = (found.content.decode("utf-8", "replace") for found in objects.read_all(sorted(blobs)))
    return frozenset(line for text in texts for line in telling_lines(text))


def content_names(scratch: ScratchRepository, tree: Tree) -> frozenset[str]:
    """The names of a tree's contents as the releases have them."""
    if scratch.repository.hashing == "sha1":
        return frozenset(entry.blob for entry in tree.values())
    return frozenset(text_names(scratch, tree).values())


def text_names(scratch: ScratchRepository, tree: Tree) -> dict[str, str]:
    """The same by path, whatever names objects here, and however lines end."""
    held = scratch.contents(entry.blob for entry in tree.values() if entry.is_plain)
    return {path: content_name(held[entry.blob]) for path, entry in tree.items() if entry.is_plain}


def content_name(content: bytes) -> str:
    """What git calls a text, with the line ends of the template."""
    plain = content.replace(b"\r\n", b"\n")
    return hashlib.sha1(b"blob %d\0%b" % (len(plain), plain), usedforsecurity=False).hexdigest()


# -- what the releases have ------------------------------------------------------------------------


def contents(package: Path = _PACKAGE) -> Contents:
    """What each release has of the files that are rendered as they are."""
    known = releases.released(package)
    place = state.cache_of(_CACHE) / _key(known)
    with suppress(OSError, ValueError):
        return {version: frozenset(names) for version, names in json.loads(place.read_text())}
    found = _listed(known, package / releases.BUNDLE)
    stored = [(version, sorted(names)) for version, names in found.items()]
    with suppress(OSError):
        files.write_atomically(place, json.dumps(stored), mode=0o600)
    return found


def _key(known: tuple[Release, ...]) -> str:
    commits = " ".join(release.commit for release in known)
    return hashlib.sha256(commits.encode()).hexdigest()


def _listed(known: tuple[Release, ...], bundle: Path) -> Contents:
    if not known:
        return {}
    with releases.reader(releases.repository(bundle)) as objects:
        listed = {release.tag: objects.files(release.commit) for release in known}
    return {
        version: frozenset(
            each.blob
            for path, each in files.items()
            if path.startswith(_FOLDER) and not path.endswith(_SUFFIX)
        )
        for version, files in listed.items()
    }
