"""The conflicts that git left in an update, and which of them are still open."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bootstrap.project import git
from bootstrap.project.repository import Repository
from bootstrap.project.update_state import UpdateState

_MARKED = r"^(<+|>+) "
_USUAL_SIZE = 7  # gitattributes(5), conflict-marker-size


def left_by_git(repository: Repository) -> dict[str, list[str]]:
    """The paths in conflict, with the blobs of their sides."""
    found: dict[str, list[str]] = {}
    for line in sorted(git.split_paths(repository.git("ls-files", "--unmerged", "-z"))):
        (_, blob, stage), path = line.partition("\t")[0].split(), line.partition("\t")[2]
        sides = found.setdefault(path, [])
        if stage != "1":
            sides.append(blob)
    return found


def unresolved(repository: Repository, state: UpdateState) -> tuple[str, ...]:
    """The paths with an open conflict, or with conflict markers in what is to be committed.

    Lines like markers may be somebody's own text. They are git's where neither side had them, in
    a file that was in conflict; elsewhere, where they name the commit of the update.
    """
    unmerged = repository.differing("--diff-filter=U")
    staged = repository.differing("--cached", "--diff-filter=d", state.head)
    suspects = (staged - unmerged) & _with_marker_like_lines(repository)
    known = set(state.conflicts) if state.conflicts else suspects  # older ones noted none
    sizes = _marker_sizes(repository, suspects & known)
    named = re.compile(rf"^>+ {re.escape(state.theirs[:7])}", re.MULTILINE)
    marked = {
        path
        for path in suspects
        if named.search(_text(repository, f":{path}"))
        or (path in known and _is_marked(repository, state, path, sizes[path]))
    }
    return tuple(sorted(unmerged | marked))


def _with_marker_like_lines(repository: Repository) -> frozenset[str]:
    words = ("grep", "--cached", "--text", "--name-only", "--no-recurse-submodules", "-z", "-E")
    return git.split_paths(git.query(*words, _MARKED, cwd=repository.top))


def _marker_sizes(repository: Repository, paths: Iterable[str]) -> Mapping[str, int]:
    """How long the markers in each file are; no attributes of this machine count in an update."""
    words = ("-c", "core.attributesFile=/dev/null", "check-attr", "-z", "--stdin")
    given = "".join(f"{path}\0" for path in paths)
    fields = repository.git(*words, "conflict-marker-size", given=given).split("\0")
    values = zip(fields[::3], fields[2::3], strict=False)
    return {
        path: int(value) if value.isdecimal() and int(value) else _USUAL_SIZE
        for path, value in values
    }


def _is_marked(repository: Repository, state: UpdateState, path: str, size: int) -> bool:
    sides = (f"{state.head}:{path}", *state.conflicts.get(path, ()))
    own = Counter[str]()
    for side in sides:
        own |= _markers(_text(repository, side), size)
    return bool(_markers(_text(repository, f":{path}"), size) - own)


def _markers(text: str, size: int) -> Counter[str]:
    found = re.findall(rf"^(?:<{{{size},}}|>{{{size},}}) .*$", text, re.MULTILINE)
    return Counter(line.rstrip("\r") for line in found)


def _text(repository: Repository, name: str) -> str:
    return git.query("cat-file", "blob", name, cwd=repository.top)
