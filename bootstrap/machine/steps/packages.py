"""The packages in the venv: pip itself, and what the project asks for, by the tool it is for."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from bootstrap import lockfile
from bootstrap.errors import HeadstartError, Refused
from bootstrap.files import write_atomically
from bootstrap.language import Said
from bootstrap.machine import installers, package_indexes
from bootstrap.machine.facts import made_files
from bootstrap.machine.facts.packages import (
    STAMP,
    PackagesFact,
    Stamp,
    difference,
    distributions,
    is_here,
    lock_lacks,
    not_from_here,
    stamp_in,
    works_on,
)
from bootstrap.machine.facts.venv import own
from bootstrap.machine.installers import LOCKS, tools, uv
from bootstrap.machine.installers.installer import Judgement, digest
from bootstrap.machine.installers.pip import asked_by
from bootstrap.machine.runner import CommandError, clean_environment, probe_project
from bootstrap.machine.steps.step import Finding, Step, StepName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bootstrap.lockfile import PackageName
    from bootstrap.machine.facts import Facts
    from bootstrap.machine.installers.installer import Installer
    from bootstrap.machine.pins import Argv, Pins
    from bootstrap.machine.steps.step import StepContext


FIT = "pip check"
"""How what does not fit together is told: all that is asked for may be there nevertheless."""
_BESIDES = "headstart doctor --fix --strict removes it"
# What makers of virtual environments put there.
_SEEDS = {"pip", "setuptools", "wheel"}


class PackagesStep(Step):
    """What the project asks for, by the tool whose format its list has."""

    name = StepName("packages")
    title = Said("Packages")

    def needed(self, pins: Pins, facts: Facts) -> str | None:  # noqa: ARG002
        return facts.packages.why

    def refusal(self, pins: Pins, facts: Facts) -> Refused | None:
        """To install a lock that lacks something repairs nothing.

        Where the tool that makes it is still to be provided, `up` does that first.
        """
        by_its_tool = pins.lock.name in LOCKS and not package_indexes.shares(pins.root)
        to_be_made = by_its_tool and bool(_tool_commands(pins))
        if to_be_made or not lock_lacks(pins, facts.packages.why):
            return None
        return Refused(
            Said("The lock has to be made again before it is installed."),
            why=(str(facts.packages.why),),
            next=(_repair(pins, facts.packages.why),),
        )

    def undecided(self, facts: Facts) -> bool:
        return not facts.packages.sure

    def expect(self, pins: Pins, facts: Facts) -> Facts:  # noqa: ARG002
        return replace(facts, packages=PackagesFact(facts.packages.lock, None))

    def commands(self, pins: Pins, facts: Facts) -> tuple[str, ...]:  # noqa: ARG002
        locking = () if pins.lock.is_file() else (pins.made_by,)
        commands = (*_tool_commands(pins), *locking, *installers.of(pins).commands(pins))
        return tuple(map(shlex.join, commands))

    def run(self, context: StepContext) -> str:
        """Install between two stamps: the first says it is underway, the last that it is done."""
        pins, installer = context.pins, installers.of(context.pins)
        _provide_tool(context)
        asked = _locked(context)
        wanted = installer.exact(pins)
        named = installer.names(pins) if wanted is None else wanted.keys()
        ours = set((stamp_in(pins) or {"ours": []})["ours"])
        stamp = Stamp(lock="", folders=[], ours=sorted(ours | named))
        stamp["asked"] = asked
        _write_stamp(pins, stamp)
        own(pins)
        made_files.adopt(pins)
        again = _forget_altered(pins) if context.repairs else ()
        _sweep(pins, None if wanted is None else wanted.keys())
        if context.strict:
            from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

            ours |= set(_extra(pins))
            records.remove_strays(pins)
        # What is still needed, though it is no longer named, the installer brings back.
        gone = [each.name for each in distributions(pins) if each.name in ours - named]
        if gone:
            context.run(_uninstall(pins, gone))
        try:
            with package_indexes.reached(pins, clean_environment(os.environ, pins)) as environ:
                for command in installer.commands(pins):
                    context.runner.run(command, environ=environ)
        except CommandError as failed:
            raise _with_the_reason(pins, stamp, failed) from None
        verdict = judge(installer, pins)
        if left := verdict.lacking or verdict.unclear:
            _write_stamp(pins, Stamp(**{**stamp, "why": left}))
            what = Said("{installer} said it is done, but it is not.", installer=pins.installer)
            raise HeadstartError(what, why=(left,), next=(_repair(pins, left), "headstart up"))
        note(pins, asked)
        removed = f", {len(gone)} removed" if gone else ""
        repaired = Said(", again: {again}", again=", ".join(again)) if again else ""
        return Said(
            "{installed} as in {file}{removed}{repaired}",
            installed=_installed(pins, named),
            file=pins.shown(pins.lock),
            removed=removed,
            repaired=repaired,
        )

    def verify(self, pins: Pins, facts: Facts) -> tuple[Finding, ...]:
        """`run` has asked the tool itself, and left a stamp by which everything is known."""
        left = facts.packages.why if facts.packages.sure else None
        return (self.broken(left, _repair(pins, left)),) if left else ()

    def inspect(
        self,
        pins: Pins,
        facts: Facts,  # noqa: ARG002
        *,
        strict: bool,
        unchanged: bool,
    ) -> tuple[Finding, ...]:
        """Also every file of every package, and what is there besides."""
        fix = "headstart doctor --fix"
        found: list[Finding] = []
        if not unchanged:
            found += (
                *self._judged(pins),
                *(self.broken(each, fix) for each in _altered(pins)),
            )
        besides: list[str] = [
            Said("{name} is installed, and not asked for", name=name) for name in _extra(pins)
        ]
        besides += _strays(pins)
        told = (
            self.broken(each, fix) if strict else self.notice(each, _BESIDES) for each in besides
        )
        return (*found, *told)

    def hints(self, pins: Pins) -> tuple[Finding, ...]:
        """Whether all that is installed fits together."""
        check = probe_project(_check(pins), pins)
        if check.code == 0:
            return ()
        repair = Said(
            "change the requirements and lock again, or remove what the lock did not bring"
        )
        return tuple(
            self.notice(f"{FIT}: {line}", repair)
            for line in check.output.splitlines()[-10:]
            if not line.startswith("Found ")  # how many there are, as uv counts them
        )

    def _judged(self, pins: Pins) -> tuple[Finding, ...]:
        """By comparison, or by the tool's own report."""
        verdict = judge(installers.of(pins), pins)
        if verdict.lacking:
            return (self.broken(verdict.lacking, _repair(pins, verdict.lacking)),)
        if verdict.unclear:
            return (self.notice(verdict.unclear, _unclear(pins)),)
        return ()


def is_harmless(finding: Finding) -> bool:
    """Whether all that is asked for may be there nevertheless."""
    return finding.level == "notice" and (
        finding.problem.startswith(FIT) or finding.repair == _BESIDES
    )


def _altered(pins: Pins) -> tuple[str, ...]:
    from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

    return tuple(each.shown for each in records.altered(pins))


def _strays(pins: Pins) -> tuple[str, ...]:
    from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

    return tuple(
        Said("{file} runs with every Python there, and belongs to no package", file=file)
        if records.is_customizer(path)
        else Said("{file} belongs to no package", file=file)
        for path in records.strays(pins)
        for file in (pins.shown(path),)
    )


def _forget_altered(pins: Pins) -> tuple[str, ...]:
    from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

    found = tuple(each.name for each in records.altered(pins))
    records.forget(pins, found)
    return found


def _extra(pins: Pins) -> tuple[PackageName, ...]:
    """What is installed and not asked for, where the whole of what is asked for is known."""
    wanted = installers.of(pins).exact(pins)
    if wanted is None:
        return ()
    there = {each.name for each in distributions(pins) if not works_on(each.folder, pins.root)}
    return tuple(sorted(there - wanted.keys() - _SEEDS))


def judge(installer: Installer, pins: Pins) -> Judgement:
    """Whether the venv has what the project asks for: compared, where its list says it all."""
    wanted = installer.exact(pins)
    verdict = (
        Judgement(difference(pins, wanted) or "") if wanted is not None else installer.judge(pins)
    )
    if pins.editable and verdict == Judgement():
        verdict = Judgement(_unfit(pins))
    if pins.sources and verdict == Judgement():
        if lacking := installer.outdated(pins):
            return Judgement(lacking)  # seen without asking an index for what the lock has not
        verdict = asked_by(pins, pins.sources)
        if verdict.lacking:
            named = ", ".join(map(pins.shown, pins.sources))
            return Judgement(
                Said(
                    "{file} lacks what {named} asks for: {lacking}",
                    file=pins.shown(pins.lock),
                    named=named,
                    lacking=verdict.lacking,
                )
            )
    return verdict


def note(pins: Pins, asked: str) -> None:
    """Remember that the venv was found to have what the digest `asked` stands for."""
    wanted = installers.of(pins).exact(pins)
    named = installers.of(pins).names(pins) if wanted is None else wanted.keys()
    # What an incomplete list has brought besides is as much a part of the installation.
    folders = [
        each.folder.name for each in distributions(pins) if wanted is None or each.name in wanted
    ]
    _write_stamp(pins, Stamp(lock=asked, folders=folders, ours=sorted(named)))


def _unfit(pins: Pins) -> str:
    """In what the project itself, as it is installed, is not at one with its lock."""
    if lacking := not_from_here(pins):
        return lacking
    own = next(each for each in distributions(pins) if works_on(each.folder, pins.root))
    check = probe_project(_check(pins), pins)
    lines = [line for line in check.output.splitlines() if own.name in lockfile.normalize(line)]
    return (
        Said("the lock lacks what the project needs: {lines}", lines=lines[0])
        if check.code and lines
        else ""
    )


def _installed(pins: Pins, named: Collection[PackageName]) -> str:
    """How many of those that are named are there, for a list may name some for other machines."""
    there = distributions(pins)
    own = {each.name for each in there if works_on(each.folder, pins.root)}
    count = len({each.name for each in there}.intersection(named) - own)
    return Said("the project itself, and {count}", count=count) if own else str(count)


def _with_the_reason(pins: Pins, stamp: Stamp, failed: CommandError) -> HeadstartError:
    """What a tool has ended with; it is remembered, and whether its lock is why, is asked."""
    from bootstrap.machine.diagnosis import index_access  # noqa: PLC0415 - only then

    verdict = judge(installers.of(pins), pins) if pins.lock.name in LOCKS else Judgement()
    is_lock = lock_lacks(pins, verdict.lacking)
    told = failed if is_lock else index_access.explained(failed, pins.root)
    why = verdict.lacking if is_lock else (told.why or (told.what,))[-1]
    _write_stamp(pins, Stamp(**{**stamp, "why": why}))
    if not is_lock:
        return told
    return HeadstartError(failed.what, why=(why,), next=(_repair(pins, why),))


def _sweep(pins: Pins, asked_for: Collection[PackageName] | None) -> None:
    """Remove what nobody can install over.

    A killed pip leaves half-installed packages, and folders renamed to `~…`; others leave metadata
    under a name that is not its own, or a second time. What nobody asks for stays.
    """
    from bootstrap.machine.facts import records  # noqa: PLC0415 - only a close look reads them

    found = {each.name for each in records.misplaced(pins)} - {"pip"}
    records.forget(pins, found if asked_for is None else found.intersection(asked_for))
    for each in distributions(pins):
        if not each.complete and each.name != "pip":
            shutil.rmtree(each.folder)
    for leftover in pins.site_packages.glob("~*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def _write_stamp(pins: Pins, stamp: Stamp) -> None:
    write_atomically(pins.venv / STAMP, json.dumps(stamp), mode=0o644)


def _uninstall(pins: Pins, names: Sequence[PackageName]) -> Argv:
    if pins.installer == "uv":
        return (*uv.pip(pins, "uninstall"), *names)
    return (*pins.venv_pip, "uninstall", "--yes", *names)


def _check(pins: Pins) -> Argv:
    """Whether all fits together; uv looks at the same as pip, in a thirtieth of the time."""
    if pins.installer == "uv" and (pins.installer_version or is_here("uv", pins)):
        return (*uv.pip(pins, "check"), "--quiet")
    return (*pins.venv_pip, "check")


def _tool_commands(pins: Pins) -> tuple[Argv, ...]:
    tool = installers.of(pins).tool
    return tools.commands(tool, pins.installer_version) if pins.installer_version else ()


def _provide_tool(context: StepContext) -> None:
    """The version that is pinned is made where it is missing; another one has to be on PATH."""
    pins, tool = context.pins, installers.of(context.pins).tool
    if _tool_commands(pins):
        with tools.alone():
            for command in _tool_commands(pins):
                context.run(command)
    if context.facts.packages.no_tool:
        raise tools.absent(tool)


def _locked(context: StepContext) -> str:
    """The digest of what is asked for; the lock is made first, where there is none yet."""
    pins = context.pins
    if pins.lock.is_file():
        return context.facts.packages.lock
    environ = clean_environment(os.environ, pins)
    found = tools.on_path(environ, installers.of(pins).tool, pins.installer_version)
    context.runner.run(pins.made_by, environ=found)
    return digest(installers.of(pins), pins)


def _repair(pins: Pins, lacking: str | None) -> str:
    """A lock that has not what is asked for has to be made again; all else `up` can install."""
    if not lock_lacks(pins, lacking):
        return "headstart doctor --fix"
    if pins.lock.name not in LOCKS or package_indexes.shares(pins.root):
        return "headstart capture --relock && headstart up"
    typed = tools.typed(installers.of(pins).tool, pins.installer_version)
    return f"{typed} lock && headstart up"


def _unclear(pins: Pins) -> str:
    """What to do where an installer cannot tell."""
    tool = installers.of(pins).tool
    there = tool == "pip" or pins.installer_version or is_here(tool, pins)
    return Said("headstart doctor, once that is repaired") if there else tools.GET[tool]
