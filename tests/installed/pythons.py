"""The oldest and the newest Python that Headstart is for, as far as this machine can have them.

The oldest is among those that are installed. The newest is Debian's of a suite to come, unpacked
and told where its own libc and libraries are, so that it runs like any other: by its path, from a
virtual environment, and as the `sys.executable` of what it starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from bootstrap import pyenv
from tests import debian
from tests.conftest import unavailable

SUITE, NEWEST = "testing", "3.14"
# What came with it (PEP 706) is what an older 3.11 once stumbled over.
OLD_ENOUGH = (3, 11, 4)
_ASK = "import sys; print(*sys.version_info[:3])"


def oldest() -> Path:
    """The oldest Python from 3.11.0 that is installed here; it has to be older than 3.11.4."""
    versions = pyenv.root(os.environ) / "versions"
    here = [*Path("/usr/bin").glob("python3.11"), *versions.glob("3.11.*/bin/python")]
    found = min(((version_of(python), python) for python in here), default=None)
    if found is None or found[0] >= OLD_ENOUGH:
        unavailable("a Python 3.11 that is older than 3.11.4")
    return found[1]


def newest() -> Path:
    """Python 3.14, from Debian's archive."""
    root = debian.unpacked(SUITE, f"python{NEWEST}")
    program = root / "usr" / "bin" / f"python{NEWEST}"
    loader = str(debian.loader(root))
    if _patchelf("--print-interpreter", program) != loader:
        draft = program.with_name(f"draft.{os.getpid()}")
        # --force-rpath: what a library needs is looked for in the same places, before the system's.
        libraries = ("--force-rpath", "--set-rpath", debian.library_path(root))
        _patchelf("--set-interpreter", loader, *libraries, "--output", draft, program)
        draft.chmod(0o755)
        draft.replace(program)
    return program


def of(minor: str) -> Path:
    """The newest installed Python of that series."""
    versions = pyenv.root(os.environ) / "versions"
    here = [*versions.glob(f"{minor}.*/bin/python"), Path(sys.executable)]
    found = [(version_of(python), python) for python in here]
    fitting = [each for each in found if ".".join(map(str, each[0][:2])) == minor]
    return max(fitting)[1] if fitting else unavailable(f"a Python {minor}")


def version_of(python: Path) -> tuple[int, ...]:
    """What an interpreter says that it is."""
    told = subprocess.run([python, "-c", _ASK], check=True, capture_output=True, text=True)
    return tuple(map(int, told.stdout.split()))


def _patchelf(*arguments: str | Path) -> str:
    command = [Path(sysconfig.get_path("scripts")) / "patchelf", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
