"""The stub says yes as long as everything is the same, and not when anything is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.machine import check
from bootstrap.machine.check import ask_stub, stub_path, watched
from bootstrap.machine.pins import read
from tests.machine import bsd
from tests.machine.conftest import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


def rewrite(path: Path) -> None:
    """The same bytes, and even the same times: only what cannot be forged tells."""
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    copy = path.with_name(path.name + ".copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def touch_inside(path: Path) -> None:
    (path / "stray").touch()


def point_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("/bin/sh")


FILE_CHANGES = (rewrite, replace, remove)
FOLDER_CHANGES = (remove, touch_inside)
LINK_CHANGES = (remove, point_elsewhere)


def changes(path: Path) -> tuple[Callable[[Path], None], ...]:
    """Through a link nothing is written: behind it is this machine's own Python."""
    if path.is_symlink():
        return LINK_CHANGES
    return FOLDER_CHANGES if path.is_dir() else FILE_CHANGES


@pytest.fixture
def ready(ready: Shop) -> Shop:
    """Up, and looked at, on an interpreter whose files are its own to break."""
    assert ready.headstart("check").returncode == 0
    return ready


def own(shop: Shop) -> list[Path]:
    """What the answer depends on, as far as it is this project's and not the machine's Python."""
    return [path for path in watched(read(shop.root)) if path.is_relative_to(shop.root)]


def test_yes_is_said_without_looking_again(ready: Shop) -> None:
    stub = stub_path(read(ready.root))
    before = stub.stat().st_mtime_ns
    assert subprocess.run([stub], check=False).returncode == 0
    assert ready.headstart("check").returncode == 0
    assert stub.stat().st_mtime_ns == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_changed_the_stub_does_not_say_yes(ready: Shop, data: st.DataObject) -> None:
    pins = read(ready.root)
    stub_path(pins).write_text(check._stub(pins, check._snapshot(pins)))
    assert ask_stub(pins)
    path = data.draw(st.sampled_from(own(ready)))
    change = data.draw(st.sampled_from(changes(path)))
    kept = ready.root.parent / "kept" / path.relative_to(ready.root)
    keep(path, kept)
    change(path)
    assert not ask_stub(pins)
    if os.path.lexists(path):
        remove(path)
    keep(kept, path)


def keep(path: Path, at: Path) -> None:
    if os.path.lexists(at):
        remove(at)
    at.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, at, symlinks=True)
    else:
        shutil.copy2(path, at, follow_symlinks=False)


def test_a_look_decides_what_the_stub_is_not_sure_about(ready: Shop) -> None:
    rewrite(ready.root / "toolchain.yml")
    assert not ask_stub(read(ready.root))
    assert ready.headstart("check").returncode == 0
    assert ask_stub(read(ready.root))
    shutil.rmtree(next(ready.root.glob(".venv/lib/*/site-packages/pluggy-*.dist-info")))
    assert ready.headstart("check").returncode == 1
    assert not ask_stub(read(ready.root))


def test_an_interrupted_environment_is_never_as_pinned(ready: Shop) -> None:
    (ready.root / ".venv" / ".headstart-incomplete").touch()
    assert not ask_stub(read(ready.root))


def test_the_stub_starts_few_processes_and_no_python(ready: Shop, tmp_path: Path) -> None:
    """That is why it answers in milliseconds; how many, the benchmark of the machine half tells."""
    stub, started = stub_path(read(ready.root)), tmp_path / "started"
    text = stub.read_text()
    for name in ("stat", "find", "wc"):
        real, told = str(shutil.which(name)), tmp_path / name
        told.write_text(f'#!/bin/sh\necho {name} >> "{started}"\nexec {real} "$@"\n')
        told.chmod(0o755)
        text = text.replace(f"{real} ", f"{told} ")
    stub.write_text(text)
    subprocess.run([stub], env={"PATH": str(tmp_path)}, check=True)
    assert sorted(started.read_text().split()) == ["find", "find", "stat", "wc", "wc"]


def test_by_the_tools_of_a_mac_it_says_yes_and_no_as_well(ready: Shop, tmp_path: Path) -> None:
    """BSD's stat and find, and macOS's sh, which is a bash in POSIX mode."""
    bsd.install(tmp_path / "bin")
    path = f"{tmp_path / 'bin'}:{ready.environment({})['PATH']}"
    stub = stub_path(read(ready.root))
    stub.unlink()
    assert ready.headstart("check", PATH=path).returncode == 0
    assert f"{tmp_path}/bin/stat -L -f" in stub.read_text()
    assert f"{tmp_path}/bin/find " in stub.read_text()

    def says(*command: str) -> tuple[int, str]:
        done = subprocess.run(
            [*command, stub], env={"PATH": path}, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    assert says("/bin/sh") == says("/bin/bash", "--posix") == (0, "")
    rewrite(ready.root / "toolchain.yml")
    assert says("/bin/sh") == says("/bin/bash", "--posix") == (1, "")


def test_a_yes_imports_little(ready: Shop) -> None:
    assert ready.headstart("check").returncode == 0
    command = (sys.executable, "-X", "importtime", *ready.argv("check")[1:])
    environment = {k: v for k, v in ready.environment({}).items() if k != "PYTHONPATH"}
    run = subprocess.run(
        command, cwd=ready.root, env=environment, capture_output=True, text=True, check=False
    )
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert run.returncode == 0
    assert "bootstrap.machine.pins" in imported
    unused = {"facts", "rules", "toolchain", "steps", "apply"}
    assert not imported & {"yaml", "rich", "bootstrap.show.progress"}
    assert not imported & {f"bootstrap.machine.{name}" for name in unused}
