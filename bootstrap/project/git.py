"""Run git so that the process environment cannot point it at another repository."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from bootstrap.errors import HeadstartError, Refused
from bootstrap.language import Said
from bootstrap.system import system_steps

# What git prints depends on no setting of this machine.
_PLAIN = (
    *("-c", "color.ui=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "log.follow=false"),
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "trailer.separators=:"),
)
# No background process of git outlives Headstart, and no ignore list of this machine hides a file.
# How files are written to a work tree, and commits are made, is the business of the user's git.
CONFIGURED = (
    *("-c", "core.excludesFile=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.safecrlf=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
# What Headstart does beside that depends on no hook either.
ISOLATED = (*NO_HOOKS, *CONFIGURED)
# For files that are nobody's work tree: with the very bytes that they are committed with.
VERBATIM = ("-c", "core.autocrlf=false")

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
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
    }
)

_KEPT_SETTINGS = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")  # what GIT_CONFIG_COUNT counts

HEADSTART = "Headstart <headstart@localhost>"
HEADSTART_IDENTITY = ("-c", "user.name=Headstart", "-c", "user.email=headstart@localhost")


class GitError(HeadstartError):
    """git failed; `why` is what it printed."""


def available() -> bool:
    """Whether git runs (Apple's placeholder without its tools does not)."""
    return bool(query("--version", cwd=Path("/")))


@dataclass(frozen=True)
class GitResult:
    code: int
    out: str
    err: str

    @property
    def errors(self) -> tuple[str, ...]:
        """The lines of standard error, or the signal that ended it without a word."""
        said = tuple(line for line in self.err.splitlines() if line.strip())
        return said or ((signal.strsignal(-self.code) or "",) if self.code < 0 else ())


def run(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, given: str = ""
) -> str:
    """Run git in `cwd`; return its output without the final newline."""
    finished = call(*arguments, cwd=cwd, environ=environ, given=given)
    if finished.code != 0:
        steps = system_steps(finished.errors)
        raise GitError(
            Said("git {verb} failed.", verb=_verb(arguments)), why=finished.errors, next=steps
        )
    return finished.out.removesuffix("\n")


def call(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, given: str = ""
) -> GitResult:
    """Run git in `cwd`, with `environ` added and `given` on standard input."""
    finished = subprocess.run(
        [_executable(), *_PLAIN, *arguments],
        cwd=cwd,
        env={**environment(os.environ), **(environ or {})},
        input=given.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=False,
    )
    return GitResult(finished.returncode, _text(finished.stdout), _text(finished.stderr))


class LastingGit:
    """A git that answers what it is asked, line by line.

    It starts with the first question, and ends with `close`, or when its standard input does.
    """

    def __init__(
        self, *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._arguments, self._cwd, self._environ = arguments, cwd, environ or {}
        self._running: tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]] | None = None

    def ask(self, lines: str) -> None:
        """Write lines to its standard input."""
        _, questions, _ = self._started()
        try:
            questions.write(lines.encode("utf-8", "surrogateescape"))
            questions.flush()
        except OSError as error:
            raise self._ended() from error

    def line(self) -> bytes:
        """The next line of its answer, without its end."""
        line = self._started()[2].readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        return line[:-1]

    def read(self, size: int) -> bytes:
        """As many bytes of its answer."""
        content = self._started()[2].read(size)
        if len(content) < size:
            raise self._ended()
        return content

    def until(self, end: str) -> str:
        """All that it answers before the line `end`."""
        answers, found = self._started()[2], b""
        while not found.endswith(end.encode()):
            line = answers.readline()
            if not line:
                raise self._ended()
            found += line
        return _text(found.removesuffix(end.encode()))

    def close(self) -> None:
        """End it; the next question starts another."""
        if self._running:
            process, _, _ = self._running
            self._running = None
            with suppress(OSError):
                process.communicate()

    def _started(self) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
        if self._running is None:
            process = subprocess.Popen(
                [_executable(), *_PLAIN, *self._arguments],
                cwd=self._cwd,
                env={**environment(os.environ), **self._environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert process.stdin and process.stdout  # noqa: PT018, S101 - both are pipes
            self._running = (process, process.stdin, process.stdout)
        return self._running

    def _ended(self) -> GitError:
        self.close()
        return GitError(
            Said("git {verb} ended early.", verb=_verb(self._arguments)), next=("git fsck",)
        )


def query(*arguments: str, cwd: Path) -> str:
    """Run git in `cwd`; return its output, or nothing if it fails or is not installed."""
    try:
        return run(*arguments, cwd=cwd)
    except GitError:
        return ""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The process environment for git: nothing redirects it, and it never prompts."""
    kept = {k: v for k, v in environ.items() if not k.startswith("GIT_") or _is_kept(k)}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_SETTINGS)


def folder(work_tree: Path) -> Path:
    """The folder with the repository of a work tree, which it may share with others."""
    words = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(run(*words, cwd=work_tree))


def is_top_level(folder: Path) -> bool:
    """Whether `folder` itself, not a folder above it, is a git work tree."""
    top = query("rev-parse", "--show-toplevel", cwd=folder)
    return bool(top) and Path(top).samefile(folder)


def is_inside_work_tree(folder: Path) -> bool:
    return query("rev-parse", "--is-inside-work-tree", cwd=folder) == "true"


def keeps(folder: Path) -> bool:
    """Whether `folder` is in a work tree whose repository does not ignore it."""
    if not (available() and is_inside_work_tree(folder)):
        return False
    return call("check-ignore", "--quiet", "--", str(folder), cwd=folder).code != 0


def commit_id(name: str, cwd: Path) -> str:
    """The id of the commit with that name; empty if there is none."""
    return query("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=cwd)


@cache
def identity(folder: Path) -> tuple[str, ...]:
    """The options that set who commits in `folder`; none if git knows the user.

    It knows by the environment or the configuration; what it would guess does not count.
    """
    pattern = r"^(user|author|committer)\.(name|email)$"
    listed = query("config", "-z", "--get-regexp", pattern, cwd=folder).split("\0")
    known = {name for name, _, value in (each.partition("\n") for each in listed) if value.strip()}
    missing = [
        part
        for role in ("author", "committer")
        for part in ("name", "email")
        if not os.environ.get(f"GIT_{role}_{part}".upper())
        and not known & {f"{role}.{part}", f"user.{part}"}
    ]
    return HEADSTART_IDENTITY if missing else ()


def require_identity(folder: Path) -> None:
    """Refuse to make up who commits in `folder`."""
    if identity(folder):
        raise nobody()


def nobody() -> Refused:
    return Refused(
        Said("git does not know who you are, and an update is a commit of yours."),
        next=(
            "git config --global user.name 'Your Name'",
            "git config --global user.email you@example.com",
        ),
    )


def split_paths(output: str) -> frozenset[str]:
    """Split what git prints with `-z`."""
    return frozenset(path for path in output.split("\0") if path)


def _executable() -> str:
    executable = shutil.which("git")
    if executable is None:
        raise GitError(
            Said("git is not installed."), next=(Said("install git, then run this again"),)
        )
    return executable


def _text(output: bytes) -> str:
    """Decode exactly: Python's text mode would change carriage returns."""
    return output.decode("utf-8", "surrogateescape")


def _verb(arguments: tuple[str, ...]) -> str:
    """The subcommand: the first argument after any `-c key=value`."""
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words, None)
        else:
            return word
    return ""
