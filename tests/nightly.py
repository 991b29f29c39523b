"""The nightly: what takes too long for every `make test`, and its record, which a release needs.

    python -m tests.nightly run [ARG…]             run it; where all has passed, write the record
    python -m tests.nightly check                  refuse where that is not of this tree
    python -m tests.nightly check --from COMMIT    the same, of the tree of a commit; prints its hash

The record names the tree by a digest of what it tested. Not part of that are documents, what only
tells about the tests, and what a release itself writes: so the record can be committed, a release
made and made again, all on one nightly.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import git, release, releases

RECORD = "tests/nightly.json"
ENOUGH = 3000  # random cases
PYTEST = ("-m", "pytest", "-n", "auto", "--dist", "loadgroup", "--no-loadscope-reorder")
_WRITTEN = {f"bootstrap/{releases.BUNDLE}", release.RECORD, RECORD, "tests/durations.json"}
_NEXT = ("make nightly, which takes a while", f"commit {RECORD}, then run this again")


def tree(root: Path) -> str:
    """A digest of what is tested of a work tree: names, modes and contents."""
    digest = hashlib.sha256()
    for name in sorted(_names(root)):
        content = hashlib.sha256(_content(root, name)).hexdigest()
        digest.update(f"{content} {os.access(root / name, os.X_OK)} {name}\0".encode())
    return digest.hexdigest()


def _names(root: Path) -> Iterator[str]:
    options = ("--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
    for name in git.run("ls-files", *options, cwd=root).split("\0"):
        document = name.endswith(".md") and not name.startswith("template/")
        if (root / name).is_file() and name not in _WRITTEN and not document:
            yield name


def _content(root: Path, name: str) -> bytes:
    """What a file holds, but for the version that a release states in it."""
    content = (root / name).read_bytes()
    place = release.STATED.get(name)
    return re.sub(place.encode(), rb"\1", content) if place else content


@contextmanager
def _tree_of(root: Path, commit: str) -> Iterator[Path]:
    """A work tree with what a commit has."""
    with TemporaryDirectory(prefix="headstart-") as folder:
        git.run("clone", "--quiet", "--no-checkout", "--shared", str(root), folder, cwd=root)
        git.run("checkout", "--quiet", "--detach", commit, cwd=Path(folder))
        yield Path(folder)


def check(root: Path) -> None:
    """Refuse where not all of the nightly has passed on the tree that is here."""
    record = _read(root / RECORD)
    if not record:
        _refuse("No nightly has passed on this tree.", f"there is no {RECORD}")
    if record["tree"] != tree(root):
        why = f"what it tests has changed since the one of {record['date']}"
        _refuse("No nightly has passed on this tree.", why)
    if record["skipped"] or record["cases"] < ENOUGH:
        why = f"it skipped {record['skipped']} tests, and ran {record['cases']} cases of {ENOUGH}"
        _refuse("Not all of the nightly has passed on this tree.", why)


def _read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return record


def _refuse(what: str, why: str) -> NoReturn:
    raise Refused(what, why=(why,), next=_NEXT)


def run(root: Path, arguments: Sequence[str]) -> None:
    """Run the nightly; record that all of it has passed, if it was all and on one tree."""
    before, cases = tree(root), int(os.environ.setdefault("HEADSTART_CASES", str(ENOUGH)))
    with TemporaryDirectory() as folder:
        report = Path(folder, "junit.xml")
        asked = ("-m", "nightly or cases", "--junit-xml", str(report), *arguments)
        if subprocess.run([sys.executable, *PYTEST, *asked], cwd=root, check=False).returncode:
            raise HeadstartError("The nightly has failed, so there is no record of it.")
        (suite,) = ET.parse(report).iter("testsuite")  # noqa: S314 - written by ourselves
    if arguments:
        raise HeadstartError("That was not all of the nightly, so there is no record of it.")
    if tree(root) != before:
        raise HeadstartError(
            "The tree has changed meanwhile, so there is no record of the nightly."
        )
    _write(root / RECORD, before, cases, suite.attrib)


def _write(path: Path, tree: str, cases: int, counted: Mapping[str, str]) -> None:
    skipped = int(counted["skipped"])
    record = {
        "tree": tree,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "passed": int(counted["tests"]) - skipped,
        "skipped": skipped,
        "cases": cases,
        "minutes": round(float(counted["time"]) / 60),
    }
    path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def main() -> int:
    """Run from the command line, in the checkout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=("run", "check"))
    parser.add_argument("--from", dest="commit", metavar="COMMIT")
    given, more = parser.parse_known_args()
    try:
        if given.command == "run":
            run(Path.cwd(), more)
        elif given.commit:
            commit = release.commit_of(Path.cwd(), given.commit)
            with _tree_of(Path.cwd(), commit) as root:
                check(root)
            sys.stdout.write(f"{commit}\n")
        else:
            check(Path.cwd())
    except HeadstartError as error:
        sys.stderr.write("\n".join((error.what, *error.why, *error.next)) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
