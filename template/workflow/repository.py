"""The repository, as git knows it: what is asked of it, and what is done to it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workflow import messages
from workflow.errors import Refused
from workflow.messages import Change

_GIT = ("git",)
_IN_PROGRESS = {
    "MERGE_HEAD": ("merge", "git merge --abort"),
    "CHERRY_PICK_HEAD": ("cherry-pick", "git cherry-pick --abort"),
    "REVERT_HEAD": ("revert", "git revert --abort"),
    "rebase-merge": ("rebase", "git rebase --abort"),
    "rebase-apply": ("rebase", "git rebase --abort"),
}


@dataclass(frozen=True)
class Repository:
    """A work tree, in which git is run."""

    root: Path

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run git; what it would ask an editor stays as it is."""
        return subprocess.run(
            [*_GIT, *words],
            cwd=self.root,
            env=os.environ | {"GIT_EDITOR": "true"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def git(self, *words: str) -> str:
        """Run git and return what it says; refuse where it fails, in its own words."""
        done = self.call(*words)
        if done.returncode:
            raise failed(done)
        return done.stdout.strip()

    def says(self, *words: str) -> bool:
        """Whether git says yes."""
        return self.call(*words).returncode == 0

    def branch(self) -> str:
        """The branch that is checked out; empty where none is."""
        return self.git("branch", "--show-current")

    def branches(self, pattern: str) -> list[str]:
        """The branches here with such a name."""
        return self.git(
            "for-each-ref", "--format=%(refname:lstrip=2)", f"refs/heads/{pattern}"
        ).split()

    def has(self, name: str) -> bool:
        """Whether a full name of git's leads to something."""
        return self.says("rev-parse", "--verify", "--quiet", name)

    def commit_of(self, name: str) -> str:
        """The commit that a name, or a tag's object, leads to."""
        return self.git("rev-parse", "--verify", name + "^{commit}")

    def includes(self, branch: str, name: str) -> bool:
        """Whether a branch has what another name leads to."""
        return self.says("merge-base", "--is-ancestor", name, branch)

    def text(self, name: str, revision: str) -> str:
        """A file as it is in a commit; empty where it is not."""
        done = self.call("show", f"{revision}:{name}")
        return done.stdout if done.returncode == 0 else ""

    def changed(self) -> list[str]:
        """Tracked files that differ from the last commit."""
        listed = self.git("diff", "--name-only", "-z", "HEAD", "--")
        return [name for name in listed.split("\0") if name]

    def unmerged(self) -> list[str]:
        """Files with a conflict that nobody has settled."""
        listed = self.git("diff", "--name-only", "-z", "--diff-filter=U")
        return [name for name in listed.split("\0") if name]

    def tags(self, reachable_from: str = "") -> list[str]:
        """All tags, or those of a branch."""
        merged = (f"--merged={reachable_from}",) if reachable_from else ()
        return self.git("tag", "--list", *merged).split("\n")

    def subject(self) -> str:
        """The first line of the last commit's message."""
        return self.git("log", "-1", "--no-show-signature", "--format=%s")

    def subjects(self, since: str, until: str) -> list[str]:
        """The first lines of the messages that `until` has, and `since` has not; merges aside."""
        return self._log("--format=%s", since, until).splitlines()

    def changes(self, since: str, until: str) -> list[Change]:
        """What these messages say, the newest first."""
        told = self._log("--format=%B%x00", since, until).split("\0")
        found = (messages.parsed(message.strip()) for message in told)
        return [change for change in found if change]

    def _log(self, form: str, since: str, until: str) -> str:
        names = f"{since}..{until}" if since else until
        return self.git("log", "--no-show-signature", "--no-merges", form, names, "--")

    def in_progress(self) -> tuple[str, str] | None:
        """What has begun and not ended, and what takes it back."""
        for name, what in _IN_PROGRESS.items():
            if (self.root / self.git("rev-parse", "--git-path", name)).exists():
                return what
        return None

    def remote(self) -> str:
        """Where main is pushed to; empty where there is no other repository."""
        named = self.call("config", "branch.main.remote").stdout.strip()
        others = self.git("remote").split()
        return named if named in others else next(iter(others), "")

    def upstream(self, branch: str) -> str:
        """The branch that another repository has of it, as it was last fetched; or nothing."""
        name = f"refs/remotes/{self.remote()}/{branch}"
        return name if self.remote() and self.has(name) else ""

    def track(self, branch: str) -> bool:
        """Have the branch here too, where only the other repository has it; say whether it is."""
        if self.has(f"refs/heads/{branch}"):
            return True
        upstream = self.upstream(branch)
        if upstream:
            self.git("branch", "--quiet", "--track", branch, upstream.removeprefix("refs/remotes/"))
        return bool(upstream)

    def switch(self, branch: str) -> None:
        """Check a branch out, where it is not."""
        if self.branch() != branch:
            self.git("switch", "--quiet", branch)


def failed(done: subprocess.CompletedProcess[str]) -> Refused:
    """What git did not do, and why."""
    words = " ".join(done.args[1:3])
    said = (done.stderr + done.stdout).strip().splitlines()
    return Refused(f"git {words} failed:", *said, "Settle that, and run the same command again.")
