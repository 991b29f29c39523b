"""The stand-ins for a Mac's tools refuse: else what passes with them would say nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.machine import bsd

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("stat -c %s a", "stat: illegal option -- c"),
        ("date -d yesterday", "date: illegal option -- d"),
        ("readlink -f a", "readlink: illegal option -- f"),
        ("find -name a", "find: illegal option -- n"),
        ("find . -printf %p", "find: -printf: unknown primary or operator"),
        ("grep -oP a a", "grep: invalid option -- P"),
        ("echo a | xargs -r echo", "xargs: illegal option -- r"),
        ("cp --archive a b", "cp: illegal option -- -"),
        ("mktemp --directory", "mktemp: illegal option -- -"),
        ("sed --in-place s/a/b/ a", "sed: illegal option -- -"),
        ("sed -i s/a/b/ a", "sed:"),
        ("sha256sum a", "not found"),
    ],
)
def test_what_only_gnu_knows_is_refused(tmp_path: Path, line: str, refusal: str) -> None:
    done = run(tmp_path, line)
    assert refusal in done.stderr
    assert done.stdout == ""


def test_what_both_know_is_done(tmp_path: Path) -> None:
    lines = (
        "sed -i '' s/a/b/ a; cat a",
        "stat -L -f '%N %z' -- a",
        "wc -l <a",
        "find . -name a -exec cksum {} + | sed 's/ .*//' | grep -c .",
        "printf %s a | shasum -a 256 | sed 's/ .*//'",
        "rm $(mktemp ./t.XXXX); date -u -r 0 +%Y.%N",
        r"echo a+ | sed 's/a\+/x/'",
    )
    done = run(tmp_path, "; ".join(lines))
    assert done.stderr == ""
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert done.stdout.splitlines() == ["b", "a 2", "       1", "1", digest, "1970.N", "x"]


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "bin"
    bsd.install(tools)
    for name in ("cat", "cksum", "echo", "rm"):
        (tools / name).symlink_to(f"/bin/{name}" if name != "cksum" else "/usr/bin/cksum")
    (folder / "a").write_text("a\n")
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
