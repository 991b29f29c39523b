"""Six real repositories of six forms: what works in a venv works again after capture and `up`.

They are the source distributions of released packages, untouched: the list was fixed before the
code. Each venv is made as its people would make it, then captured, deleted, and brought up.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import package_index, unavailable
from tests.machine.conftest import PIP, PYTHON, Shop

pytestmark = pytest.mark.slow

UV = (sys.executable, "-m", "uv")
WRITTEN = {".python-version", "toolchain.yml", "requirements.lock"}


@dataclass(frozen=True)
class Repository:
    """A release, how a developer sets it up, and what `toolchain.yml` then says of its packages."""

    release: str
    set_up: tuple[tuple[str, ...], ...]
    says: tuple[str, ...]


INSTALL = (*UV, "pip", "install", "--quiet", "--python", ".venv")
REPOSITORIES = (
    # Lists in a folder, with exact versions; the venv has one of them, and the package itself.
    Repository(
        "itsdangerous==2.2.0",
        ((*INSTALL, "-r", "requirements/tests.txt", "-e", "."),),
        ("installer: pip", "lock: requirements.lock", "project: editable"),
    ),
    # A lock of Poetry 1.
    Repository(
        "mattermost-notify==23.7.1",
        (("poetry", "install", "--no-interaction"),),
        ("installer: poetry", "lock: poetry.lock", 'version: "2.5.1"'),
    ),
    Repository(
        "click==8.2.1",
        ((*UV, "sync", "--quiet", "--active", "--inexact"),),
        ("installer: uv", "lock: uv.lock"),
    ),
    # Its groups for development need what no package index has: the venv has none of them.
    Repository(
        "polyfactory==2.16.0",
        (("pdm", "sync", "--prod", "--quiet"),),
        ("installer: pdm", "lock: pdm.lock", "groups: []"),
    ),
    # setup.py and a list of ranges, and a venv with versions of another day.
    Repository(
        "records==0.6.0",
        ((*INSTALL, "-e", ".", "-r", "requirements.txt", "SQLAlchemy==2.0.30"),),
        ("installer: pip", "project: editable", "sources: [requirements.txt]"),
    ),
    # A package with extras, and no lock.
    Repository(
        "pluggy==1.5.0",
        ((*INSTALL, "-e", ".[testing]", "pytest==8.2.0"),),
        ("installer: pip", "lock: requirements.lock", "project: editable"),
    ),
)


# One each time; all six before a release.
EACH_TIME = ("click==8.2.1",)


@pytest.mark.parametrize(
    "repository",
    [
        pytest.param(
            each,
            id=each.release,
            marks=() if each.release in EACH_TIME else pytest.mark.nightly,
        )
        for each in REPOSITORIES
    ],
)
def test_what_works_is_captured_deleted_and_brought_up_again(
    repository: Repository, toolbox: Path, tmp_path: Path
) -> None:
    shop = Shop(unpacked(repository.release, tmp_path), tmp_path / "state")
    (tmp_path / "state" / "tools").mkdir(parents=True)
    for tool in toolbox.iterdir():
        (tmp_path / "state" / "tools" / tool.name).symlink_to(tool)
    programs = os.pathsep.join(str(at / "bin") for at in sorted(toolbox.iterdir()))
    told = {
        "PATH": os.pathsep.join((programs, str(Path(sys.executable).parent), os.environ["PATH"])),
        "POETRY_PYPI_MIRROR_URL": package_index(),
    }
    set_up(shop, repository, told)
    files, before = digests(shop.root), versions(shop.root)
    assert len(before) > 3

    done = shop.headstart("capture", "--write", "--json", **told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(json.loads(done.stdout)["written"]) <= WRITTEN
    pinned = (shop.root / "toolchain.yml").read_text()
    assert [each for each in repository.says if each not in pinned] == []
    assert (shop.root / ".python-version").read_text() == f"{PYTHON}\n"

    shutil.rmtree(shop.root / ".venv")
    done = shop.headstart("up", "--json", **told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert versions(shop.root) == before
    assert shop.headstart("check", **told).returncode == 0
    doctor = shop.headstart("doctor", **told)
    assert doctor.returncode == 0, doctor.stdout
    again = shop.headstart("capture", "--write", "--json", **told)
    assert json.loads(again.stdout)["written"] == []
    assert {name: digest for name, digest in digests(shop.root).items() if name in files} == files


def unpacked(release: str, folder: Path) -> Path:
    """The source distribution as it was released."""
    name, _, _ = release.partition("==")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name]
    if subprocess.run([*pip, "--dest", str(folder), release], check=False).returncode:
        unavailable(f"an index that has the source of {release}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    archive.unlink()
    (root,) = (at for at in folder.iterdir() if at.is_dir() and at.name != "state")
    return root


def set_up(shop: Shop, repository: Repository, told: dict[str, str]) -> None:
    make = ("venv", "--quiet", "--python", sys.executable, ".venv")
    pip = ("pip", "install", "--quiet", "--python", ".venv", f"pip=={PIP}")
    environment = shop.environment(told) | {"VIRTUAL_ENV": str(shop.root / ".venv")}
    environment.pop("PYTHONPATH")
    for command in ((*UV, *make), (*UV, *pip), *repository.set_up):
        done = subprocess.run(
            command, cwd=shop.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def versions(root: Path) -> dict[str, str]:
    """What the environment holds, asked of its own pip."""
    pip = [str(root / ".venv/bin/python"), "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.run(pip, capture_output=True, check=True).stdout)
    return {each["name"]: each["version"] for each in listed}


def digests(root: Path) -> dict[str, str]:
    """Of the repository's own files: a build may leave its metadata beside them."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".venv", "__pycache__"} & set(path.relative_to(root).parts)
        if ".egg-info" not in str(path.relative_to(root))
    }
