"""The wheel, and machines on which nothing of Headstart is but what it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, install, said, unavailable
from tests.installed import pythons
from tests.shared import shared

EVERY_END = {"oldest": pythons.oldest, "newest": pythons.newest}
UNSHARE = "/usr/bin/unshare"
on_both_ends = pytest.mark.parametrize("python", list(EVERY_END), indirect=True)

# In a network of its own a process reaches itself, once `lo` is up: SIOCSIFFLAGS, netdevice(7).
_WITH_ITSELF = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1))
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Machine:
    """A machine with git, make and one Python, and the `headstart` that was installed there."""

    python: Path
    command: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """No checkout, no pyenv, no other Python on the PATH."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GIT_"))}
        return inherited | {
            "PATH": f"{self.command.parent}:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYENV_ROOT": str(self.folder / "pyenv"),
            "HEADSTART_STATE_DIR": str(self.folder / "state"),
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
        }

    def headstart(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        """Run the installed command without a network; return what it said."""
        isolated = [UNSHARE, "--net", sys.executable, "-c", _WITH_ITSELF]
        return self._said([*isolated, str(self.command), *arguments], cwd, code)

    def headstart_with_a_network(self, *arguments: str, cwd: Path) -> str:
        """Run the installed command as it is."""
        return self._said([str(self.command), *arguments], cwd, 0)

    def _said(self, command: list[str], cwd: Path | None, code: int) -> str:
        return said(command, cwd or self.folder, self.environment, code)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `pip wheel .` makes it, by the build backend of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, "."], cwd=ROOT, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def distributions() -> Path:
    """A folder with the wheel and the source distribution, as they are uploaded."""

    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    return shared("distributions", build)


@pytest.fixture(scope="session")
def python(request: pytest.FixtureRequest) -> Path:
    """The interpreter of the end that the test's parameter names."""
    return EVERY_END[request.param]()


@pytest.fixture
def machine(python: Path, wheel: Path, tmp_path: Path) -> Machine:
    """A machine on that Python, with the wheel and nothing but what its lock names."""
    try_it = [UNSHARE, "--net", "/bin/true"]
    if subprocess.run(try_it, capture_output=True, check=False).returncode:
        unavailable("to be allowed to cut a process off from the network")
    with_wheel(tmp_path / "installed", wheel, python, ROOT / "bootstrap" / "requirements.lock")
    (tmp_path / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    return Machine(python, tmp_path / "installed/.venv/bin/headstart", tmp_path)


def with_wheel(folder: Path, wheel: Path, python: Path, lock: Path) -> Path:
    """Make an environment in `folder` with a lock's packages and the wheel; return its Python."""
    install(folder, lock, python)
    own = folder / ".venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*uv, "--python", own, wheel], check=True)
    return own
