"""The command line: one word, what it is about, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from workflow import checks
from workflow.branches import Branches
from workflow.errors import Refused
from workflow.repository import Repository

Release = Callable[[Repository, str], str]


def run(words: list[str], branches: Branches, releases: Mapping[str, Release]) -> int:
    """Do what was asked for: 0, or 1 with what is wrong, or 130 after Ctrl-C."""
    name, given = ([*words, "", ""])[:2]
    try:
        _call(name, given, branches, releases)
    except (Refused, OSError) as error:
        print(f"{name or 'workflow'}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _call(name: str, given: str, branches: Branches, releases: Mapping[str, Release]) -> None:
    repository = Repository(Path.cwd())
    if name in releases:
        print(releases[name](repository, given))
    elif name == "message":
        checks.check_message(Path(given))
    elif name == "push":
        pushed = sys.stdin.buffer.read().decode("utf-8", "replace")
        checks.check_push(repository, branches, pushed.splitlines())
    elif name == "pipeline":
        checks.check_pipeline(repository, branches, os.environ)
    else:
        known = ", ".join([*releases, "message FILE", "push", "pipeline"])
        raise Refused(f"There are {known}.")
