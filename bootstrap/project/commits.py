"""Commits as the user's own git makes them: signed, and with the hooks that are configured."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.errors import HeadstartError
from bootstrap.language import Said
from bootstrap.project import git, made_commits
from bootstrap.project.repository import (
    TRAILER,
    Repository,
    require_clean_index,
    require_clean_paths,
)
from bootstrap.project.trees import ScratchRepository

_SIGNATURES = ("gpgsig ", "gpgsig-sha256 ")
_BY_PRE_COMMIT = "pre-commit"
_HOOKS = (_BY_PRE_COMMIT, "prepare-commit-msg", "commit-msg", "post-commit")
_OF_SIGNING = {"--status-fd=2", "-Y"}  # how git runs gpg, and ssh-keygen
_LINES = 20  # of what a hook has printed


@dataclass(frozen=True)
class CommitOptions:
    """What to leave out of a commit although it is configured; `skip` are hooks of pre-commit's."""

    sign: bool = True
    hooks: bool = True
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeCommit:
    """A commit, whether it is signed, the hooks that ran, and what they changed.

    It is marked where its message has the trailer of updates. `skipped` are hooks of pre-commit's.
    """

    id: str
    signed: bool
    hooks: tuple[str, ...]
    changed: tuple[str, ...] = ()
    marked: bool = True
    skipped: tuple[str, ...] = ()

    def sentence(self, options: CommitOptions) -> str:
        """What is worth knowing about how it was made, in one line; often nothing."""
        ran = [f"ran {', '.join(self.hooks)}"] if self.hooks else []
        if self.skipped and _BY_PRE_COMMIT in self.hooks:
            ran.append(
                Said(
                    "but not {skipped}, before what it pins is installed",
                    skipped=", ".join(self.skipped),
                )
            )
        changed = (
            [Said("which changed {changed}", changed=", ".join(self.changed))]
            if self.changed
            else []
        )
        parts = [
            *(["signed"] if self.signed else []),
            *([] if options.sign else [Said("not signed (--no-sign)")]),
            *ran,
            *changed,
            *(
                []
                if self.marked
                else [Said("without its line {trailer}, which a hook took away", trailer=TRAILER)]
            ),
            *([] if options.hooks else [Said("no hooks (--no-hooks)")]),
        ]
        return Said("The commit: {parts}.", parts=", ".join(parts)) if parts else ""


class HookFailed(HeadstartError):
    """A hook, or the program that signs, refused the commit."""


def commit(
    repository: Repository, options: CommitOptions, *words: str, message: str = "", expected: str
) -> MadeCommit:
    """Commit what is staged, of which `expected` is the tree."""
    log = repository.notes / "commit.log"
    log.unlink(missing_ok=True)
    hooks = () if options.hooks else git.NO_HOOKS
    sign = () if options.sign else ("--no-gpg-sign",)
    command = ("commit", "--quiet", "--allow-empty", *sign, *words)
    done = git.call(
        *(*git.CONFIGURED, *hooks, "-c", "core.editor=true", *command),
        cwd=repository.top,
        environ={"GIT_TRACE2_EVENT": str(log), **_skipping(options)},
        given=message,
    )
    started = _children(log)
    log.unlink(missing_ok=True)
    if done.code != 0:
        raise _refusal(started, done)
    return replace(_made(repository, started, expected), skipped=options.skip)


def commit_file(
    repository: Repository, name: str, text: str, message: str, options: CommitOptions
) -> MadeCommit:
    """Write one file and commit it alone; where git refuses that, it is as it was."""
    require_clean_index(repository)
    path = repository.top / name
    before = path.read_bytes() if path.is_file() else None
    if before is not None:
        require_clean_paths(repository, frozenset({name}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    try:
        repository.git("--literal-pathspecs", "add", "--force", "--", name)
        tree = repository.git("write-tree")
        if TRAILER in message:
            made_commits.note(repository, repository.head(), tree)
        return commit(repository, options, "--file=-", message=message, expected=tree)
    except (Exception, KeyboardInterrupt):
        repository.git("--literal-pathspecs", "reset", "--quiet", "--", name)
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
        raise


def is_signing(folder: Path) -> bool:
    """Whether commits are signed here by configuration."""
    return git.query("config", "--type=bool", "commit.gpgSign", cwd=folder) == "true"


def commit_aside(
    scratch: ScratchRepository, tree: str, message: str, parent: str, options: CommitOptions
) -> str:
    """Commit a tree that is in no work tree: so no hook can run, but it is signed."""
    folder = scratch.repository.top
    git.require_identity(folder)
    signed = options.sign and is_signing(folder)
    if TRAILER in message:
        made_commits.note(scratch.repository, parent, tree)
    words = ("commit-tree", "-S" if signed else "--no-gpg-sign", tree, "-p", parent)
    try:
        return scratch.git(*words, given=message)
    except git.GitError as error:
        raise (_unsigned(error.why) if signed else error) from error


def _skipping(options: CommitOptions) -> dict[str, str]:
    """How pre-commit is told which of its hooks to leave out, besides what the user tells it."""
    if not options.skip:
        return {}
    told = os.environ.get("SKIP")
    return {"SKIP": ",".join([*([told] if told else []), *options.skip])}


@dataclass(frozen=True)
class _Child:
    """A process of git's: the hook that it was, if it was one, and its exit code."""

    hook: str
    argv: tuple[str, ...]
    code: int | None


def _children(log: Path) -> tuple[_Child, ...]:
    """What git itself started, as it says in its trace (api-trace2)."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    own = [each for each in events if "/" not in str(each.get("sid"))]
    ended = {each["child_id"]: each["code"] for each in own if each.get("event") == "child_exit"}
    return tuple(
        _Child(each.get("hook_name", ""), tuple(each["argv"]), ended.get(each["child_id"]))
        for each in own
        if each.get("event") == "child_start"
    )


def _refusal(started: Iterable[_Child], done: git.GitResult) -> HeadstartError:
    said = done.errors[-_LINES:]
    failed = next((each for each in started if each.code), None)
    if failed and failed.hook:
        return HookFailed(
            Said(
                "The hook {hook} refused the commit (exit code {code}).",
                hook=failed.hook,
                code=failed.code,
            ),
            why=said,
            next=(
                Said("fix what it reports, then run the same command again"),
                Said(
                    "or add --no-hooks to it: what the commit itself brings "
                    "can be fixed only after it"
                ),
            ),
        )
    if (failed and {*failed.argv} & _OF_SIGNING) or any("sign" in line for line in said):
        return _unsigned(said)
    return git.GitError(Said("git could not commit."), why=said)


def _unsigned(said: tuple[str, ...]) -> HookFailed:
    return HookFailed(
        Said("The commit could not be signed."),
        why=said,
        next=(
            Said("fix what git reports, then run the same command again"),
            Said("or add --no-sign to it"),
        ),
    )


def _made(repository: Repository, started: Iterable[_Child], expected: str) -> MadeCommit:
    shown = repository.git("cat-file", "--batch", given="HEAD\n")
    about, _, message = shown.partition("\n\n")
    new, *head = about.splitlines()
    tree = head[0].removeprefix("tree ")
    changed = repository.differing(expected, tree) if tree != expected else frozenset[str]()
    ran = dict.fromkeys(each.hook for each in started if each.hook and each.code is not None)
    return MadeCommit(
        new.partition(" ")[0],
        any(line.startswith(_SIGNATURES) for line in head),
        tuple(name for name in ran if name in _HOOKS),
        tuple(sorted(map(repository.path, changed))),
        marked=f"\n{TRAILER}:" in message,
    )
