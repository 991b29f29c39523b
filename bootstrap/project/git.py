"""Running git so that the caller's environment cannot point it at another repository."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import HeadstartError

# What Headstart does with git depends on no hook, ignore list, line-ending rule, colour or signing
# key of this machine; and no background process of git outlives it.
ISOLATED = (
    *("-c", "color.ui=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.excludesFile=/dev/null"),
    *("-c", "core.autocrlf=false"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0"),
    *("-c", "log.showSignature=false"),
    *("-c", "maintenance.auto=false"),
)

# Who commits, how git is configured and where it is installed is the user's business. Any other
# GIT_* variable (hooks set GIT_DIR, GIT_INDEX_FILE, …) may lead to a repository that is not meant.
_KEPT = frozenset(
    {
        "GIT_AUTHOR_DATE",
        "GIT_AUTHOR_EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_COMMITTER_DATE",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
    }
)

HEADSTART_IDENTITY = ("-c", "user.name=Headstart", "-c", "user.email=headstart@localhost")


class GitError(HeadstartError):
    """git failed; `why` is what it printed."""


def available() -> bool:
    """Whether there is a git that answers (Apple's placeholder without its tools does not)."""
    try:
        run("--version", cwd=Path("/"))
    except GitError:
        return False
    return True


@dataclass(frozen=True)
class GitResult:
    """How a git process ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> tuple[str, ...]:
        """The lines of its standard error."""
        return tuple(line for line in self.err.splitlines() if line.strip())


def run(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, given: str = ""
) -> str:
    """Run git in `cwd` and return what it printed, without the final newline."""
    finished = call(*arguments, cwd=cwd, environ=environ, given=given)
    if finished.code != 0:
        raise GitError(f"git {_verb(arguments)} failed.", why=finished.errors)
    return finished.out.removesuffix("\n")


def call(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, given: str = ""
) -> GitResult:
    """Run git in `cwd`, with `environ` besides and `given` on its standard input."""
    executable = shutil.which("git")
    if executable is None:
        raise GitError("git is not installed.", next=("install git, then run this again",))
    finished = subprocess.run(
        [executable, *arguments],
        cwd=cwd,
        env={**environment(os.environ), **(environ or {})},
        input=given.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=False,
    )
    return GitResult(finished.returncode, _text(finished.stdout), _text(finished.stderr))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for git: nothing that redirects it, no prompt, no write that is not asked."""
    kept = {k: v for k, v in environ.items() if not k.startswith("GIT_") or k in _KEPT}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def is_top_level(folder: Path) -> bool:
    """Whether `folder` itself, not a folder above it, is a git work tree."""
    try:
        top = run("rev-parse", "--show-toplevel", cwd=folder)
    except GitError:
        return False
    return Path(top).resolve() == folder.resolve()


def is_inside_work_tree(folder: Path) -> bool:
    """Whether git already looks after `folder`."""
    try:
        return run("rev-parse", "--is-inside-work-tree", cwd=folder) == "true"
    except GitError:
        return False


def commit_id(name: str, cwd: Path) -> str:
    """The id of the commit that a name stands for; empty where git knows none."""
    return call("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=cwd).out.strip()


def identity(folder: Path) -> tuple[str, ...]:
    """The options that say who commits in `folder`: none where git knows the user."""
    try:
        for role in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            run("-c", "user.useConfigOnly=true", "var", role, cwd=folder)
    except GitError:
        return HEADSTART_IDENTITY
    return ()


def split_paths(output: str) -> frozenset[str]:
    """The paths in what git prints with `-z`."""
    return frozenset(path for path in output.split("\0") if path)


def _text(output: bytes) -> str:
    """The very characters: Python's text mode would make a line's end of each carriage return."""
    return output.decode("utf-8", "surrogateescape")


def _verb(arguments: tuple[str, ...]) -> str:
    """The subcommand among the arguments, past the `-c key=value` before it."""
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words, None)
        else:
            return word
    return ""
