"""What a document tells its reader to type, and typing it: each command, in its order.

A block that cannot be run here says why, after the language: ```sh no-run: it needs a Mac
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import said

_BLOCK = re.compile(r"^ *```sh\b *(?P<tag>.*)\n(?P<commands>(?:.*\n)*?) *```$", re.MULTILINE)
_FENCE = re.compile(r"(?P<before>(?:[\s>]|[-*+]\s|\d+[.)]\s)*)(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_NO_COMMANDS = {"python", "text", "toml", "yaml"}
_CONTINUED = re.compile(r"(?<!\\)\n")


@dataclass(frozen=True)
class Block:
    """The commands of one fenced block, and why it is not run, where it is not."""

    commands: tuple[str, ...]
    not_run: str | None


def blocks(text: str) -> list[Block]:
    """The blocks of shell in a document. A tag that is none of ours is a mistake."""
    return [_block(match) for match in _BLOCK.finditer(text)]


def _block(match: re.Match[str]) -> Block:
    kind, _, reason = match["tag"].partition(":")
    reason = reason.strip()
    assert not match["tag"] or (kind == "no-run" and reason and "`" not in reason), match["tag"]
    commands = (line for line in _CONTINUED.split(match["commands"].strip()) if line.strip())
    return Block(tuple(commands), reason or None)


def hidden(text: str) -> list[str]:
    """The fences behind which there may be commands that `blocks` does not see.

    What is no command is of a language that has none; what is one begins with ```sh.
    """
    found, opened = [], None
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence is None or (fence["fence"][0] == "`" and "`" in fence["info"]):
            continue
        if opened is None:
            opened = fence
            found += [] if _is_plain(fence) else [line]
        elif _closes(fence, opened):
            opened = None
    return found if opened is None else [*found, opened.string]


def _is_plain(fence: re.Match[str]) -> bool:
    language = (fence["info"].split() or [""])[0]
    read = fence["fence"] == "```" and not fence["before"].strip(" ")
    return language in _NO_COMMANDS or (language == "sh" and read and fence["info"][0] == "s")


def _closes(fence: re.Match[str], opened: re.Match[str]) -> bool:
    return fence["fence"].startswith(opened["fence"]) and not fence["info"].strip()


@dataclass
class Reader:
    """Somebody who follows a document, block by block; a shell each, as they come back to it."""

    remaining: Iterator[Block]
    environment: Mapping[str, str]

    @classmethod
    def of(cls, document: Path, environment: Mapping[str, str]) -> Reader:
        """A reader at the beginning of a document."""
        found = blocks(document.read_text("utf-8"))
        return cls(iter([block for block in found if block.not_run is None]), environment)

    def follow(self, cwd: Path, ends: Mapping[str, int] | None = None) -> str:
        """Run the next block, and return what was said.

        Every command must end with 0, but those that begin like a key of `ends`.
        """
        commands = next(self.remaining).commands
        script = "".join(_held_to(command, ends or {}) for command in commands)
        return said(["/bin/sh", "-c", script], cwd, self.environment)

    def has_read_all(self) -> bool:
        """Whether no block is left."""
        return next(self.remaining, None) is None


def _held_to(command: str, ends: Mapping[str, int]) -> str:
    """The command, and the end of the shell where it ends otherwise than it should."""
    code = next((ends[begin] for begin in ends if command.startswith(begin)), 0)
    told = shlex.quote(f"should end with {code}: {command}")
    return f"{command}\n[ $? -eq {code} ] || {{ echo {told}; exit 1; }}\n"
