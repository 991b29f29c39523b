"""Which builds are tried, in which order: a pure ladder of at most three."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bootstrap.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.machine.building.preflight import BuildFact
    from bootstrap.machine.diagnosis.causes import Retry
    from bootstrap.machine.diagnosis.diagnose import Diagnosis
    from bootstrap.machine.facts.platform import PlatformFact

MOST = 3
# A framework build links and lays out differently; it can help against these, and no other cause.
_FRAMEWORK_MAY_HELP = {"unknown", "openssl-missing", "openssl-mismatch", "openssl-build"}
_NEWER_SDK = {"ac_cv_func_dup3": "no", "ac_cv_func_pipe2": "no"}
_FIRST_SDK_WITH_DUP3 = 27
_CORRECTED = {(3, 13): 15, (3, 14): 7}


@dataclass(frozen=True)
class Attempt:
    """What one build changes of the process environment it is given, and why."""

    why: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    @property
    def framework(self) -> bool:
        return "--enable-framework" in self.variables.get("PYTHON_CONFIGURE_OPTS", "")

    def applied(self, given: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in given.items() if name not in self.drop}
        return kept | self.variables


def first(fact: BuildFact, version: str) -> Attempt:
    """As plain as the facts allow."""
    attempt = Attempt()
    if sdk_is_newer(fact.platform, version):
        why = (
            f"SDK {fact.platform.sdk} is newer than {fact.platform.name}: without dup3 and pipe2,"
            " which the new Python would call and crash"
        )
        attempt = _and(attempt, why, variables=_NEWER_SDK)
    if fact.wrong_openssl:
        why = f"without --with-openssl={fact.wrong_openssl}: there is no OpenSSL to build against"
        attempt = _and(attempt, why, variables=_without_openssl(fact))
    if fact.failed_plain and fact.platform.apple_silicon:
        why = "as a framework, because the plain build of this version has failed on this Mac"
        attempt = _and(attempt, why, variables=framework(fact.platform))
    return attempt


def next_attempt(
    made: tuple[Attempt, ...],
    diagnosis: Diagnosis,
    platform: PlatformFact,
    user_tmpdir: str,
    given: Mapping[str, str] = MappingProxyType({}),
) -> Attempt | None:
    """The next rung after these have failed, the last for that reason; None at the end.

    `given` are the variables that a build is given: one that is not among them cannot be left out.
    """
    last = made[-1]
    if len(made) >= MOST:
        return None
    if (retry := diagnosis.retry) and (repaired := _repaired(last, retry, user_tmpdir, given)):
        changes = [f"{name}={value}" for name, value in repaired.variables.items()]
        changes += [f"without {name}" for name in repaired.drop]
        why = f"{diagnosis.cause}: once more with {', '.join(changes)}"
        return replace(repaired, why=(why,))
    if platform.system == "macos" and not last.framework and diagnosis.cause in _FRAMEWORK_MAY_HELP:
        why = f"{diagnosis.cause}: once more as a framework, with Homebrew's OpenSSL"
        return Attempt((why,), last.variables | framework(platform), last.drop)
    return None


def _repaired(
    last: Attempt, retry: Retry, user_tmpdir: str, given: Mapping[str, str]
) -> Attempt | None:
    """The attempt with the repair; None where that would change nothing."""
    present = {**given, **last.variables}
    stripped = _stripped(retry, present)
    values = {
        name: user_tmpdir if value == "{user_tmpdir}" else value
        for name, value in retry.variables.items()
    }
    drop = {*last.drop, *(set(retry.drop) & present.keys())}
    drop |= {name for name, value in stripped.items() if not value}
    values |= {name: value for name, value in stripped.items() if value}
    for name in values:
        if name.endswith("FLAGS"):
            values[name] = _added(present.get(name, ""), values[name])
    values = {name: value for name, value in values.items() if present.get(name) != value}
    kept = {name: value for name, value in last.variables.items() if name not in drop}
    repaired = Attempt((), kept | values, tuple(sorted(drop)))
    same = repaired.variables == last.variables and drop == set(last.drop)
    return None if same else repaired


def _stripped(retry: Retry, present: Mapping[str, str]) -> dict[str, str]:
    """The variables that lose options by the repair, without these: the others stay as given."""
    return {
        name: left
        for name, options in retry.strip.items()
        if (value := present.get(name, "").split())
        and (left := " ".join(each for each in value if not options.match(each))) != " ".join(value)
    }


def _added(flags: str, flag: str) -> str:
    """The flags with one more, at the end: of two that differ, a compiler takes the last."""
    return flags if flag in flags.split() else f"{flags} {flag}".strip()


def framework(platform: PlatformFact) -> dict[str, str]:
    """The flags that help on M-series chips; `brew --prefix openssl@3` is this folder."""
    openssl = f"{platform.brew}/opt/openssl@3"
    return {"PYTHON_CONFIGURE_OPTS": f"--enable-framework --with-openssl={openssl}"}


def sdk_is_newer(platform: PlatformFact, version: str) -> bool:
    """Whether the SDK declares functions that this macOS lacks, for a Python that believes it."""
    sdk, system = numbers(platform.sdk), numbers(platform.version)
    if not sdk or not system or sdk[0] < _FIRST_SDK_WITH_DUP3 or system[0] >= _FIRST_SDK_WITH_DUP3:
        return False
    major, minor, patch = numbers(version)
    return patch < _CORRECTED.get((major, minor), 10_000) and (major, minor) < (3, 15)


def _without_openssl(fact: BuildFact) -> dict[str, str]:
    given = fact.site.given.get("PYTHON_CONFIGURE_OPTS", "") if fact.site else ""
    return {"PYTHON_CONFIGURE_OPTS": re.sub(r"--with-openssl=\S+", "", given).strip()}


def _and(attempt: Attempt, why: str, *, variables: dict[str, str]) -> Attempt:
    return Attempt((*attempt.why, why), attempt.variables | variables, attempt.drop)
