"""Which changes of a project's file are changes of what is installed, by the tool that installs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.machine import installers
from bootstrap.machine.installers.installer import digest
from bootstrap.machine.pins import read

POETRY = "[tool.poetry]\npackage-mode = false\n"
UV_LOCK = '[[package]]\nname = "shop"\nversion = "0.1.0"\nsource = { virtual = "." }\n'
SOURCES = ", sources: [pyproject.toml]"
KINDS = {
    "poetry": ("poetry", "poetry.lock", "", POETRY),
    "poetry that installs the project": ("poetry", "poetry.lock", "", ""),
    "uv": ("uv", "uv.lock", "", ""),
    "uv that installs the project": ("uv", "uv.lock", "", "[tool.uv]\npackage = true\n"),
    "pdm": ("pdm", "pdm.lock", "", "[tool.pdm]\ndistribution = false\n"),
    "pip": ("pip", "requirements.lock", "", ""),
    "pip with a source": ("pip", "requirements.lock", SOURCES, ""),
    "pip that installs the project": (
        "pip",
        "requirements.lock",
        f"{SOURCES}, project: editable",
        "",
    ),
    "pip whose list names the folder": ("pip", "requirements.lock", SOURCES, "# -e .\n"),
}
ASKING = {
    "a dependency": ('dependencies = ["a"]', 'dependencies = ["a", "b"]'),
    "the Python": ('requires-python = ">=3.11"', 'requires-python = ">=3.12"'),
    "a group": ('dev = ["c"]', "dev = []"),
    "one that cannot be read": ('version = "0.1.0"', "version = "),
}
IDLE = {
    "a linter": ("line-length = 100", "line-length = 99"),
    "a comment": ("# ours", "# yours"),
}
VERSION = ('version = "0.1.0"', 'version = "0.2.0"')


@pytest.fixture
def shop(tmp_path: Path, kind: str) -> Path:
    """A project of that kind, as far as its digest goes."""
    installer, lock, more, tool = KINDS[kind]
    packages = f"{{installer: {installer}, lock: {lock}{more}}}"
    (tmp_path / ".python-version").write_text("3.11.7\n")
    (tmp_path / "toolchain.yml").write_text(
        f'version: 1\nproject: shop\npip: "26.3"\n'
        f"venv: {{layout: in-project}}\npackages: {packages}\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '# ours\n[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n'
        'dependencies = ["a"]\n[dependency-groups]\ndev = ["c"]\n[tool.ruff]\nline-length = 100\n'
        f"{tool}"
    )
    locked = UV_LOCK.replace("virtual", "editable") if "package = true" in tool else UV_LOCK
    (tmp_path / lock).write_text(tool[2:] if tool.startswith("# -e") else locked)
    return tmp_path


def is_change(shop: Path, change: tuple[str, str], name: str = "pyproject.toml") -> bool:
    """Whether what is installed is another after a change of a file, which stays."""
    pins = read(shop)
    before = digest(installers.of(pins), pins)
    text = (shop / name).read_text("utf-8")
    assert change[0] in text
    (shop / name).write_text(text.replace(*change), "utf-8")
    return digest(installers.of(pins), pins) != before


@pytest.mark.parametrize("kind", KINDS)
def test_what_asks_for_packages_decides_and_what_is_for_others_does_not(shop: Path) -> None:
    for change in IDLE.values():
        assert not is_change(shop, change)
    reads_it = "pyproject" in "".join(map(str, installers.of(read(shop)).inputs(read(shop))))
    for change in ASKING.values():
        assert is_change(shop, change) == reads_it


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_is_a_part_of_what_is_installed_where_the_project_itself_is(
    shop: Path, kind: str
) -> None:
    is_installed = "the project" in kind or "the folder" in kind
    assert is_change(shop, VERSION) == is_installed
    if kind.startswith("uv"):
        assert is_change(shop, VERSION, "uv.lock") == is_installed


@pytest.mark.parametrize("kind", ["uv"])
def test_a_version_of_another_package_in_uvs_lock_decides(shop: Path) -> None:
    lock = shop / "uv.lock"
    lock.write_text(
        f'{UV_LOCK}\n[[package]]\nname = "a"\nversion = "1.0"\nsource = {{ registry = "x" }}\n'
    )
    assert is_change(shop, ('version = "1.0"', 'version = "2.0"'), "uv.lock")
