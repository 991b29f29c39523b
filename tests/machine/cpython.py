"""The source of a CPython, from those who always have it: Debian compiles its own from it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import unavailable

VERSION = "3.11.2"
# pyenv's own definition takes the .tar.xz wherever it can; Debian keeps the .tgz beside it.
DEFINITION = f"""\
prefer_openssl3
export PYTHON_BUILD_CONFIGURE_WITH_OPENSSL=1
install_package "Python-{VERSION}" "https://www.python.org/ftp/python/{VERSION}/Python-{VERSION}.tgz\
#2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849" standard verify_py311 \
copy_python_gdb ensurepip
"""
ARCHIVE = f"Python-{VERSION}.tar.gz"
_SOURCES = "deb-src [signed-by={keyring}] http://deb.debian.org/debian bookworm main\n"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def fetch(folder: Path) -> None:
    """Put the archive into `folder`, once; apt looks into lists of its own meanwhile."""
    if (folder / ARCHIVE).exists():
        return
    if not Path("/usr/bin/apt-get").exists() or not _KEYRING.exists():
        unavailable("the apt of Debian, for the source of CPython")
    with TemporaryDirectory() as name:
        own = Path(name)
        (own / "sources.list").write_text(_SOURCES.format(keyring=_KEYRING))
        source = ("source", "--download-only", "--only-source", "python3.11")
        if not (_apt(own, "update") and _apt(own, *source)):
            unavailable("Debian's archive, for the source of CPython")
        shutil.move(next(own.glob("*.orig.tar.gz")), folder / ARCHIVE)


def _apt(own: Path, *command: str) -> bool:
    (own / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": own / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": own / "lists",
        "Dir::Cache": own,
        "APT::Sandbox::User": "root",
    }
    given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    argv = ["/usr/bin/apt-get", "-qq", *given, *command]
    return subprocess.run(argv, cwd=own, check=False).returncode == 0
