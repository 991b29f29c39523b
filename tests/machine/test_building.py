"""Python is built by the real pyenv, from an archive whose configure and make take a second."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import pyenv
from tests.conftest import disk, fill, remount
from tests.machine.conftest import Shop, is_alive, other_python
from tests.waiting import LONG, wait_until

pytestmark = pytest.mark.slow

FAKE = Path(__file__).parent / "data" / "fake-python"
DEFINITION = """\
install_package "Python-{version}" "https://py.invalid/Python-{version}.tar.xz#{digest}" standard
"""


@dataclass
class Workshop:
    """A private pyenv root for a project that pins a Python it does not have yet."""

    shop: Shop
    version: str
    root: Path
    record: Path
    variables: dict[str, str]

    @property
    def prefix(self) -> Path:
        return self.root / "versions" / self.version

    def up(self, behaviour: str = "ok", **more: str) -> subprocess.CompletedProcess[str]:
        options = {"PYTHON_CONFIGURE_OPTS": f"--with-behaviour={behaviour}"}
        return self.shop.headstart(
            "up", "--json", "--only", "python", **self.variables | options | more
        )

    def refusal(self, **more: str) -> dict[str, object]:
        done = self.up(**more)
        assert done.returncode == 4, done.stdout + done.stderr
        return error(done)

    def start(self, behaviour: str) -> subprocess.Popen[str]:
        """A running `up`, once the fake build has told the number of its process."""
        (self.record / "pid").unlink(missing_ok=True)
        more = {"PYTHON_CONFIGURE_OPTS": f"--with-behaviour={behaviour}"}
        running = self.shop.start("up", "--json", "--only", "python", **self.variables | more)
        wait_until(lambda: self.pid > 0, "the build to begin", LONG, 0.01)
        return running

    @property
    def pid(self) -> int:
        path = self.record / "pid"
        return int(path.read_text() or 0) if path.exists() else 0

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.record / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def leftovers(self) -> list[str]:
        """What a build may not leave behind: half prefixes, markers, folders of its own."""
        beside = [at.name for at in (self.root / "versions").iterdir() if at != self.prefix]
        return beside + [at.name for at in Path(self.variables["TMPDIR"]).iterdir()]


@pytest.fixture
def workshop(shop: Shop, tmp_path: Path) -> Workshop:
    real_root = pyenv.root(os.environ)
    version = other_python()
    name = f"python{version.rpartition('.')[0]}"
    root, cache, record, definitions, home, temporary = (
        tmp_path / each for each in ("pyenv", "cache", "record", "definitions", "home", "tmp")
    )
    for folder in (
        root / "versions",
        root / "plugins",
        cache,
        record,
        definitions,
        home,
        temporary,
    ):
        folder.mkdir(parents=True)
    (root / "plugins" / "python-build").symlink_to(real_root / "plugins" / "python-build")
    archive = _archive(version, real_root / "versions" / version / "bin" / name)
    (cache / f"Python-{version}.tar.xz").write_bytes(archive)
    (definitions / version).write_text(
        DEFINITION.format(version=version, digest=hashlib.sha256(archive).hexdigest())
    )
    (shop.root / ".python-version").write_text(f"{version}\n")
    variables = {
        "PYENV_ROOT": str(root),
        "PATH": f"{real_root}/bin:{os.environ['PATH']}",
        "PYTHON_BUILD_CACHE_PATH": str(cache),
        "PYTHON_BUILD_DEFINITIONS": str(definitions),
        "PYTHON_BUILD_CURL_OPTS": "--max-time 1",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        # The allow-list lets these through under names that are addressed to the build.
        "PYTHON_BUILD_RECORD": str(record),
        "PYTHON_BUILD_FAKE_NAME": name,
    }
    return Workshop(shop, version, root, record, variables)


def _archive(version: str, real: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        for path in sorted(FAKE.iterdir()):
            text = path.read_text().replace("@version@", version).replace("@real@", str(real))
            content = text.encode()
            member = tarfile.TarInfo(f"Python-{version}/{path.name}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def error(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    told = events(done)[-1]["error"]
    assert isinstance(told, dict), done.stdout + done.stderr
    return told


def notes(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(str(each["text"]) for each in events(done) if each["event"] == "note")


def test_a_missing_python_is_built_from_the_cache_and_verified(workshop: Workshop) -> None:
    done = workshop.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert pyenv.executable(workshop.prefix, workshop.version)
    assert workshop.leftovers() == []
    phases = [event["phase"] for event in events(done) if event["event"] == "progress"]
    assert phases[-1] in {"install", "pip"}
    percents = [
        int(str(event["percent"])) for event in events(done) if event["event"] == "progress"
    ]
    assert percents == sorted(percents)
    (kept,) = workshop.shop.state.rglob("python-*-1/build.log")
    assert "creating Makefile" in kept.read_text()
    again = workshop.up()
    assert events(again)[-1]["outcome"] == "nothing-to-do" or "python" not in again.stdout


def test_the_next_build_knows_how_long_it_will_take(workshop: Workshop) -> None:
    assert workshop.up().returncode == 0
    shutil.rmtree(workshop.prefix)
    done = workshop.up()
    left = [event["seconds_left"] for event in events(done) if event["event"] == "progress"]
    assert all(isinstance(each, float) for each in left)


def test_a_poisoned_environment_does_not_reach_the_build(workshop: Workshop) -> None:
    done = workshop.up(
        CFLAGS="-march=bogus",
        LDFLAGS="-lnosuchlib",
        CONDA_PREFIX="/opt/conda",
        PATH=f"/opt/conda/bin:/opt/coreutils/libexec/gnubin:{workshop.variables['PATH']}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONDA_PREFIX" not in workshop.environment
    assert "bogus" not in str(workshop.environment)
    assert "nosuchlib" not in str(workshop.environment)
    assert "conda" not in workshop.environment["PATH"]
    assert "gnubin" not in workshop.environment["PATH"]
    for name in ("CFLAGS", "LDFLAGS", "CONDA_PREFIX", "/opt/conda/bin"):
        assert name in notes(done)


def test_a_doomed_build_is_stopped_at_the_first_telling_line(workshop: Workshop) -> None:
    done = workshop.up("no-ssl")
    assert done.returncode == 1
    told = error(done)
    assert told["cause"] == "openssl-missing"
    assert "checking whether compiling and linking against OpenSSL works... no" in str(told["why"])
    assert "libssl-dev" in str(told["next"]) or "openssl" in str(told["next"])
    assert not is_alive(workshop.pid)
    assert workshop.leftovers() == []
    assert not workshop.prefix.exists()


@pytest.mark.parametrize(
    ("behaviour", "cause"), [("little-memory", "memory-exhausted"), ("small-tmp", "tmp-noexec")]
)
def test_a_failure_with_a_known_repair_is_repaired_by_one_more_build(
    workshop: Workshop, behaviour: str, cause: str
) -> None:
    done = workshop.up(behaviour)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{cause}: once more with" in notes(done)
    assert workshop.leftovers() == []


def test_temporary_files_that_may_not_run_are_made_elsewhere(
    workshop: Workshop, tmp_path: Path
) -> None:
    """pyenv itself refuses such a disk."""
    with disk(tmp_path / "noexec", "noexec", "size=600m") as noexec:
        done = workshop.up(TMPDIR=str(noexec))
        assert list(noexec.iterdir()) == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tmp-noexec: once more with TMPDIR=" in notes(done)
    assert workshop.leftovers() == []


@pytest.mark.parametrize(
    ("change", "cause"), [("ro", "prefix-not-writable"), ("size={used}", "disk-full")]
)
def test_a_disk_that_changes_under_a_build_is_told(
    workshop: Workshop, tmp_path: Path, change: str, cause: str
) -> None:
    with disk(tmp_path / "pyenv-disk", "size=600m") as root:
        shutil.copytree(workshop.root, root, symlinks=True, dirs_exist_ok=True)
        workshop.variables["PYENV_ROOT"] = str(root)
        running = workshop.start("patient")
        now = os.statvfs(root)
        remount(root, change.format(used=(now.f_blocks - now.f_bfree) * now.f_frsize))
        (workshop.record / "go").touch()
        told, _ = running.communicate(timeout=600)
        assert running.returncode == 1
        assert json.loads(told.splitlines()[-1])["error"]["cause"] == cause
        remount(root, "rw,size=600m")
        assert workshop.up().returncode == 0
        assert [at.name for at in (root / "versions").iterdir()] == [workshop.version]


def test_a_disk_is_named_that_had_no_room_for_the_reason(
    workshop: Workshop, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "size=600m") as small:
        workshop.variables["TMPDIR"] = str(small)
        running = workshop.start("silent")
        fill(small)
        (workshop.record / "go").touch()
        told, _ = running.communicate(timeout=600)
    error = json.loads(told.splitlines()[-1])["error"]
    assert error["cause"] == "disk-full", error
    assert f"{small}/" in str(error["why"])


def test_an_unknown_failure_is_told_with_its_first_error_and_not_tried_again(
    workshop: Workshop,
) -> None:
    done = workshop.up("strange")
    assert error(done)["cause"] == "unknown"
    assert "something that nobody has seen" in str(error(done)["why"])
    assert len(list(workshop.shop.state.rglob("python-*-*"))) == 1


def test_a_python_that_lacks_a_module_is_no_success_whatever_pyenv_says(
    workshop: Workshop,
) -> None:
    done = workshop.up("no-lzma")
    assert done.returncode == 1
    assert "built without lzma" in str(error(done)["why"])
    assert not workshop.prefix.exists()


def test_a_broken_python_is_replaced_only_by_one_that_verifies(workshop: Workshop) -> None:
    (workshop.prefix / "bin").mkdir(parents=True)
    (workshop.prefix / "mine.txt").write_text("kept")
    assert workshop.up("strange").returncode == 1
    assert (workshop.prefix / "mine.txt").read_text() == "kept"
    assert workshop.leftovers() == []
    assert workshop.up().returncode == 0
    assert pyenv.executable(workshop.prefix, workshop.version)
    assert not (workshop.prefix / "mine.txt").exists()
    assert workshop.leftovers() == []


def test_a_corrupt_archive_is_told_as_such(workshop: Workshop) -> None:
    cache = Path(workshop.variables["PYTHON_BUILD_CACHE_PATH"])
    (cache / f"Python-{workshop.version}.tar.xz").write_bytes(b"cut off")
    done = workshop.up()
    assert done.returncode == 1
    assert error(done)["cause"] == "checksum-mismatch"
    assert "tried again: download-failed" in str(error(done)["why"])


def test_a_cancelled_build_leaves_no_process_and_no_half_prefix(workshop: Workshop) -> None:
    running = workshop.start("slow")
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert not is_alive(workshop.pid)
    assert not workshop.prefix.exists()
    assert workshop.leftovers() == []


def test_a_build_that_was_killed_is_cleared_up_and_done_again(workshop: Workshop) -> None:
    running = workshop.start("slow")
    running.kill()
    running.wait()
    orphan = workshop.pid
    done = workshop.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not is_alive(orphan)
    assert workshop.leftovers() == []


def test_what_is_missing_is_found_before_anything_is_built(workshop: Workshop) -> None:
    tools = workshop.root.parent / "tools"
    tools.mkdir()
    for name in ("sh", "uname", "bash", "env"):
        (tools / name).symlink_to(shutil.which(name) or name)
    compiler = tools / "gcc"
    # A compiler that finds no header of openssl and zlib, as where the packages are not installed.
    compiler.write_text(
        f'#!/bin/sh\ncase "$*" in *-E*) {shutil.which("gcc")} "$@" |'
        f" {shutil.which('grep')} -v -e openssl -e zlib;;"
        f' *) exec {shutil.which("gcc")} "$@";; esac\n'
    )
    compiler.chmod(0o755)
    told = workshop.refusal(PATH=f"{tools}:{workshop.variables['PATH']}")
    assert told["cause"] in {"zlib-missing", "openssl-missing"}
    assert "<openssl/ssl.h> is not there" in str(told["why"])
    assert not (workshop.record / "environment").exists()


def test_a_version_that_pyenv_does_not_know_is_refused_at_once(workshop: Workshop) -> None:
    (workshop.shop.root / ".python-version").write_text("3.12.99\n")
    assert workshop.refusal()["cause"] == "unknown-version"


def test_a_wrong_openssl_folder_is_left_out_before_the_build(workshop: Workshop) -> None:
    done = workshop.up(
        PYTHON_CONFIGURE_OPTS="--with-behaviour=ok --with-openssl=/nonexistent/openssl"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "without --with-openssl=/nonexistent/openssl" in notes(done)
    assert "/nonexistent" not in workshop.environment["PYTHON_CONFIGURE_OPTS"]


def test_two_projects_never_build_into_one_prefix(workshop: Workshop, tmp_path: Path) -> None:
    other = Shop(tmp_path / "another", workshop.shop.state)
    shutil.copytree(workshop.shop.root, other.root)
    running = workshop.start("slow")
    with other.start("up", "--json", "--only", "python", **workshop.variables) as waiting:
        line = ""
        assert waiting.stdout
        while "waiting for it" not in line:
            line = waiting.stdout.readline()
            assert line, "it did not wait"
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        waiting.stdout.read()
    assert waiting.returncode == 0
    assert pyenv.executable(workshop.prefix, workshop.version)


def test_when_no_build_succeeds_uv_may_have_that_python_ready(
    workshop: Workshop, tmp_path: Path
) -> None:
    shims, managed = tmp_path / "shims", tmp_path / "uv"
    shims.mkdir()
    real = pyenv.root(os.environ) / "versions" / workshop.version
    target = managed / f"cpython-{workshop.version}-linux"
    (shims / "uv").write_text(f'#!/bin/sh\nmkdir -p "{managed}" && ln -s "{real}" "{target}"\n')
    (shims / "uv").chmod(0o755)
    path = f"{shims}:{workshop.variables['PATH']}"
    done = workshop.up("strange", PATH=path, UV_PYTHON_INSTALL_DIR=str(managed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "uv may have a prebuilt one" in notes(done)


def test_doctor_rebuilds_a_python_that_was_built_without_a_module(workshop: Workshop) -> None:
    assert workshop.up().returncode == 0
    python = pyenv.executable(workshop.prefix, workshop.version)
    assert python
    python.write_text(
        '#!/bin/sh\nprintf \'{"version": "%s", "machine": "", "missing": ["lzma"], "openssl": "",'
        f' "flags": "", "framework": ""}}\' {workshop.version}\n'
    )
    options = {"PYTHON_CONFIGURE_OPTS": "--with-behaviour=ok"}
    found = workshop.shop.headstart("doctor", "--json", **workshop.variables)
    assert "built without lzma" in found.stdout
    workshop.shop.headstart("doctor", "--fix", **workshop.variables | options)
    found = workshop.shop.headstart("doctor", "--json", **workshop.variables)
    # The environment is told to stand on the real Python, which the fake one only runs.
    assert [each["level"] for each in json.loads(found.stdout)["findings"]] == ["notice"]
