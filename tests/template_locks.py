"""Make the locks again that every project's are cut from: those of a project with every answer.

    make template-locks              after a change of what copier.yml asks for
    make template-locks UPGRADE=--upgrade    with the newest versions

Poetry's has the versions of pip's. A project's own `make lock` writes the same, a test says.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bootstrap.machine.relock import provide
from tests.conftest import ROOT, package_index
from tests.toolbox import TOOLS

TEMPLATE = ROOT / "template"
# Which installers' own packages are in no lock of Poetry's.
OF_INSTALLERS = ("pip", "uv")
_COMPILE = ("--quiet", "--universal", "--generate-hashes", "--no-annotate", "--python-version=3.11")
_SOURCE = '\n[[tool.poetry.source]]\nname = "here"\nurl = "{}"\npriority = "primary"\n'
_SAID = re.compile(r"\n\[package\.source\]\n(?:.+\n)+")


def asked(question: str, *without: str) -> list[str]:
    """Everything that copier.yml asks for in production, or in development."""
    document = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    groups: dict[str, list[str]] = yaml.safe_load(document[question]["default"])
    return sorted(
        {each for name, all_of in groups.items() if name not in without for each in all_of}
    )


def project(python: str, dependencies: Sequence[str], development: Sequence[str]) -> str:
    """The pyproject.toml of a project that asks for these."""
    listed = [", ".join(f"'{each}'" for each in some) for some in (dependencies, development)]
    return (
        f"[project]\nname = 'everything'\nversion = '0'\nrequires-python = '{python}'\n"
        f"dependencies = [{listed[0]}]\n[dependency-groups]\ndev = [{listed[1]}]\n"
        "[tool.poetry]\npackage-mode = false\n"
    )


def pinned(lock: str) -> dict[str, str]:
    """The lines of a lock of pip's, without their hashes, by the packages' names."""
    lines = re.findall(r"^(([a-z0-9-]+)==[^\\\n]+?)(?: \\)?$", lock, re.MULTILINE)
    return {name: line.replace("'", '"') for line, name in lines}


def for_pip(folder: Path, upgrade: Sequence[str]) -> None:
    text = project(">=3.11", asked("dependencies_of"), asked("development_of"))
    (folder / "pyproject.toml").write_text(text)
    uv = (sys.executable, "-m", "uv", "pip", "compile", *_COMPILE, *upgrade)
    command = (*uv, "--custom-compile-command", "make lock", "pyproject.toml")
    production, development = (TEMPLATE / f"requirements{each}.lock" for each in ("", "-dev"))
    subprocess.run([*command, "-o", production], cwd=folder, check=True)
    more = ("--group", "dev", "-c", production, "-o", development)
    subprocess.run([*command, *more], cwd=folder, check=True)


def for_poetry(folder: Path, version: str) -> None:
    """First with pip's versions as they are, then with what is really asked for: they stay.

    Poetry asks the index of this machine by name, which the lock must not know.
    """
    pins = pinned((TEMPLATE / "requirements-dev.lock").read_text("utf-8"))
    left_out = {re.split("[<>=]", each)[0] for name in OF_INSTALLERS for each in _own(name)}
    kept = [line for name, line in pins.items() if name not in left_out]
    really = (asked("dependencies_of"), asked("development_of", *OF_INSTALLERS))
    poetry = provide("poetry", version)
    for dependencies, development in ((kept, []), really):
        text = project(">=3.11,<4", dependencies, development)
        (folder / "pyproject.toml").write_text(text + _SOURCE.format(package_index()))
        subprocess.run([poetry, "lock", "--no-interaction"], cwd=folder, check=True)
    made = (folder / "poetry.lock").read_text("utf-8")
    (TEMPLATE / "poetry.lock").write_text(_SAID.sub("", made), "utf-8")


def _own(installer: str) -> Sequence[str]:
    document = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    groups: Mapping[str, list[str]] = yaml.safe_load(document["development_of"]["default"])
    return groups.get(installer, ())


def main() -> None:
    with TemporaryDirectory() as folder:
        for_pip(Path(folder), ["--upgrade"] if "--upgrade" in sys.argv else [])
        for_poetry(Path(folder), TOOLS["poetry"])


if __name__ == "__main__":
    main()
