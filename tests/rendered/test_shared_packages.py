"""A project with packages from an index of its own: its locks, updates, image and pipelines."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import indexes, toolbox
from tests.conftest import headstart, rendered, said
from tests.indexes import LOGIN, Index
from tests.rendered.gates import run
from tests.rendered.tools import actionlint, findings, hadolint, of_schema, yamllint, zizmor

pytestmark = pytest.mark.slow

LOCKS = ("requirements.lock", "requirements-dev.lock")
ADDRESS = "https://packages.example.com/simple"
TOKEN = "t0ken-that-reads"
ENTRY = f"machine packages.example.com login team password {TOKEN}"


@pytest.fixture(params=["pip", "poetry"])
def packaging(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(tmp_path: Path, packaging: str) -> Path:
    """A project that is checked and shipped, with shared packages."""
    index = (f"package_index={ADDRESS}", "shared_packages=[acme-logging]")
    return rendered(tmp_path, *index, "features=[github, ecr]", f"packaging={packaging}")


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The index, whose password this process knows."""
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    with indexes.private(tmp_path / "ours") as index:
        index.add("acme-logging", "1.2.0", "ours", "wheel")
        yield index


def locked(shop: Path, name: str) -> list[str]:
    """The version of a package in each lock that has it."""
    texts = [(shop / lock).read_text("utf-8") for lock in LOCKS]
    return [version for text in texts for version in re.findall(rf"(?m)^{name}==(\S+)", text)]


def test_locks_are_the_project_s_own_and_updates_leave_them(tmp_path: Path, ours: Index) -> None:
    answers = (f"package_index={ours.simple}", "shared_packages=[acme-logging]")
    shop, state = rendered(tmp_path, *answers), tmp_path / "state"
    assert locked(shop, "acme-logging") == []
    headstart("capture", "--relock", cwd=shop, state=state)
    assert locked(shop, "acme-logging") == ["1.2.0", "1.2.0"]
    run(["git", "commit", "--quiet", "--all", "--message", "Lock"], shop)
    headstart("drift", "--fail", cwd=shop, state=state)
    ours.add("acme-logging", "1.3.0", "ours", "wheel")
    headstart("feature", "add", "operations", "--no-verify", cwd=shop, state=state)
    assert locked(shop, "acme-logging") == ["1.2.0", "1.2.0"]
    assert locked(shop, "cronsim") == []
    headstart("capture", "--relock", cwd=shop, state=state)
    assert locked(shop, "acme-logging") == ["1.2.0", "1.2.0"]
    assert len(locked(shop, "cronsim")) == len(LOCKS)


@pytest.mark.xdist_group("poetry")
def test_poetry_locks_what_only_that_index_knows(
    tmp_path: Path, ours: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in toolbox.told().items():
        monkeypatch.setenv(name, value)
    answers = (f"package_index={ours.simple}", "shared_packages=[acme-logging]")
    shop = rendered(tmp_path, *answers, "packaging=poetry")
    state = toolbox.state_with_poetry(tmp_path / "state")
    own = {**os.environ, "HEADSTART_STATE_DIR": str(state)}
    up = [sys.executable, "-m", "bootstrap", "up"]
    refused = said(up, shop, own, code=4)
    assert "poetry.lock lacks what pyproject.toml asks for: acme-logging" in refused
    assert "next: headstart capture --relock && headstart up" in refused
    headstart("capture", "--relock", cwd=shop, state=state)
    lock = (shop / "poetry.lock").read_text("utf-8")
    assert f'url = "{ours.simple}"\nreference = "shared"' in lock
    assert lock.count("[package.source]") == 1
    toolbox.poetry("check", "--lock", cwd=shop)
    run(["git", "commit", "--quiet", "--all", "--message", "Lock"], shop)
    headstart("drift", "--fail", cwd=shop, state=state)


def test_the_tools_of_the_field_find_nothing(shop: Path) -> None:
    workflows = sorted((shop / ".github/workflows").iterdir())
    assert findings(actionlint(*workflows)) == ""
    assert findings(zizmor(shop / ".github")) == ""
    assert findings(yamllint(*workflows)) == ""
    assert findings(hadolint(shop / "Dockerfile")) == ""
    assert findings(of_schema("vendor.compose-spec", shop / "compose.app.yaml")) == ""


def test_who_may_read_the_index_reaches_the_build_and_no_command_line(
    shop: Path, tmp_path: Path
) -> None:
    """Docker stands aside: what it is asked for, and what it is shown, is what is told."""
    docker, netrc = tmp_path / "docker", tmp_path / "netrc"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"; echo "shown: $INDEX_NETRC"\n')
    docker.chmod(0o755)
    image = ["make", "--silent", "image", f"DOCKER={docker}"]
    nobody = {**os.environ, "HOME": str(tmp_path)}
    assert "docs/shared_packages.md" in said(image, shop, nobody, code=2)
    told = {"UV_INDEX_SHARED_USERNAME": "team", "UV_INDEX_SHARED_PASSWORD": TOKEN}
    asked, _, shown = said(image, shop, nobody | told).partition("shown: ")
    assert "--secret\nid=netrc,env=INDEX_NETRC\n" in asked
    assert TOKEN not in asked
    assert shown == f"{ENTRY}\n"
    netrc.write_text("machine packages.example.com login me password mine\n")
    by_file = said(image, shop, nobody | {"NETRC": str(netrc)})
    assert by_file.endswith(f"shown: {netrc.read_text()}")


def test_the_image_has_the_secret_in_one_step_and_in_no_layer(shop: Path) -> None:
    dockerfile = (shop / "Dockerfile").read_text("utf-8")
    (step,) = (each for each in re.split(r"\n(?=[A-Z]+ )", dockerfile) if "netrc" in each)
    assert "--mount=type=secret,id=netrc,target=/root/.netrc,required=true" in step
    assert re.search(r"pip .* install|poetry install", step)
    pushed = yaml.safe_load((shop / ".github/workflows/image.yml").read_text("utf-8"))
    (build,) = (each for each in pushed["jobs"]["push"]["steps"] if "secrets." in str(each))
    assert build["with"]["secrets"] == (
        "netrc=machine packages.example.com login ${{ secrets.UV_INDEX_SHARED_USERNAME }}"
        " password ${{ secrets.UV_INDEX_SHARED_PASSWORD }}"
    )


@pytest.mark.parametrize("packaging", ["pip"], indirect=True)
def test_a_workflow_shows_its_secrets_to_one_step(shop: Path, tmp_path: Path) -> None:
    """The step is run by a shell; a Python that stands aside tells what it is asked and shown."""
    workflow = yaml.safe_load((shop / ".github/workflows/check.yml").read_text("utf-8"))
    (step,) = (each for each in workflow["jobs"]["check"]["steps"] if "secrets." in str(each))
    python, netrc = tmp_path / "bin/python", tmp_path / "netrc"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\n[ "$2" = venv ] && mkdir -p .venv/bin && ln -s "$0" .venv/bin/python\n'
        'echo "$@" $PIP_EXTRA_INDEX_URL; cat "$NETRC" 2>/dev/null; true\n'
    )
    python.chmod(0o755)
    given = {"NETRC": str(netrc), "INDEX_USERNAME": "team", "INDEX_PASSWORD": TOKEN}
    assert step["env"].keys() == given.keys()
    path = {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    *others, install, shown = said(
        ["bash", "-e", "-c", step["run"]], tmp_path, os.environ | given | path
    ).splitlines()
    assert install.endswith(f"--requirement requirements-dev.lock {ADDRESS}")
    assert ADDRESS not in "".join(others)
    assert shown == ENTRY
    assert TOKEN not in "".join((*others, install))
    assert not netrc.exists()


@pytest.mark.parametrize("packaging", ["poetry"], indirect=True)
def test_poetry_is_shown_them_in_one_step_too(shop: Path) -> None:
    workflow = yaml.safe_load((shop / ".github/workflows/check.yml").read_text("utf-8"))
    (step,) = (each for each in workflow["jobs"]["check"]["steps"] if "secrets." in str(each))
    assert "poetry install" in step["run"]
    assert all(name.startswith("POETRY_HTTP_BASIC_SHARED_") for name in step["env"])
