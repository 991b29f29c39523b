"""What IDEs are told is true: every interpreter, module, command and folder is there."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bootstrap.machine import pins
from bootstrap.machine.facts import ide
from tests.conftest import rendered

pytestmark = pytest.mark.slow

CHOSEN = ("preset=custom", "features=pycharm,vscode")


def configurations(shop: Path) -> Iterator[ET.Element]:
    for path in sorted((shop / ".run").iterdir()):
        root = ET.parse(path).getroot()  # noqa: S314 - our own
        assert (root.tag, root.get("name")) == ("component", "ProjectRunConfigurationManager")
        (configuration,) = root
        yield configuration


def options(configuration: ET.Element) -> dict[str, str]:
    return {str(each.get("name")): str(each.get("value")) for each in configuration.iter("option")}


def test_pycharm_runs_what_is_there_with_the_projects_interpreter(tmp_path: Path) -> None:
    shop = rendered(tmp_path, *CHOSEN)
    found = {str(each.get("name")): each for each in configurations(shop)}
    assert found.keys() == {"api", "worker", "api and worker", "tests", "migrate"}
    together = found.pop("api and worker")
    for each in together.iter("toRun"):
        assert found[str(each.get("name"))].get("type") == each.get("type")
    for configuration in found.values():
        told = options(configuration)
        assert (told["SDK_HOME"], told["IS_MODULE_SDK"]) == ("", "true")
        assert told["WORKING_DIRECTORY"] == "$PROJECT_DIR$"
        module = configuration.find("module")
        assert module is not None
        assert module.get("name") == shop.name
        assert not any(str(Path.home()) in value for value in told.values())
    target = json.loads(options(found["tests"])["_new_target"]).replace("$PROJECT_DIR$", str(shop))
    assert Path(target).is_dir()


def test_what_the_ides_run_can_be_run(everything: Path) -> None:
    python = everything / ".venv" / "bin" / "python"
    launched = [
        (each["module"], each["args"])
        for each in json.loads((everything / ".vscode/launch.json").read_text())["configurations"]
    ]
    for configuration in configurations(everything):
        told = options(configuration)
        if told.get("MODULE_MODE") == "true":
            launched.append((told["SCRIPT_NAME"], shlex.split(told["PARAMETERS"])))
    assert len(launched) == 7
    for module, arguments in launched:
        command = [python, "-m", module, *arguments, "--help"]
        done = subprocess.run(command, cwd=everything, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_vscode_knows_what_it_starts_together(tmp_path: Path) -> None:
    shop = rendered(tmp_path, *CHOSEN)
    documents = {path.stem: json.loads(path.read_text()) for path in (shop / ".vscode").iterdir()}
    assert documents.keys() == {"settings", "launch", "extensions"}
    launch = documents["launch"]
    names = {each["name"] for each in launch["configurations"]}
    assert all(set(each["configurations"]) <= names for each in launch["compounds"])
    assert {each["type"] for each in launch["configurations"]} == {"debugpy"}
    tests = documents["settings"]["python.testing.pytestArgs"]
    assert all((shop / folder).is_dir() for folder in tests)


@pytest.mark.parametrize("layout", ["in-project", "shared"])
def test_vscode_looks_at_the_interpreter_that_up_makes(tmp_path: Path, layout: str) -> None:
    shop = rendered(tmp_path, *CHOSEN, f"venv_layout={layout}")
    settings = json.loads((shop / ".vscode/settings.json").read_text())
    named = settings["python.defaultInterpreterPath"]
    assert named.endswith("/bin/python")
    pinned = pins.read(shop)
    assert pinned.ide == ("pycharm", "vscode")
    assert ide.look(pinned).vscode == ""
