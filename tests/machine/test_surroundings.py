"""What surrounds a run does not lead it astray, and is told as what it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.machine.conftest import Shop

HEADSTART = Path(sys.executable).with_name("headstart")
HOSTILE = "raise SystemExit('hostile')\n"


def run(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept | more,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of packages that nobody should import."""
    for name in ("typer", "yaml", "jinja2", "packaging"):
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    return tmp_path


@pytest.mark.parametrize("program", [(HEADSTART,), (sys.executable, "-m", "bootstrap")])
def test_the_packages_of_a_pythonpath_or_of_this_folder_are_not_ours(
    hostile: Path, program: tuple[str | Path, ...]
) -> None:
    for path in ("", ".", str(hostile)):
        done = run(*program, "presets", cwd=hostile, PYTHONPATH=path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("minimal")


def test_the_standard_library_is_not_taken_from_a_pythonhome(tmp_path: Path) -> None:
    for folder in ("lib/python3.0", "lib"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    plain = run(HEADSTART, "--version", cwd=tmp_path)
    home = sys.base_prefix
    assert run(HEADSTART, "--version", cwd=tmp_path, PYTHONHOME=home).stdout == plain.stdout


def test_a_package_of_a_users_site_is_not_ours(tmp_path: Path) -> None:
    """In a Python that looks there: the one under the environment, with Headstart on its path."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (site / "typer.py").write_text(HOSTILE)
    python = Path(sys.base_prefix) / "bin" / version
    ours = Path(sys.prefix) / "lib" / version / "site-packages"
    begin = f"import sys; sys.path += [{str(ROOT)!r}, {str(ours)!r}]; sys.argv[1:] = ['presets']; "
    misled = begin + "import bootstrap.cli; bootstrap.cli.main()"
    assert "hostile" in run(python, "-c", misled, cwd=tmp_path, PYTHONUSERBASE=str(tmp_path)).stderr
    judged = begin + "from bootstrap.entry import _is_misled; print(_is_misled())"
    for base, expected in ((tmp_path, "True\n"), (tmp_path / "none", "False\n")):
        told = run(python, "-c", judged, cwd=tmp_path, PYTHONUSERBASE=str(base))
        assert told.stdout == expected, told.stderr


@pytest.mark.parametrize("arguments", [("presets",), ("versions", "--json")])
@pytest.mark.parametrize("closed", ["exec >&-", "exec >/dev/full"], ids=["closed", "full"])
def test_a_result_that_cannot_be_written_is_told_and_is_a_failure(
    tmp_path: Path, arguments: tuple[str, ...], closed: str
) -> None:
    command = f'{closed}; exec "$0" "$@"'
    done = run("sh", "-c", command, HEADSTART, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "The result could not be written to standard output." in done.stderr


def test_a_file_never_takes_the_place_of_a_closed_stream() -> None:
    """Or what commands print would end in it."""
    program = "import os; from bootstrap.entry import _fill_closed_streams as fill; fill(); "
    program += "print(os.open('/dev/null', 0))"
    done = run("sh", "-c", 'exec <&-; exec "$0" "$@"', sys.executable, "-c", program, cwd=ROOT)
    assert int(done.stdout) > 2


@pytest.mark.parametrize(
    "command", ["plan", "up", "check", "doctor", "status", "new shop --defaults", "capture", "undo"]
)
def test_a_folder_that_is_gone_is_told(tmp_path: Path, command: str) -> None:
    script = f'cd gone && rmdir ../gone && exec "$0" {command}'
    (tmp_path / "gone").mkdir()
    done = run("sh", "-c", script, HEADSTART, cwd=tmp_path)
    assert done.returncode == 64
    assert "The folder that you are in has been deleted." in done.stderr
    assert "next: cd to one that is there" in done.stderr


@pytest.mark.slow
def test_an_installation_goes_where_the_project_says_whatever_pip_conf_says(
    shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "config" / "pip"
    folder.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    (folder / "pip.conf").write_text(f"[install]\ntarget = {elsewhere}\nno-index = true\n")
    done = shop.headstart("up", XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not elsewhere.exists()
    assert shop.findings() == []
