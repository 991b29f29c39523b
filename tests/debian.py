"""Programs that this machine's Debian is too old for, unpacked beside it from a newer suite.

Nothing is installed: apt resolves as on an empty machine, with lists and a cache of its own, and
every package is unpacked into one root. Who runs a program from it runs it on the root's own libc.
"""

from __future__ import annotations

import fcntl
import platform
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ROOT, unavailable

KEPT = ROOT / ".build" / "debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_APT = "/usr/bin/apt-get"


def unpacked(suite: str, package: str) -> Path:
    """The root with a package of `suite` ("testing", "unstable") and all that it depends on.

    It is fetched once for this checkout. apt holds each package to its digest in the index, and
    the index to Debian's signature; the root appears complete or not at all.
    """
    root = KEPT / suite / package
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.parent.glob(f"{_draft(package)}*"):  # by one that was killed
            shutil.rmtree(left)
        if not root.is_dir():
            _unpack(suite, package, root)
    return root


def library_path(root: Path) -> str:
    """Where the loader of a root finds the root's libraries."""
    folders = [root / "usr" / "lib", *sorted((root / "usr" / "lib").glob("*-linux-gnu"))]
    return ":".join(map(str, reversed(folders)))


def loader(root: Path) -> Path:
    """The program of the root's own libc that starts all others."""
    found = [*root.glob("usr/lib64/ld-linux-*.so.*"), *root.glob("usr/lib/ld-linux-*.so.*")]
    return found[0]


def _draft(package: str) -> str:
    """How a root begins that is not complete: no package has a name like it."""
    return f"{package}_"


def _unpack(suite: str, package: str, root: Path) -> None:
    with TemporaryDirectory(dir=root.parent, prefix=_draft(package)) as name:
        own = Path(name)
        (own / "status").touch()
        (own / "sources.list").write_text(_sources(suite))
        install = ("install", "--yes", "--download-only", "--no-install-recommends", package)
        if not (_apt(own, "update") and _apt(own, *install)):
            unavailable(f"{package} of Debian's {suite}")
        for archive in sorted((own / "archives").glob("*.deb")):
            subprocess.run(["/usr/bin/dpkg-deb", "--extract", archive, own / "root"], check=True)
        (own / "root").rename(root)


def _sources(suite: str) -> str:
    """The line for that suite of the archive that this machine has its own packages from."""
    if not shutil.which(_APT):
        unavailable(f"the apt of Debian, for its {suite}")
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    ask = [_APT, "indextargets", "--format", "$(REPO_URI)", f"Release: {codename}"]
    told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
    if not told:
        unavailable(f"an archive of Debian, for its {suite}")
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    return f"deb {signed}{told[0]} {suite} main\n"


def _apt(own: Path, *command: str) -> bool:
    for name in ("lists", "archives"):
        (own / name / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": own / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": own,
        "Dir::State::status": own / "status",
        "Dir::State::lists": own / "lists",
        "Dir::Cache": own,
        "Dir::Cache::archives": own / "archives",
        "APT::Sandbox::User": "root",
    }
    given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    return subprocess.run([_APT, "-qq", *given, *command], cwd=own, check=False).returncode == 0
