"""The files of the HTTP client: written by the project's command, and true for this machine."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.files import write_atomically
from bootstrap.machine.edits import base_url
from bootstrap.machine.facts.http_client import HttpClientFact, filled_in, look, memory
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.http_client import Named
    from bootstrap.machine.pins import HttpClientPin, Pins
    from bootstrap.machine.steps.step import StepContext


class HttpClientStep(Step):
    name = StepName("http-client")
    title = "HTTP client"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact, reasons = facts.http_client, []
        if fact.missing:
            reasons.append(f"{pins.shown(fact.missing[0])}{_more(fact.missing)} does not exist")
        if fact.stale:
            reasons.append(f"{_differs(pins, fact.stale[0], fact.address)}{_more(fact.stale)}")
        return "; ".join(reasons) or None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, http_client=HttpClientFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        client, fact = pins.http_client, facts.http_client
        written = (shlex.join(client.command),) if client and fact.missing else ()
        edited = (f"set baseUrl to {fact.address} in {pins.shown(x.file)}" for x in fact.stale)
        return (*written, *edited)

    def run(self, context: StepContext) -> str:
        """Write what is missing, then fill in the address wherever no person has typed one."""
        pins, client = context.pins, context.pins.http_client
        if client is None:
            return "no HTTP client is pinned"
        _remember(pins, context.facts.http_client.address)
        before = _around(pins, client)
        if context.facts.http_client.missing:
            context.run(client.command)
        made = _around(pins, client) - before
        fact = look(pins)
        for each in fact.stale:
            base_url.set_url(each.file, fact.address)
            if each.file not in made:
                context.changed("address", str(each.file), f"{each.address} {fact.address}")
        for file in sorted(made):
            context.changed("file", str(file))
        written = f"; {len(made)} files written" if made else ""
        return f"requests go to {fact.address}{written}"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        fact = facts.http_client
        found = [self.broken(f"{pins.shown(file)} does not exist") for file in fact.missing]
        for each in fact.typed:
            problem = _differs(pins, each, fact.address)
            repair = f"set baseUrl to {fact.address} there, unless the other one is meant"
            found.append(self.notice(problem, repair))
        return tuple(found)


def _more(files: Sequence[object]) -> str:
    return f" (and {len(files) - 1} more)" if len(files) > 1 else ""


def _differs(pins: Pins, named: Named, address: str) -> str:
    there = named.address or "no address"
    return f"{pins.shown(named.file)} names {there}, and the api listens on {address}"


def _remember(pins: Pins, address: str) -> None:
    """Before it is filled in: whatever then ends this run, the next one knows it is no person's."""
    known = filled_in(pins)
    if address not in known:
        state.private_dir(state.project_state(pins.root))
        lines = "".join(f"{each}\n" for each in sorted({*known, address}))
        write_atomically(memory(pins), lines, mode=0o600)


def _around(pins: Pins, client: HttpClientPin) -> set[Path]:
    """The client's files, and what else is in folders that are theirs alone."""
    folders = {file.parent for file in client.files} - {pins.root}
    found = {path for folder in folders for path in folder.rglob("*")} | set(client.files)
    return {path for path in found if path.is_file() and "__pycache__" not in path.parts}
