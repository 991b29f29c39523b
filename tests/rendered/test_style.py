"""Two styles of one source: black and isort leave what ruff leaves, and each its own project."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import rendered
from tests.rendered.conftest import EVERYTHING
from tests.rendered.gates import files, run
from tests.rendered.matrix import only
from tests.rendered.test_add_resource import ALL, changes, commit, headstart, with_tools

pytestmark = pytest.mark.slow

# What a person reads of the other style in a project.
TRACES = {
    "ruff": r"\bruff(\", \"|\.| )format|lint\.isort",
    "black-isort": r"\bblack\b|\bisort\b",
}
UNSORTED = 'import os\nimport ast\n\n__all__ = ["ast", "os"]\n'
UNFORMATTED = 'ANSWER = {  "a": 1 }\n'


def styled(folder: Path, style: str, everything: Path, *answers: str) -> Path:
    return with_tools(rendered(folder, *answers, f"style={style}"), everything)


def python(shop: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(shop)): path.read_bytes()
        for path in files(shop)
        if path.suffix == ".py"
    }


@pytest.mark.parametrize("style", TRACES)
def test_each_formatter_leaves_all_files_of_both_styles_as_they_are(
    tmp_path: Path, everything: Path, style: str
) -> None:
    shop = styled(tmp_path, style, everything, *EVERYTHING)
    assert python(shop) == python(everything)
    run(["make", "style"], shop, RUFF_NO_CACHE="true")
    run(["make", "format"], shop, RUFF_NO_CACHE="true")
    assert changes(shop) == []


def test_both_leave_what_a_trunk_has_instead(tmp_path: Path, everything: Path) -> None:
    shop = styled(tmp_path, "black-isort", everything, *only(), "workflow=trunk")
    run(["make", "style"], shop, RUFF_NO_CACHE="true")


@pytest.mark.parametrize("style", TRACES)
@pytest.mark.parametrize("planted", [UNSORTED, UNFORMATTED])
def test_what_is_not_in_style_is_found_and_repaired(
    tmp_path: Path, everything: Path, style: str, planted: str
) -> None:
    shop = styled(tmp_path, style, everything, *only())
    (shop / "app/planted.py").write_text(planted)
    command = ["/usr/bin/make", "style"]
    found = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "planted.py" in found.stdout + found.stderr
    run(["make", "format"], shop)
    run(["make", "style"], shop)
    mended = (shop / "app/planted.py").read_text()
    assert mended in {'import ast\nimport os\n\n__all__ = ["ast", "os"]\n', 'ANSWER = {"a": 1}\n'}


@pytest.mark.parametrize("style", TRACES)
def test_a_style_leaves_no_trace_of_the_other(tmp_path: Path, style: str) -> None:
    shop = rendered(tmp_path, *only("vscode", "pre_commit", "github"), f"style={style}")
    (other,) = (each for name, each in TRACES.items() if name != style)
    found = [
        f"{path.relative_to(shop)}: {line}"
        for path in files(shop)
        if path.name != ".copier-answers.yml"
        for line in path.read_text("utf-8").splitlines()
        if re.search(other, line) and not (style == "ruff" and "lint.isort" in line)
    ]
    assert found == []


@pytest.mark.nightly
def test_what_is_added_and_what_is_migrated_is_in_the_projects_style(
    tmp_path: Path, everything: Path
) -> None:
    shop = styled(tmp_path, "black-isort", everything, *only())
    headstart(shop, "add", "resource", "Customer", "email:email!", "name:str")
    commit(shop)
    headstart(shop, "add", "resource", "UserOrder", *ALL, "--job")
    settings = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'app.db'}"}
    model = shop / "app/modules/profiles/models.py"
    field = "    full_name: Mapped[str]"
    assert field in model.read_text()
    model.write_text(model.read_text().replace(field, f"    nick: Mapped[str | None]\n{field}", 1))
    for words in (("upgrade",), ("revision", "-m", "add a nick")):
        command = [str(shop / ".venv/bin/python"), "-m", "migrate", *words]
        subprocess.run(command, cwd=shop, env=settings, check=True, capture_output=True)
    assert list((shop / "migrate/versions").glob("*add_a_nick.py"))
    run(["make", "style"], shop)
    commit(shop)
    run(["make", "format"], shop)
    assert changes(shop) == []
