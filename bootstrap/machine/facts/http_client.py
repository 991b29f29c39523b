"""Are the files of the HTTP client there, and do they name the address that the api listens on?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.files import text_of
from bootstrap.machine.edits import base_url
from bootstrap.machine.facts.checkout import variables

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine.pins import Pins


@dataclass(frozen=True)
class Named:
    """A file, and the address that it names."""

    file: Path
    address: str


@dataclass(frozen=True)
class HttpClientFact:
    """What the HTTP client knows of this machine; `address` is where the api listens.

    `stale` files name another address, which was filled in here; `typed` ones name a person's.
    """

    address: str = ""
    missing: tuple[Path, ...] = ()
    stale: tuple[Named, ...] = ()
    typed: tuple[Named, ...] = ()


def look(pins: Pins) -> HttpClientFact:
    """Reads files alone."""
    client = pins.http_client
    if client is None:
        return HttpClientFact()
    settings = variables(pins.dotenv.file) if pins.dotenv else {}
    address = base_url.listening(client.url, settings)
    named = ((file, base_url.named_by(file)) for file in client.files)
    others = [Named(file, each) for file, each in named if each not in {None, address}]
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
