"""What a fresh checkout lacks: `.env`, git hooks, a merge driver, the HTTP client's files."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from bootstrap import state
from bootstrap.files import text_of
from bootstrap.machine.edits import base_url
from bootstrap.machine.facts.dotenv import variables

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins

ANSWERS = ".copier-answers.yml"  # of a project that Headstart has rendered
MERGE_DRIVER = '[merge "headstart"]'
HOOKS_CONFIG = ".pre-commit-config.yaml"
# In either form of YAML's lists; reading all of it as YAML would cost each look a library.
_HOOK_TYPES = re.compile(
    r"^default_install_hook_types:[ ]*(\[[^\]]*\]|(?:\n[ ]*-[ ].*)+)", re.MULTILINE
)


class DotenvFact(NamedTuple):
    """`missing` are variables of the example: for information, each may have a default."""

    exists: bool
    missing: tuple[str, ...] = ()


class HooksFact(NamedTuple):
    """Whether git does not run the hooks that the project configures."""

    missing: bool = False


class MergeDriverFact(NamedTuple):
    """The configuration of git that should name the merge driver, and does not."""

    config: Path | None = None


class NamedUrl(NamedTuple):
    """A file, and the address that it names."""

    file: Path
    address: str


class HttpClientFact(NamedTuple):
    """What the HTTP client knows of this machine; `address` is where the api listens.

    `stale` files name another address, which was filled in here; `typed` ones name a person's.
    """

    address: str = ""
    missing: tuple[Path, ...] = ()
    stale: tuple[NamedUrl, ...] = ()
    typed: tuple[NamedUrl, ...] = ()


def look(pins: Pins) -> DotenvFact:
    if pins.dotenv is None or not os.path.lexists(pins.dotenv.file):
        return DotenvFact(exists=False)
    present = variables(pins.dotenv.file)
    example = variables(pins.dotenv.example)
    return DotenvFact(True, tuple(name for name in example if name not in present))


def look_at_hooks(pins: Pins) -> HooksFact:
    """Only in a checkout of its own: a worktree and a submodule keep their hooks elsewhere."""
    config, folder = pins.root / HOOKS_CONFIG, pins.root / ".git" / "hooks"
    if not config.is_file() or not folder.parent.is_dir():
        return HooksFact()
    hooks = hook_types(text_of(config))
    return HooksFact(any("pre-commit" not in text_of(folder / hook) for hook in hooks))


def hook_types(config: str) -> tuple[str, ...]:
    """The hooks of git that pre-commit installs: what its configuration lists, else the one."""
    listed = _HOOK_TYPES.search(config)
    return tuple(re.findall(r"[a-z]+(?:-[a-z]+)+", listed[1])) if listed else ("pre-commit",)


def look_at_merge_driver(pins: Pins) -> MergeDriverFact:
    """Only in a checkout of its own: a worktree and a submodule are configured elsewhere."""
    config = pins.root / ".git" / "config"
    wanted = (pins.root / ANSWERS).is_file() and config.is_file()
    return MergeDriverFact(config if wanted and MERGE_DRIVER not in text_of(config) else None)


def look_at_http_client(pins: Pins) -> HttpClientFact:
    client = pins.http_client
    if client is None:
        return HttpClientFact()
    settings = variables(pins.dotenv.file) if pins.dotenv else {}
    address = base_url.listening(client.url, settings)
    named = ((file, base_url.named_by(file)) for file in client.files)
    others = [NamedUrl(file, each) for file, each in named if each not in {None, address}]
    ours = filled_in(pins) | {client.url, ""} if others else set()
    return HttpClientFact(
        address=address,
        missing=tuple(file for file in client.files if not file.is_file()),
        stale=tuple(each for each in others if each.address in ours),
        typed=tuple(each for each in others if each.address not in ours),
    )


def filled_in(pins: Pins) -> set[str]:
    """Every address that was ever filled in here; what a person has typed is none of them."""
    return set(text_of(memory(pins)).splitlines())


def memory(pins: Pins) -> Path:
    """The file that remembers them, one a line."""
    return state.project_state(pins.root) / "http-client-addresses"
