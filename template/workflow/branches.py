"""Names of branches, and which of them may be merged into main."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass

from workflow.errors import Refused
from workflow.versions import SEMVER

KINDS = (
    *("feat", "feature", "fix", "refact", "refactor"),
    *("docs", "test", "chore", "ci", "perf"),
)
WORK = rf"({'|'.join(KINDS)})/[A-Za-z0-9][\w./-]*"
BY_PROGRAMS = r"(dependabot|headstart|renovate)/.+"
# What others call them.
_ALIASES = {
    **dict.fromkeys(("bug", "bugfix", "patch"), "fix"),
    **dict.fromkeys(("features", "new", "enhancement"), "feat"),
    **dict.fromkeys(("refactoring", "cleanup"), "refactor"),
    **dict.fromkeys(("doc", "documentation"), "docs"),
    **dict.fromkeys(("build", "style", "task"), "chore"),
    "tests": "test",
}
_VERSIONED = re.compile(rf"(release|hotfix)\W*v?({SEMVER})", re.IGNORECASE)


@dataclass(frozen=True)
class Branches:
    """The names that there are: lasting ones, and patterns. Versioned ones end in their version."""

    lasting: tuple[str, ...]
    patterns: tuple[str, ...]
    into_main: str
    versioned: tuple[str, ...] = ()

    def check(self, name: str) -> None:
        """Refuse a name that is none of ours, with the one that would be right."""
        patterns = (BY_PROGRAMS, *self.patterns)
        ours = any(re.fullmatch(pattern, name, re.ASCII) for pattern in patterns)
        if name not in self.lasting and not ours:
            raise Refused(
                f"{name} is no name for a branch here (docs/workflow.md).",
                f"git branch -m {shlex.quote(name)} {self.suggested(name)}",
            )

    def check_into(self, name: str, target: str) -> None:
        """Refuse what does not go into main."""
        if target == "main" and not re.fullmatch(self.into_main, name, re.ASCII):
            raise Refused(
                f"{name} does not go into main (docs/workflow.md).",
                f"Change the pull request's base to {self.lasting[1]}.",
            )

    def version_of(self, name: str) -> str | None:
        """The version that a branch prepares; None of one that prepares none."""
        prefixes = (prefix for prefix in self.versioned if re.match(f"{prefix}[0-9]", name))
        return next((name.removeprefix(prefix) for prefix in prefixes), None)

    def suggested(self, name: str) -> str:
        """The name that would be right."""
        prefixes = {re.split(r"\W", prefix)[0]: prefix for prefix in self.versioned}
        match = _VERSIONED.match(name)
        if match and match[1].lower() in prefixes:
            return f"{prefixes[match[1].lower()]}{match[2]}"
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = re.findall(r"[a-z0-9]+(?:\.[0-9]+)*", plain) or ["what-it-is-about"]
        kind = _ALIASES.get(words[0], words[0])
        if kind in KINDS and len(words) > 1:
            return f"{kind}/{'-'.join(words[1:])}"
        return f"feat/{'-'.join(words)}"
