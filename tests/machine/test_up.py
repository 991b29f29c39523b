"""`up`, `plan` and `doctor` on a real project, with real interpreters and a real pip."""

from __future__ import annotations

import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.machine.conftest import PIP, PYTHON, Shop, other_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def asides(shop: Shop) -> list[Path]:
    return list(shop.root.glob(".venv.aside-*"))


def installed(shop: Shop) -> set[str]:
    found = shop.root.glob(".venv/lib/*/site-packages/*.dist-info")
    return {at.name.partition("-")[0] for at in found}


def steps(events: list[dict[str, object]]) -> object:
    return events[-1]["steps"]


ALL = ["venv", "packages", "dotenv", "migrations", "verification"]


def test_a_new_machine_is_brought_up_once(shop: Shop) -> None:
    assert shop.headstart("plan").returncode == 0
    assert not (shop.root / ".venv").exists()
    events = shop.up()
    assert steps(events) == ALL
    assert [event["event"] for event in events[:2]] == ["run", "step"]
    assert installed(shop) == {"pip", "iniconfig", "pluggy"}
    assert shop.findings() == []
    again = shop.up()
    assert [(event["event"], event["outcome"]) for event in again] == [("result", "nothing-to-do")]


def test_settings_are_made_once_with_a_secret_nobody_saw(shop: Shop) -> None:
    events = shop.up()
    env = shop.root / ".env"
    secret = env.read_text().splitlines()[0].removeprefix("SECRET_KEY=")
    assert len(secret) > 40
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    told = str(events) + "".join(p.read_text() for p in shop.state.rglob("*") if p.is_file())
    assert secret not in told
    example = shop.root / ".env.example"
    example.write_text(f"{example.read_text()}MORE=1\n")
    mine = f"SECRET_KEY=mine\n{env.read_text().partition(chr(10))[2]}"
    env.write_text(mine)
    shop.up()
    assert env.read_text() == mine
    findings = shop.findings()
    assert [(each["step"], each["level"]) for each in findings] == [("dotenv", "notice")]
    assert "MORE" in findings[0]["problem"]


def test_a_wrong_python_is_replaced_and_the_old_one_kept_until_all_works(ready: Shop) -> None:
    (ready.root / ".python-version").write_text(f"{other_python()}\n")
    (ready.root / "prove.py").write_text("raise SystemExit('not yet')\n")
    failed = ready.headstart("up")
    assert failed.returncode == 1
    assert "not yet" in failed.stderr
    assert len(asides(ready)) == 1
    (ready.root / "prove.py").write_text("import pluggy\n")
    assert steps(ready.up()) == ["verification", "cleanup"]
    assert asides(ready) == []
    assert ready.findings() == []


def test_a_replacement_that_cannot_be_made_gives_the_old_one_back(
    ready: Shop, tmp_path: Path
) -> None:
    version = "3.11.99"
    fake = tmp_path / "pyenv" / "versions" / version / "bin" / "python3.11"
    fake.parent.mkdir(parents=True)
    # It looks whole when it is asked, and then makes no environment.
    told = '{"version": "3.11.99", "machine": "", "missing": [], "openssl": "", "flags": "",'
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = -I ] && echo \'{told} "framework": ""}}\' && exit\nexit 1\n'
    )
    fake.chmod(0o755)
    (ready.root / ".python-version").write_text(f"{version}\n")
    failed = ready.headstart("up", PYENV_ROOT=str(tmp_path / "pyenv"))
    assert failed.returncode == 1, failed.stderr
    assert asides(ready) == []
    (ready.root / ".python-version").write_text(f"{PYTHON}\n")
    assert steps(ready.up()) == []


def test_a_python_that_is_not_there_is_refused_with_the_way_to_get_it(shop: Shop) -> None:
    (shop.root / ".python-version").write_text("3.12.99\n")
    refused = shop.headstart("up")
    assert refused.returncode == 4
    assert "does not know Python 3.12.99" in refused.stderr
    assert "pull" in refused.stderr
    assert not (shop.root / ".venv").exists()


def test_a_foreign_folder_is_refused_and_left_alone(shop: Shop) -> None:
    (shop.root / ".venv").mkdir()
    (shop.root / ".venv" / "thesis.txt").write_text("mine")
    refused = shop.headstart("up")
    assert refused.returncode == 4
    assert [at.name for at in (shop.root / ".venv").iterdir()] == ["thesis.txt"]


def test_another_pip_is_installed_in_place(ready: Shop) -> None:
    ready.edit("toolchain.yml", "26.3", "25.1")
    assert steps(ready.up()) == ["pip", "verification"]
    assert ready.findings() == []


def test_a_broken_pip_is_replaced(ready: Shop) -> None:
    (package,) = ready.root.glob(".venv/lib/*/site-packages/pip")
    shutil.rmtree(package)
    assert [each["step"] for each in ready.findings()] == ["pip", "packages"]
    (record,) = ready.root.glob(".venv/lib/*/site-packages/pip-*.dist-info/RECORD")
    record.unlink()
    assert steps(ready.up()) == ["pip"]
    assert ready.findings() == []


def test_a_changed_lock_removes_only_what_a_lock_brought(ready: Shop) -> None:
    pip = [str(ready.root / ".venv" / "bin" / "python"), "-m", "pip", "install", "-q", "toml"]

    subprocess.run(pip, check=True)
    assert steps(ready.up()) == []
    lock = ready.root / "requirements-dev.lock"
    lock.write_text(lock.read_text().partition("pluggy")[0])
    (ready.root / "prove.py").write_text("import iniconfig, toml\n")
    assert steps(ready.up()) == ["packages", "verification"]
    assert installed(ready) == {"pip", "iniconfig", "toml"}


def test_a_package_that_somebody_removed_comes_back(ready: Shop) -> None:
    (folder,) = ready.root.glob(".venv/lib/*/site-packages/pluggy-*.dist-info")
    shutil.rmtree(folder)
    assert steps(ready.up()) == ["packages"]
    assert ready.findings() == []


def test_a_wrong_hash_stops_the_run_and_says_so(shop: Shop) -> None:
    lock = shop.root / "requirements-dev.lock"
    lock.write_text(
        lock.read_text().replace("sha256:7dd7", "sha256:0000").replace("d1eaa4", "000000")
    )
    failed = shop.headstart("up")
    assert failed.returncode == 1
    assert "not the one that was locked" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (shop.root / "shop.db").exists()


def test_one_step_alone_needs_those_before_it(shop: Shop) -> None:
    refused = shop.headstart("up", "--only", "packages")
    assert refused.returncode == 4
    assert "Virtual environment" in refused.stderr
    assert steps(shop.up("--only", "venv")) == ["venv"]
    assert steps(shop.up("--only", "packages")) == ["packages"]


def test_an_unknown_step_is_refused_also_where_nothing_is_to_do(ready: Shop) -> None:
    assert ready.headstart("up", "--only", "venv").returncode == 0
    refused = ready.headstart("up", "--only", "coffee")
    assert refused.returncode == 64
    assert 'no step "coffee"' in refused.stderr
    assert ready.headstart("up", "--only", "proof").returncode == 0, "its name until 0.5.0"


def test_a_proof_is_repeated_only_when_asked_for_or_something_changed(ready: Shop) -> None:
    assert steps(ready.up("--prove")) == ["verification"]
    assert steps(ready.up("--prove", "--only", "proof")) == ["verification"]  # up to 0.5.0
    ready.edit("toolchain.yml", "  - python prove.py", "  - python prove.py\n  - python -V")
    assert steps(ready.up()) == ["verification"]


def test_a_new_migration_is_applied(ready: Shop) -> None:
    revision = ready.root / "migrate" / "versions" / "0003_c.py"
    revision.write_text('revision = "0003"\ndown_revision = "0002"\n')
    failed = ready.headstart("up")
    assert failed.returncode == 1
    assert "the database is at 0002, the code is at 0003" in failed.stderr
    ready.edit("migrate/run.py", "0002", "0003")
    assert steps(ready.up()) == ["migrations", "verification"]


def test_a_shared_environment_lives_outside_the_project(shop: Shop, tmp_path: Path) -> None:
    shared = tmp_path / "venvs"
    shop.edit("toolchain.yml", "in-project", f"shared\n  root: {shared}")
    shop.up()
    assert (shared / f"shop_{PYTHON}" / "bin" / "python").exists()
    assert not (shop.root / ".venv").exists()


def test_a_foreign_shell_environment_does_not_matter(shop: Shop, tmp_path: Path) -> None:
    running = shop.start(
        "up",
        VIRTUAL_ENV="/nowhere",
        PYTHONHOME="",
        PIP_REQUIRE_VIRTUALENV="1",
        PIP_TARGET=str(tmp_path / "target"),
        CONDA_PREFIX="/nowhere",
    )
    _, errors = running.communicate()
    assert running.returncode == 0, errors
    assert not (tmp_path / "target").exists()


def test_an_unreachable_index_is_named_as_the_cause(shop: Shop, tmp_path: Path) -> None:
    shop.up("--only", "venv")
    done = shop.headstart(
        "up",
        PIP_CONFIG_FILE="/dev/null",
        PIP_INDEX_URL="https://index.invalid/simple",
        PIP_FIND_LINKS=str(tmp_path),
        PIP_EXTRA_INDEX_URL="",
        PIP_NO_CACHE_DIR="1",
        PIP_RETRIES="1",
    )
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


def test_doctor_repairs_what_a_quick_look_does_not_see(ready: Shop) -> None:
    (package,) = ready.root.glob(".venv/lib/*/site-packages/pip")
    shutil.rmtree(package)
    assert steps(ready.up()) == []
    done = ready.headstart("doctor", "--fix")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ready.findings() == []


def test_what_has_run_and_that_nothing_is_to_do_is_told_to_people(ready: Shop) -> None:
    assert "shop is ready: nothing to do." in ready.headstart("plan").stdout
    assert "done: venv, packages, dotenv, migrations, verification" in (
        ready.headstart("journal").stdout
    )
    told = ready.headstart("capture").stdout
    assert f"shop Python {PYTHON} · pip {PIP}" in told
    assert "Nothing was changed." in told


def test_settings_without_an_example_are_for_a_person(ready: Shop) -> None:
    for name in (".env", ".env.example"):
        (ready.root / name).unlink()
    failed = ready.headstart("up")
    assert failed.returncode == 1
    assert ".env cannot be created: there is no .env.example" in failed.stderr
    assert "write .env yourself" in failed.stderr
