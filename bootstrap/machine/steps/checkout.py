"""What a fresh checkout lacks: `.env` with secrets, hooks, merge driver, HTTP client's files."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import state
from bootstrap.errors import HeadstartError
from bootstrap.files import create_atomically, write_atomically
from bootstrap.language import Said, joined
from bootstrap.machine.edits import base_url, shell_profile
from bootstrap.machine.facts import checkout, ports
from bootstrap.machine.facts.packages import distributions
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bootstrap.machine.facts import Facts
    from bootstrap.machine.facts.checkout import NamedUrl
    from bootstrap.machine.facts.port_set import MovedPort
    from bootstrap.machine.pins import Argv, HttpClientPin, Pins
    from bootstrap.machine.steps.step import StepContext

_SECRET_BYTES = 32
_MERGE = (
    "if command -v headstart >/dev/null 2>&1; then headstart merge-driver %O %A %B %L %P; "
    "else git merge-file --quiet --marker-size=%L %A %O %B; fi"
)
MERGE_CONFIG = (
    "[merge]",
    "\tdefault = headstart",
    checkout.MERGE_DRIVER,
    "\tname = what both have changed, with updates of the template told apart",
    f'\tdriver = "{_MERGE}"',
)


class DotenvStep(Step):
    """The `.env` is created once from the example."""

    name = StepName("dotenv")
    title = ".env"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        if pins.dotenv is None or facts.dotenv.exists:
            return None
        file, missing = pins.shown(pins.dotenv.file), Said("does not exist yet")
        return missing if file == self.title else f"{file} {missing}"

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, dotenv=checkout.DotenvFact(exists=True))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        if pins.dotenv is None:
            return ()
        file, example = pins.shown(pins.dotenv.file), pins.shown(pins.dotenv.example)
        names = ", ".join(pins.dotenv.secrets)
        drawn = f", with a random {names}" if names else ""
        return (f"create {file} from {example}{drawn}",)

    def run(self, context: StepContext) -> str:
        pinned = context.pins.dotenv
        if pinned is None:
            return Said("no .env is pinned")
        file, example = context.pins.shown(pinned.file), context.pins.shown(pinned.example)
        try:
            text = pinned.example.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise HeadstartError(
                Said(
                    "{file} cannot be created: there is no {example}.", file=file, example=example
                ),
                next=(
                    Said("restore {example}, or write {file} yourself", example=example, file=file),
                    "headstart up",
                ),
            ) from None
        from bootstrap.machine.facts.port_set import moved_ports  # noqa: PLC0415 - where one is made

        moved = moved_ports(context.pins, text)
        filled = fill(text, pinned.secrets, _draw)
        try:
            create_atomically(pinned.file, _with_ports(filled, moved), mode=0o600)
        except FileExistsError:
            return Said("{file} was there already", file=file)
        context.changed("file", str(pinned.file))
        return joined((Said("created from {example}", example=example), *map(_told, moved)), "")

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        if pins.dotenv is None or not facts.dotenv.missing:
            return ()
        file = pins.shown(pins.dotenv.file)
        names = ", ".join(facts.dotenv.missing)
        problem = f"{file} lacks {names}, which {pins.shown(pins.dotenv.example)} has"
        return (self.notice(problem, Said("add to {file}: {names}", file=file, names=names)),)


class HooksStep(Step):
    """Hooks of pre-commit, installed by the project's own pre-commit."""

    name = StepName("hooks")
    title = Said("Git hooks")

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        if facts.hooks.missing:
            return Said(
                "{setting} has hooks that git does not run yet",
                setting=checkout.HOOKS_CONFIG,
            )
        if facts.hooks.left:
            return Said("git still calls pre-commit, which the project has given up")
        gone = Said(
            "git looks for hooks in {folder}, which the project has given up",
            folder=checkout.OWN_HOOKS,
        )
        return gone if facts.hooks.stale else None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, hooks=checkout.HooksFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        removed = (f"rm {pins.shown(hook)}" for hook in facts.hooks.left)
        return (*map(shlex.join, _hook_commands(pins, facts)), *removed)

    def run(self, context: StepContext) -> str:
        """Let git look elsewhere first: interrupted, what is left to remove is still found."""
        pins, hooks = context.pins, context.facts.hooks
        if hooks.missing and hooks.path and not hooks.stale:
            raise HeadstartError(
                Said(
                    "pre-commit installs no hooks while core.hooksPath is {path}.", path=hooks.path
                ),
                why=("git would not look where they are",),
                next=("git config --unset-all core.hooksPath", "headstart up"),
            )
        for command in _hook_commands(pins, context.facts):
            context.run(command)
        for hook in hooks.left:
            _uninstall(hook)
        if hooks.missing:
            return "git runs the hooks of pre-commit"
        own = (pins.root / checkout.OWN_HOOKS).is_dir() and hooks.path in {"", checkout.OWN_HOOKS}
        at = f"git runs the hooks in {checkout.OWN_HOOKS}"
        return at if own else "git runs none that the project has given up"

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        if facts.hooks.missing:
            return (self.broken("git does not run all hooks of pre-commit"),)
        reason = self.needed(pins, facts)
        return (self.broken(reason),) if reason else ()


class MergeDriverStep(Step):
    """Two branches with two updates merge: git asks Headstart about what both have changed.

    The driver is the default one, so whatever a project's own .gitattributes say comes first; and
    where headstart is not found, git merges as it always does.
    """

    name = StepName("merge-driver")
    title = Said("Merge driver")
    deferrable = True

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        missing = facts.merge_driver.config is not None
        return "git does not know yet how two updates of the template merge" if missing else None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, merge_driver=checkout.MergeDriverFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        config = facts.merge_driver.config
        return (
            (Said("add to {file}: merge.default = headstart", file=pins.shown(config)),)
            if config
            else ()
        )

    def run(self, context: StepContext) -> str:
        config = context.facts.merge_driver.config
        if config is None:
            return "git knows it"
        shell_profile.add(config, MERGE_CONFIG)
        context.changed("profile", str(config), "\n".join(MERGE_CONFIG))
        return Said("two branches with two updates of the template merge")


class HttpClientStep(Step):
    """The HTTP client's files: written by the project's command, and true for this machine."""

    name = StepName("http-client")
    title = "HTTP client"

    def needed(self, pins: Pins, facts: Facts) -> str | None:
        fact = facts.http_client
        reasons: list[str] = []
        if fact.missing:
            reasons.append(
                Said(
                    "{file}{more} does not exist",
                    file=pins.shown(fact.missing[0]),
                    more=_more(fact.missing),
                )
            )
        if fact.stale:
            reasons.append(f"{_differs(pins, fact.stale[0], fact.address)}{_more(fact.stale)}")
        return joined(reasons) or None

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, http_client=checkout.HttpClientFact())

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:
        client, fact = pins.http_client, facts.http_client
        written = (shlex.join(client.command),) if client and fact.missing else ()
        edited = (
            Said(
                "set baseUrl to {address} in {file}",
                address=fact.address,
                file=pins.shown(x.file),
            )
            for x in fact.stale
        )
        return (*written, *edited)

    def run(self, context: StepContext) -> str:
        """Write what is missing, then fill in the address wherever no person has typed one."""
        pins, client = context.pins, context.pins.http_client
        if client is None:
            return Said("no HTTP client is pinned")
        _remember(pins, context.facts.http_client.address)
        before = _around(pins, client)
        if context.facts.http_client.missing:
            context.run(client.command)
        made = _around(pins, client) - before
        fact = checkout.look_at_http_client(pins)
        for each in fact.stale:
            base_url.set_url(each.file, fact.address)
            if each.file not in made:
                context.changed("address", str(each.file), f"{each.address} {fact.address}")
        for file in sorted(made):
            context.changed("file", str(file))
        written = Said("; {number} files written", number=len(made)) if made else ""
        return Said("requests go to {address}{written}", address=fact.address, written=written)

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        fact = facts.http_client
        found = [
            self.broken(Said("{file} does not exist", file=pins.shown(file)))
            for file in fact.missing
        ]
        for each in fact.typed:
            problem = _differs(pins, each, fact.address)
            repair = Said(
                "set baseUrl to {address} there, unless the other one is meant",
                address=fact.address,
            )
            found.append(self.notice(problem, repair))
        return tuple(found)


def fill(example: str, names: Sequence[str], draw: Callable[[], str]) -> str:
    """The example with a drawn value for each name; a name it does not set is added."""
    text = example
    for name in names:
        line = f"{name}={draw()}"
        pattern = rf"^[ \t]*(?:#[ \t]*)?(?:export[ \t]+)?{re.escape(name)}[ \t]*=.*$"
        if match := re.search(pattern, text, flags=re.MULTILINE):
            text = text[: match.start()] + line + text[match.end() :]
        else:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
    return text


def _with_ports(text: str, moved: Sequence[MovedPort]) -> str:
    for each in moved:
        pattern = rf"^([ \t]*(?:export[ \t]+)?{each.name}[ \t]*=).*$"
        text = re.sub(pattern, rf"\g<1>{each.port}", text, flags=re.MULTILINE)
    return text


def _told(moved: MovedPort) -> str:
    owner = ports.owner_of(moved.stated)
    why = (
        Said(" ({stated} is taken by {owner})", stated=moved.stated, owner=owner.shown)
        if owner
        else ""
    )
    return f", {moved.line}{why}"


def _draw() -> str:
    import secrets  # noqa: PLC0415 - a no-op has no use for it

    return secrets.token_urlsafe(_SECRET_BYTES)


def _hook_commands(pins: Pins, facts: Facts) -> tuple[Argv, ...]:
    """Where git is to look for hooks, and what installs them.

    Who had them by pre-commit goes on with those that the project has now.
    """
    hooks, own = facts.hooks, (pins.root / checkout.OWN_HOOKS).is_dir()
    unset = (("git", "config", "--unset-all", "core.hooksPath"),) if hooks.stale else ()
    install = (_install_hooks(pins),) if hooks.missing else ()
    follow = (("git", "config", "core.hooksPath", checkout.OWN_HOOKS),)
    return (*unset, *install, *(follow if hooks.left and own and not hooks.path else ()))


def _uninstall(hook: Path) -> None:
    """As pre-commit does it, which is no longer there: a hook from before it comes back."""
    former = hook.with_suffix(".legacy")
    if former.exists():
        former.replace(hook)
    else:
        hook.unlink(missing_ok=True)


def _install_hooks(pins: Pins) -> Argv:
    """With the pre-commit of the lock, else with the one on PATH.

    A branch from before the hooks has no configuration, nor has the commit that takes them away.
    """
    locked = pins.site_packages.is_dir() and "pre-commit" in {x.name for x in distributions(pins)}
    program = (str(pins.venv_python), "-m", "pre_commit") if locked else ("pre-commit",)
    return (*program, "install", "--allow-missing-config")


def _more(files: Sequence[object]) -> str:
    return f" (and {len(files) - 1} more)" if len(files) > 1 else ""


def _differs(pins: Pins, named: NamedUrl, address: str) -> str:
    there = named.address or Said("no address")
    return Said(
        "{file} names {there}, and the api listens on {address}",
        file=pins.shown(named.file),
        there=there,
        address=address,
    )


def _remember(pins: Pins, address: str) -> None:
    """Before it is filled in: whatever then ends this run, the next one knows it is no person's."""
    known = checkout.filled_in(pins)
    if address not in known:
        state.private_dir(state.project_state(pins.root))
        lines = "".join(f"{each}\n" for each in sorted({*known, address}))
        write_atomically(checkout.memory(pins), lines, mode=0o600)


def _around(pins: Pins, client: HttpClientPin) -> set[Path]:
    """The client's files, and what else is in folders that are theirs alone."""
    folders = {file.parent for file in client.files} - {pins.root}
    found = {path for folder in folders for path in folder.rglob("*")} | set(client.files)
    return {path for path in found if path.is_file() and "__pycache__" not in path.parts}
