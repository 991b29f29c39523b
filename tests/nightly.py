"""The nightly: what takes too long for every `make test`, and its record, which a release needs.

    python -m tests.nightly run [ARG…]             run it; where all has passed, write the record
    python -m tests.nightly check                  refuse where that is not of this tree
    python -m tests.nightly check --from COMMIT    the same of a commit, whose hash it prints

The record names the tree by a digest of what it tested. Not part of that are documents, what only
tells about the tests, and what a release itself writes: so the record can be committed, a release
made and made again, all on one nightly.

What has passed is kept as long as the tree is the same: after a failure, Ctrl-C or a kill the same
command runs only what is left, and the record says how many tests had failed before. It takes
hours: commit what it has begun (`tests/nightly_begun`), and any machine with this tree goes on.
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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from bootstrap.errors import HeadstartError, Refused
from bootstrap.project import git, releases
from tests import nightly_kept, release
from tests.nightly_kept import Results

RECORD = "tests/nightly.json"
ENOUGH = 3000  # random cases
PYTEST = (
    "-m",
    "pytest",
    "-p",
    "tests.nightly_kept",
    "-n",
    "auto",
    "--dist",
    "loadgroup",
    "--no-loadscope-reorder",
)
_WRITTEN = {f"bootstrap/{releases.BUNDLE}", release.RECORD, RECORD, "tests/durations.json"}
NIGHTLY = ("-m", "nightly or cases")
NOTHING_LEFT = 5  # pytest's: it was to run no test
_DROPPED = {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", nightly_kept.WHERE}  # they could ask for less
_FIGURES = {"tree": str, "date": str, "passed": int, "skipped": int, "cases": int}
_HERE = ("make nightly, which takes a while", f"commit {RECORD}, then run this again")
_THERE = (
    f"a nightly counts where its {RECORD} is in the commit that is released",
    "name the one that has it, FROM=…; or check this one out, make nightly, and commit the record",
)


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
        is_written = name in _WRITTEN or name.startswith(f"{nightly_kept.FOLDER}/")
        if (root / name).is_file() and not is_written and not document:
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


def check(root: Path, following: Sequence[str] = _HERE) -> None:
    """Refuse where not all of the nightly has passed on the tree that is here."""
    record = _read(root / RECORD)
    if not record:
        _refuse("No", f"there is no {RECORD} that make nightly has written", following)
    if record["tree"] != tree(root):
        _refuse("No", f"what it tests has changed since the one of {record['date']}", following)
    if record["skipped"] or record["passed"] < 1 or record["cases"] < ENOUGH:
        ran = f"{record['passed']} tests passed and {record['skipped']} were skipped"
        why = f"{ran}, with {record['cases']} random cases of {ENOUGH}"
        _refuse("Not all of the", why, following)


def _read(path: Path) -> dict[str, Any]:
    """The record; empty where there is none, or one that was cut off or is not ours."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    known = isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in _FIGURES.items()
    )
    return record if known else {}


def _refuse(how_much: str, why: str, following: Sequence[str]) -> NoReturn:
    what = f"{how_much} nightly has passed on this tree."
    raise Refused(what, why=(why,), next=tuple(following))


# -- running it ------------------------------------------------------------------------------------


def run(root: Path, arguments: Sequence[str]) -> None:
    """Run what is left of the nightly; record that all of it has passed, if it has on one tree."""
    if not arguments and _has_passed(root):
        sys.stdout.write(f"All of it has passed on this tree: {RECORD}\n")
        return
    before, cases = tree(root), int(os.environ.setdefault("HEADSTART_CASES", str(ENOUGH)))
    kept = nightly_kept.file_of(root, f"{before[:16]}-{cases}") if not arguments else None
    begun = time.monotonic()
    try:
        told = {nightly_kept.WHERE: str(kept)} if kept else {}
        command = [sys.executable, *PYTEST, *NIGHTLY, *arguments]
        ended = subprocess.run(command, cwd=root, env=_environment() | told, check=False)
    finally:
        nightly_kept.keep(kept, "seconds", f"{time.monotonic() - begun:.0f}")
    if ended.returncode not in (0, NOTHING_LEFT):
        raise HeadstartError(
            "The nightly has failed, so there is no record of it.",
            next=("make nightly runs what is left, as long as nothing that is tested changes",),
        )
    if tree(root) != before:
        raise HeadstartError(
            "The tree has changed meanwhile, so there is no record of the nightly."
        )
    results = nightly_kept.results(kept)
    if _collected(root).difference(results["passed"], results["skipped"]):
        raise HeadstartError("That was not all of the nightly, so there is no record of it.")
    _write(root / RECORD, before, cases, results)
    if kept:
        kept.unlink()


def _has_passed(root: Path) -> bool:
    try:
        check(root)
    except Refused:
        return False
    return True


def _environment() -> dict[str, str]:
    """All of the nightly runs, whatever the shell says; what a test needs is there, or it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    return {**kept, "CI": "true"}


def _collected(root: Path) -> set[str]:
    """The tests that a nightly has."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", *NIGHTLY]
    told = subprocess.run(
        command, cwd=root, env=_environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    tests, _, _ = told.stdout.partition("\n\n")
    return {line for line in tests.splitlines() if "::" in line}


def _write(path: Path, tree: str, cases: int, results: Results) -> None:
    passed = set(results["passed"])
    record = {
        "tree": tree,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "passed": len(passed),
        "skipped": len(set(results["skipped"]) - passed),
        "failed_before": len(set(results["failed"])),
        "cases": cases,
        "minutes": round(sum(map(float, results["seconds"])) / 60),
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
                check(root, _THERE)
            sys.stdout.write(f"{commit}\n")
        else:
            check(Path.cwd())
    except HeadstartError as error:
        sys.stderr.write("\n".join((error.what, *error.why, *error.next)) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
