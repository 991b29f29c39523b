"""The template that belongs to this package, and plain Copier's view of it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

from bootstrap.errors import HeadstartError
from bootstrap.project import template
from tests import forkserver
from tests.project.conftest import Run, commit_all, git, made, tree

ANSWERS = ("--data", "python_version=3.13.0")


def run(*command: str | Path, cwd: Path) -> Run:
    finished = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished


def copy_with_copier(checkout: Path, destination: Path, *data: str) -> None:
    """Render as someone does who only knows Copier, and does not trust us."""
    options = ("--defaults", "--quiet", "--vcs-ref", "HEAD", *ANSWERS, *data)
    command = ("-m", "copier", "copy", *options, str(checkout), str(destination))
    done = forkserver.of_headstart().run(*command, cwd=checkout.parent, env=os.environ)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def clone(checkout: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkout, tmp_path / "clone", symlinks=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    [
        ("preset=minimal",),
        ("preset=custom",),
        ("preset=custom", "database=postgresql", "features=[operations, telemetry, cache]"),
        (
            "preset=custom",
            "database=mysql",
            "features=[cache, security, pycharm, vscode, agents, devcontainer]",
        ),
    ],
)
def test_plain_copier_and_headstart_render_the_same_bytes(
    clone: Path, tmp_path: Path, answers: tuple[str, ...]
) -> None:
    here = {"PYTHONPATH": str(clone)}
    (tmp_path / "ours").mkdir()
    data = [word for answer in answers for word in ("--data", answer)]
    report = made("ours/shop", *data, *ANSWERS, cwd=tmp_path, environment=here)
    copy_with_copier(clone, tmp_path / "theirs/shop", *data)
    assert tree(tmp_path / "ours/shop") == tree(tmp_path / "theirs/shop")
    label = git("describe", "--always", cwd=clone)
    assert report["template"] == {"version": label, "released": False}


def test_what_git_ignores_is_not_rendered_and_what_is_new_is(clone: Path, tmp_path: Path) -> None:
    before = made("one/shop", cwd=parent(tmp_path, "one"), environment={"PYTHONPATH": str(clone)})
    (clone / "template/.venv/lib").mkdir(parents=True)
    (clone / "template/.venv/lib/junk.txt").touch()
    (clone / "template/__pycache__").mkdir()
    (clone / "template/__pycache__/junk.pyc").touch()
    (clone / "template/fresh.txt").write_text("fresh")
    after = made("two/shop", cwd=parent(tmp_path, "two"), environment={"PYTHONPATH": str(clone)})
    assert after["files"] == int(str(before["files"])) + 1
    assert (tmp_path / "two/shop/fresh.txt").read_text() == "fresh"


def parent(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path


def test_a_checkout_at_a_tag_is_released_until_it_is_changed(clone: Path) -> None:
    git("tag", "v9.8.7", cwd=clone)
    found = template.from_checkout(clone)
    assert (found.version, found.released) == ("v9.8.7", True)
    (clone / "copier.yml").write_text("")
    assert template.from_checkout(clone).released is False


def test_a_checkout_after_a_tag_is_described_by_it(clone: Path) -> None:
    git("tag", "v9.8.7", cwd=clone)
    (clone / "more").touch()
    commit_all(clone)
    found = template.from_checkout(clone)
    assert found.version.startswith("v9.8.7-1-g")
    assert found.released is False


def test_sources_without_git_are_head(clone: Path, tmp_path: Path) -> None:
    shutil.rmtree(clone / ".git")
    assert template.from_checkout(clone).version == "HEAD"
    git("init", "--quiet", cwd=tmp_path)  # a repository around them is not theirs
    assert template.from_checkout(clone).version == "HEAD"
    report = made("shop", cwd=tmp_path, environment={"PYTHONPATH": str(clone)})
    assert report["template"] == {"version": "HEAD", "released": False}


def test_a_repository_before_its_first_commit_is_head(clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    git("init", "--quiet", cwd=clone)
    assert template.from_checkout(clone).version == "HEAD"


def test_an_installation_without_template_says_so(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="has no template"):
        template.locate(tmp_path / "bootstrap")


def test_a_mistake_in_the_template_is_told_without_a_traceback(clone: Path, tmp_path: Path) -> None:
    (clone / "template/broken.txt.jinja").write_text("one\n{% if %}\n")
    command = (sys.executable, "-m", "bootstrap", "new", "shop", "--defaults")
    finished = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "could not be rendered" in finished.stderr
    assert "broken.txt.jinja, line 2" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "shop").exists()
    assert not list(tmp_path.glob(".shop*"))


@pytest.mark.slow
def test_an_installed_wheel_needs_no_checkout(clone: Path, tmp_path: Path) -> None:
    changelog = clone / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## ", "## 9.9.9\n\nThis.\n\n## ", 1))
    run(sys.executable, "-m", "tests.release", "9.9.9", cwd=clone)
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory")
    run(*build, tmp_path / "dist", cwd=clone)
    expected = made("checkout/shop", *ANSWERS, cwd=parent(tmp_path, "checkout"))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert {"bootstrap/template.bundle", "bootstrap/CHANGELOG.md"} <= carried
    shutil.rmtree(clone)
    command = install(wheel, tmp_path / "venv")
    report = made_by(command, tmp_path / "installed")
    assert report["template"] == {"version": "v9.9.9", "released": True}
    assert report["files"] == expected["files"]
    ours, theirs = tree(tmp_path / "installed/shop"), tree(tmp_path / "checkout/shop")
    answers = yaml.safe_load(ours.pop(".copier-answers.yml")[1])
    assert answers["_commit"] == "v9.9.9"
    del theirs[".copier-answers.yml"]
    assert ours == theirs


def install(wheel: Path, environment: Path) -> Path:
    """Install a wheel into an environment that sees our dependencies, but not our sources."""
    run(sys.executable, "-m", "virtualenv", "--quiet", environment, cwd=wheel.parent)
    python = environment / "bin/python"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        wheel,
        cwd=wheel.parent,
    )
    site = run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=wheel.parent)
    path = Path(site.stdout.strip()) / "dependencies.pth"
    path.write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin/headstart"


def made_by(command: Path, cwd: Path) -> dict[str, object]:
    cwd.mkdir()
    finished = subprocess.run(
        [command, "new", "shop", "--defaults", "--json", *ANSWERS],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=True,
    )
    document: dict[str, object] = yaml.safe_load(finished.stdout)
    return document
