"""The source of a CPython, from those who always have it: Debian compiles its own from it."""

from __future__ import annotations

import re
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
# Where this machine's apt looks for Debian's packages, in the newer form or the older one.
_SETTINGS = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def fetch(folder: Path) -> None:
    """Put the archive into `folder`, once; apt looks into lists of its own meanwhile."""
    if (folder / ARCHIVE).exists():
        return
    settings = next((path for path in _SETTINGS if path.is_file()), None)
    if settings is None:
        unavailable("the apt of Debian, for the source of CPython")
    with TemporaryDirectory() as name:
        own = Path(name)
        (own / "parts").mkdir()
        suffix = settings.suffix if settings.suffix == ".sources" else ".list"
        (own / "parts" / f"debian{suffix}").write_text(_for_sources(settings.read_text(), suffix))
        source = ("source", "--download-only", "--only-source", "python3.11")
        if not (_apt(own, "update") and _apt(own, *source)):
            unavailable("Debian's archive, for the source of CPython")
        shutil.move(next(own.glob("*.orig.tar.gz")), folder / ARCHIVE)


def _for_sources(text: str, suffix: str) -> str:
    """The same places, for sources; what repairs security holes does not stay in every mirror."""
    between = "\n\n" if suffix == ".sources" else "\n"
    kept = [part for part in text.split(between) if "security" not in part]
    return re.sub(r"(?m)^(Types: )?deb\b", r"\1deb-src", between.join(kept))


def _apt(own: Path, *command: str) -> bool:
    (own / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::sourcelist": "-",
        "Dir::Etc::sourceparts": own / "parts",
        "Dir::State::lists": own / "lists",
        "Dir::Cache": own,
        "APT::Sandbox::User": "root",
    }
    given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    argv = ["/usr/bin/apt-get", "-qq", *given, *command]
    return subprocess.run(argv, cwd=own, check=False).returncode == 0
