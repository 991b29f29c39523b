"""What all tests stand on: the public command, and one project rendered and brought up by it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import settings

from tests import forkserver
from tests.shared import keep_in, shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

pytest_plugins = ("tests.memory", "tests.ordering")
ROOT = Path(__file__).parents[1]

# What `make test` was told is not meant for the make of a test.
for name in ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(name, None)
# What is said is compared in English, whoever runs the tests.
os.environ["HEADSTART_LANG"] = "en"
# As people have it: what a command imports was compiled for the first one.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test fails for being slow; what else is set here, or by CI, holds.
settings.register_profile("unhurried", settings(deadline=None))
settings.load_profile("unhurried")
# What a shell starts in its background ignores Ctrl-C, and hands that on; the tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def nightly_but(*each_time: str, of: Iterable[str]) -> list[object]:
    """Parameters of which some are tried each time, and all by `make nightly`."""
    late = pytest.mark.nightly
    return [one if one in each_time else pytest.param(one, marks=late) for one in of]


def unavailable(what: str) -> NoReturn:
    """End a test that needs `what`: where CI is set it fails, elsewhere it is skipped."""
    message = f"this test needs {what}"
    assert "CI" not in os.environ, message
    pytest.skip(message)


@contextmanager
def disk(at: Path, *options: str) -> Iterator[Path]:
    """A disk of its own at `at`, as small or as restricted as the options of `mount` say."""
    at.mkdir(exist_ok=True)
    mount = ["/bin/mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(at)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        unavailable("to be allowed to mount a disk")
    try:
        yield at
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(at)], check=True)


@contextmanager
def disk_without_case(at: Path) -> Iterator[Path]:
    """A disk at `at` that takes `SHOP` for `shop`, as a Mac's does: NTFS, by FUSE."""
    make = shutil.which("mkntfs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not make or not (mount := shutil.which("lowntfs-3g")):
        unavailable("ntfs-3g")
    image = at.with_name("disk.ntfs")
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run([make, "--quick", "--force", "--quiet", image], check=True, capture_output=True)
    at.mkdir()
    arguments = [mount, "-o", "ignore_case", str(image), str(at)]
    if subprocess.run(arguments, capture_output=True, check=False).returncode:
        unavailable("to be allowed to mount a disk by FUSE")
    try:
        yield at
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(at)], check=True)
        image.unlink()


def remount(at: Path, options: str) -> None:
    """Change a disk while it is used."""
    subprocess.run(["/bin/mount", "-o", f"remount,{options}", str(at)], check=True)


def fill(small: Path) -> None:
    """Leave no room on a disk to which others write meanwhile: it may not be smaller than they."""
    for _ in range(1000):
        used = os.statvfs(small)
        with suppress(subprocess.CalledProcessError):
            return remount(small, f"size={(used.f_blocks - used.f_bfree) * used.f_frsize}")
    raise AssertionError(f"{small} grows faster than it can be filled")


def headstart(*arguments: str | Path, cwd: Path, state: Path) -> str:
    """Run the public command; return what it printed, fail with all of it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HEADSTART_STATE_DIR": str(state)}
    command = ("-m", "bootstrap", *arguments)
    done = forkserver.of_headstart().run(*command, cwd=cwd, env=environment, merged=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def said(
    command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str], code: int = 0
) -> str:
    """Run a command that must end with `code`; return all that it said, fail with it."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def _places(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What workers share is in this run's folder, and so are the folders of runs inside of it."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    keep_in(run / "shared")
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(tmp_path_factory.mktemp("inside"))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The minimal project with the default answers, rendered, brought up and proven."""
    folder = tmp_path_factory.mktemp("project")
    state = tmp_path_factory.mktemp("state")
    headstart("new", "shop", "--defaults", cwd=folder, state=state)
    headstart("up", cwd=folder / "shop", state=state)
    return folder / "shop"


def rendered(folder: Path, *answers: str, version: str | None = None) -> Path:
    """A project in `folder`, and nothing brought up for it; the same answers are rendered once.

    It is of a released version, or of the template as it is here.
    """

    def render(at: Path) -> None:
        data = [word for answer in answers for word in ("--data", answer)]
        release = ["--version", version] if version is not None else []
        headstart("new", "shop", *data, *release, "--defaults", cwd=at, state=at / "state")

    settings = [os.environ.get(name) for name in ("HOME", "PYENV_ROOT", "GIT_CONFIG_GLOBAL")]
    made = shared(("rendered", answers, version, settings), render)
    return Path(shutil.copytree(made / "shop", folder / "shop", symlinks=True))


def package_index() -> str:
    """Where pip finds packages on this machine; Poetry is told so, for it asks elsewhere."""
    ask = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    if said:
        return said
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - what pip itself falls back to

    return f"{PyPI.simple_url}/"


def install(shop: Path, lock: Path, python: Path = Path(sys.executable)) -> None:
    """Give a render an environment with what `lock` pins: sooner than `up`, and unproven."""
    subprocess.run([python, "-m", "venv", "--without-pip", shop / ".venv"], check=True)
    uv = [sys.executable, "-m", "uv", "pip", "sync", "--quiet", "--require-hashes"]
    subprocess.run([*uv, "--python", str(shop / ".venv"), str(lock)], check=True)
