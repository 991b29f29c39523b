"""What a command does not do, because it is known already or nobody needs it here.

What that saves in seconds the benchmark of the machine half tells.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.machine.facts import interpreter
from bootstrap.machine.pip_settings import as_told_to_uv
from tests.machine.conftest import PIP, Shop

UV = Path(sys.executable).parent / "uv"
HEAVY = {
    *("copier", "jinja2", "packaging", "questionary", "rich", "tomllib", "virtualenv", "yaml"),
    *("bootstrap.project", "bootstrap.commands.update", "bootstrap.machine.facts.records"),
}


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def makers(shop: Shop) -> list[tuple[object, object]]:
    made = (entry for entry in shop.journal() if entry["event"] == "venv-made")
    return [(entry["by"], entry["because"]) for entry in made]


@pytest.mark.parametrize("command", [("check",), ("up",), ("--version",)])
def test_a_command_with_nothing_to_do_imports_nothing_heavy(
    ready: Shop, command: tuple[str]
) -> None:
    assert ready.headstart(*command).returncode == 0
    argv = (sys.executable, "-X", "importtime", *ready.argv(*command)[1:])
    environment = {k: v for k, v in ready.environment({}).items() if k != "PYTHONPATH"}
    done = subprocess.run(
        argv, cwd=ready.root, env=environment, capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "bootstrap.cli" in imported
    assert imported & HEAVY == set()


def test_an_interpreter_is_asked_again_only_where_something_it_had_loaded_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = tmp_path.glob("venv/lib/*/site-packages")
    (site / "mine.pth").write_text("import mine\n")
    module, log = site / "mine.py", tmp_path / "asked"
    module.write_text("")
    python = program(tmp_path / "python", f'echo >> "{log}"; exec {tmp_path}/venv/bin/python "$@"')

    def asked() -> int:
        version = ".".join(map(str, sys.version_info[:3]))
        assert "built without" not in (interpreter.defect(python, version) or "")
        return len(lines(log))

    assert (asked(), asked()) == (1, 2)  # what has only just been written may be half of it
    monkeypatch.setattr(interpreter, "_COARSE", -(10**12))
    assert (asked(), asked(), asked()) == (3, 3, 3)
    module.write_text("changed = True\n")
    assert (asked(), asked()) == (4, 4)
    (site / "mine.pth").unlink()
    module.unlink()
    assert (asked(), asked()) == (5, 5)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert asked() == 6


@pytest.mark.slow
def test_uv_makes_the_environment_where_it_is_here_and_who_did_is_told(
    shop: Shop, tmp_path: Path
) -> None:
    path, log = shop.environment({})["PATH"], tmp_path / "told"
    program(tmp_path / "uv/uv", f'echo "$1 $2" >> "{log}"; exec {UV} "$@"')
    program(tmp_path / "old/uv", "echo error: unexpected argument; exit 2")
    shop.edit("toolchain.yml", "installer: pip", "installer: uv")
    assert shop.headstart("up", PATH=f"{tmp_path}/uv:{path}").returncode == 0
    assert lines(log) == ["venv --no-project", "pip install", "pip install"]
    # Whether all fits together is for those who ask.
    assert shop.headstart("doctor", PATH=f"{tmp_path}/uv:{path}").returncode == 0
    assert lines(log)[3:] == ["pip check"]
    shop.edit("toolchain.yml", "installer: uv", "installer: pip")
    for folder in ("uv", "old"):
        shutil.rmtree(shop.root / ".venv")
        done = shop.headstart("up", "--only", "venv", PATH=f"{tmp_path}/{folder}:{path}")
        assert done.returncode == 0, done.stderr
        assert next(shop.root.glob(".venv/lib/*/site-packages/pip-*")).name.startswith(f"pip-{PIP}")
    why = "error: unexpected argument"
    assert f"by virtualenv, because uv said: {why}" in done.stderr
    assert makers(shop) == [("uv", ""), ("uv", ""), ("virtualenv", why)]


def test_uv_is_told_where_pip_takes_things_from_or_is_not_asked() -> None:
    said = {"HOME": "/nowhere", "PIP_CONFIG_FILE": "/dev/null", "UV_DEFAULT_INDEX": "https://other"}
    both = {"PIP_INDEX_URL": "https://mirror", "PIP_EXTRA_INDEX_URL": "https://a https://b"}
    told = as_told_to_uv(said | both | {"PIP_FIND_LINKS": "/one /two", "PIP_TIMEOUT": "3"}) or {}
    assert {name: value for name, value in told.items() if name.startswith("UV_")} == {
        "UV_INDEX_URL": "https://mirror",
        "UV_EXTRA_INDEX_URL": "https://a https://b",
        "UV_FIND_LINKS": "/one,/two",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert as_told_to_uv(said | {"PIP_TRUSTED_HOST": "mirror"}) is None
