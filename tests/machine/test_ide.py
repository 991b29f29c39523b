"""PyCharm gets to know the interpreter, and loses nothing by it; VS Code's settings are checked."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from bootstrap.machine.edits import pycharm
from bootstrap.machine.edits.pycharm import PycharmSdk
from tests.machine.conftest import PYTHON, Shop

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = """\
<application>
  <component name="ProjectJdkTable">
    <jdk version="2">
      <name value="Python 3.9 (kept &amp; old)" />
      <type value="Python SDK" />
      <version value="Python 3.9.21" />
      <homePath value="$USER_HOME$/venvs/kept/bin/python" />
      <roots><classPath><root type="composite" /></classPath></roots>
      <additional SDK_UUID="1-2-3" ASSOCIATED_PROJECT_PATH="$USER_HOME$/kept" />
    </jdk>
  </component>
  <component name="Unrelated"><option name="jdk" value="mine" /></component>
</application>
"""


@pytest.fixture
def folder(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a PyCharm that has run here, for a project that pins it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shop.edit("toolchain.yml", "proof:", "ide: [pycharm, vscode]\nproof:")
    folder = tmp_path / "config" / "JetBrains" / "PyCharm2026.2"
    (folder / "options").mkdir(parents=True)
    pycharm.table_in(folder).write_text(OTHERS)
    return folder


def known(folder: Path) -> dict[str, str]:
    text = pycharm.table_in(folder).read_text()
    return {each.name: each.home for each in pycharm.sdks_in(text)}


def steps(shop: Shop) -> list[str]:
    found: list[str] = shop.up()[-1].get("steps", [])  # type: ignore[assignment]
    return found


@pytest.mark.slow
def test_pycharm_gets_to_know_the_interpreter_and_undo_takes_it_back(
    shop: Shop, folder: Path
) -> None:
    planned = json.loads(shop.headstart("plan", "--json").stdout)["steps"]
    (step,) = (each for each in planned if each["name"] == "ide")
    assert step["reason"] == "PyCharm 2026.2 does not know .venv/bin/python"
    assert f"add shop_{PYTHON} to " in step["commands"][0]
    shop.up()
    assert known(folder)[f"shop_{PYTHON}"] == str(shop.root / ".venv" / "bin" / "python")
    misc = ET.parse(shop.root / ".idea" / "misc.xml").getroot()  # noqa: S314 - our own
    manager = misc.find("component")
    assert manager is not None
    assert manager.get("project-jdk-name") == f"shop_{PYTHON}"
    assert steps(shop) == []
    assert shop.findings() == []
    (backup,) = shop.state.glob("projects/*/backups/PyCharm2026.2.*")
    assert backup.read_text() == OTHERS
    assert shop.headstart("undo", "--yes").returncode == 0
    assert pycharm.table_in(folder).read_text() == OTHERS
    assert not (shop.root / ".idea" / "misc.xml").exists()


@pytest.mark.slow
def test_a_running_pycharm_is_left_alone_and_a_person_is_told_the_clicks_once(
    shop: Shop, folder: Path
) -> None:
    (folder / ".lock").write_text(str(os.getpid()))
    (told,) = (
        event for event in shop.up() if event.get("name") == "ide" and event.get("state") == "done"
    )
    assert "is running" in str(told["result"])
    assert str(shop.root / ".venv" / "bin" / "python") in str(told["details"])
    assert pycharm.table_in(folder).read_text() == OTHERS
    assert steps(shop) == []
    (finding,) = shop.findings()
    assert (finding["step"], finding["level"]) == ("ide", "notice")
    (folder / ".lock").unlink()
    assert steps(shop) == ["ide"]
    assert f"shop_{PYTHON}" in known(folder)
    (folder / ".lock").write_text(str(os.getpid()))
    kept = shop.headstart("undo", "--yes", "--json").stdout
    assert "PyCharm is running" in kept
    assert f"shop_{PYTHON}" in known(folder)


@pytest.mark.slow
def test_a_list_that_cannot_be_read_stays_and_no_pycharm_fails_nothing(
    shop: Shop, folder: Path
) -> None:
    pycharm.table_in(folder).write_text("<application><component")
    assert "ide" in steps(shop)
    assert pycharm.table_in(folder).read_text() == "<application><component"
    assert steps(shop) == []
    pycharm.table_in(folder).unlink()
    (folder / "options").rmdir()
    assert steps(shop) == ["ide"]
    assert steps(shop) == []
    assert shop.findings() == []
    assert not (shop.root / ".idea").exists()


@pytest.mark.slow
def test_what_is_in_the_folder_already_is_not_touched(shop: Shop, folder: Path) -> None:
    (shop.root / ".idea").mkdir()
    (shop.root / ".idea" / "workspace.xml").write_text("<project />")
    shop.up()
    assert f"shop_{PYTHON}" in known(folder)
    assert [at.name for at in (shop.root / ".idea").iterdir()] == ["workspace.xml"]


@pytest.mark.slow
def test_another_checkout_keeps_the_name_while_its_interpreter_is_there(
    shop: Shop, folder: Path, tmp_path: Path
) -> None:
    other = PycharmSdk(f"shop_{PYTHON}", str(tmp_path / "other"))
    text = pycharm.with_sdk(OTHERS, other, PYTHON)
    pycharm.table_in(folder).write_text(text)
    (tmp_path / "other").touch()
    shop.up()
    assert known(folder)[other.name] == other.home
    assert known(folder)[f"{other.name} (2)"] == str(shop.root / ".venv" / "bin" / "python")
    (tmp_path / "other").unlink()
    pycharm.table_in(folder).write_text(text)
    shop.up()
    assert known(folder)[other.name] == str(shop.root / ".venv" / "bin" / "python")
    assert len(known(folder)) == 2


@pytest.mark.slow
def test_vscode_is_told_when_it_looks_at_another_interpreter(shop: Shop, folder: Path) -> None:
    (folder / "options" / "jdk.table.xml").unlink()
    settings = shop.root / ".vscode" / "settings.json"
    settings.parent.mkdir()
    setting = '{{\n  // by hand\n  "python.defaultInterpreterPath": "{}"\n}}\n'
    settings.write_text(setting.format("${env:HOME}/venvs/shop_3.9.21/bin/python"))
    shop.up()
    (finding,) = shop.findings()
    assert "names ${env:HOME}/venvs/shop_3.9.21/bin/python" in finding["problem"]
    settings.write_text(setting.format(finding["repair"].split('"')[-2]))
    assert shop.findings() == []


@pytest.mark.parametrize(
    "text",
    [
        OTHERS,
        OTHERS.replace("\n", "\r\n"),
        '<application>\n  <component name="ProjectJdkTable" />\n</application>\n',
        '<application>\n  <component name="ProjectJdkTable"/>\n</application>',
        "<application>\n</application>\n",
        "<application>\n  <component name='Other' />\n</application>",
    ],
)
def test_an_entry_is_added_and_taken_back_without_losing_anything(text: str) -> None:
    before = pycharm.sdks_in(text)
    ours = PycharmSdk("shop_3.13.0", '/home/a & b/"v"/bin/python')
    added = pycharm.with_sdk(text, ours, "3.13.0")
    assert set(pycharm.sdks_in(added)) == {*before, ours}
    assert pycharm.with_sdk(added, ours, "3.13.0") == added
    back = pycharm.without_sdk(added, ours)
    assert pycharm.sdks_in(back) == before
    untouched = [line for line in text.splitlines() if "ProjectJdkTable" not in line]
    assert [line for line in untouched if line not in back] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<application>",
        # Quoted as PyCharm does not: what cannot be found in the text is not changed either.
        "<application><component name='ProjectJdkTable'/></application>",
    ],
)
def test_a_list_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(pycharm.UnreadableError):
        pycharm.with_sdk(text, PycharmSdk("shop_3.13.0", "/p"), "3.13.0")


def test_the_folders_of_every_pycharm_are_found_the_newest_last(tmp_path: Path) -> None:
    mac = tmp_path / "Library" / "Application Support" / "JetBrains"
    linux = tmp_path / ".config" / "JetBrains"
    for at in (mac / "PyCharm2026.1", linux / "PyCharmCE2024.3", linux / "PyCharm2026.10"):
        (at / "options").mkdir(parents=True)
    for at in (linux / "IntelliJIdea2026.1", linux / "PyCharm2026.1-backup"):
        (at / "options").mkdir(parents=True)
    names = [at.name for at in pycharm.settings_folders(tmp_path, {})]
    assert names == ["PyCharmCE2024.3", "PyCharm2026.1", "PyCharm2026.10"]
