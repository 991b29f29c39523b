"""Released versions travel with the package, and never change."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

import bootstrap
from bootstrap.project import changelog, releases
from tests.lifecycle.conftest import Package, commit, write
from tests.project.conftest import REPOSITORY, git, headstart, tree

RECORDED = (REPOSITORY / "tests/lifecycle/released.txt").read_text().splitlines()
VERSIONS = [each.version for each in releases.released()]


def test_every_version_of_the_changelog_is_in_the_package() -> None:
    described = [section.version for section in changelog.all_sections()]
    assert sorted(set(described) - {"Unreleased"}) == sorted(VERSIONS)


def test_what_is_released_has_not_changed() -> None:
    assert [f"{each.version} {each.commit}" for each in releases.released()] == RECORDED


def test_the_newest_version_is_the_package_s_own() -> None:
    assert VERSIONS[-1] == bootstrap.__version__


def test_versions_lists_them_oldest_first(tmp_path: Path) -> None:
    listed = json.loads(headstart("versions", "--json", cwd=tmp_path).stdout)
    assert listed == {"versions": VERSIONS}
    assert headstart("versions", cwd=tmp_path).stdout.split() == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_new_renders_any_released_version(tmp_path: Path, version: str) -> None:
    run = headstart("new", "shop", "--defaults", "--version", version, "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["template"] == {"version": f"v{version}", "released": True}
    answers = yaml.safe_load((tmp_path / "shop/.copier-answers.yml").read_text())
    assert answers["_commit"] == f"v{version}"


def test_a_version_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    run = headstart("new", "shop", "--defaults", "--version", "99.0.0", cwd=tmp_path)
    assert run.returncode == 64
    assert "99.0.0 is not in this package" in run.stderr
    assert VERSIONS[0] in run.stderr


def test_many_at_once_unpack_a_version_once(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.release("1.0.0", {"a.txt": "one\n"})
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: package.new(tmp_path / f"shop{n}", "1.0.0"), range(4)))
    (made,) = (tmp_path / "state/cache/repositories").iterdir()
    git("fsck", "--strict", cwd=made)


# -- releasing -------------------------------------------------------------------------------------


def test_the_same_trees_give_the_same_bytes(package: Package) -> None:
    bundle = package.root / "bootstrap/template.bundle"
    package.release("1.0.0", {"a.txt": "one\n"})
    package.release("2.0.0", {"a.txt": "two\n", "b.txt": "b\n"})
    first = bundle.read_bytes()
    bundle.unlink()
    package.template({"b.txt": None, "a.txt": "one\n"})
    assert package.make_release("1.0.0").returncode == 0
    package.template({"a.txt": "two\n", "b.txt": "b\n"})
    assert package.make_release("2.0.0").returncode == 0
    assert bundle.read_bytes() == first


def test_a_release_keeps_the_ones_before_it(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", {"a.txt": "one\n"})
    package.release("2.0.0", {"a.txt": "two\n"})
    assert tree(package.new(tmp_path / "one", "1.0.0"))["a.txt"][1] == b"one\n"
    assert tree(package.new(tmp_path / "two", "v2.0.0"))["a.txt"][1] == b"two\n"
    assert '__version__ = "2.0.0"' in (package.root / "bootstrap/__init__.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("1.0.0",), "what is out does not change"),
        (("0.9.0",), "would come before it"),
        (("3.0.0",), "CHANGELOG.md does not say"),
        (("v2",), "is not a version"),
    ],
)
def test_what_may_not_be_released(
    package: Package, arguments: tuple[str, ...], complaint: str
) -> None:
    package.release("0.9.0", {})
    package.release("1.0.0", {"a.txt": "one\n"})
    before = (package.root / "bootstrap/template.bundle").read_bytes()
    refused = package.make_release(*arguments)
    assert refused.returncode != 0
    assert complaint in refused.stderr
    assert (package.root / "bootstrap/template.bundle").read_bytes() == before


def test_the_newest_may_be_made_again_before_it_is_public(package: Package, tmp_path: Path) -> None:
    package.release("1.0.0", {"a.txt": "one\n"})
    package.template({"a.txt": "better\n"})
    assert package.make_release("1.0.0", "--again").returncode == 0
    assert tree(package.new(tmp_path / "shop", "1.0.0"))["a.txt"][1] == b"better\n"


def test_a_package_without_releases_says_so(package: Package, tmp_path: Path) -> None:
    (package.root / "copier.yml").unlink(missing_ok=True)
    run = package.headstart("new", "shop", "--defaults", cwd=tmp_path)
    assert run.returncode == 1
    assert "has no template" in run.stderr
    assert "reinstall it" in run.stderr


def test_the_commit_that_is_checked_out_is_released_as_it_is(package: Package) -> None:
    package.release("0.9.0", {"a.txt": "one\n"})
    git("init", "--quiet", cwd=package.root)
    commit(package.root)
    write(package.root / "template/a.txt", "two\n")
    made = package.make_release("0.9.0", "--again", "--from", "HEAD")
    assert made.returncode == 0, made.stderr
    (release,) = releases.released(package.root / "bootstrap")
    unpacked = releases.unpack(release.commit, package.root / "bootstrap/template.bundle")
    assert (unpacked / "template/a.txt").read_text() == "one\n"


def test_the_maintainers_command_is_one_line() -> None:
    dry = ["make", "--dry-run", "release", "VERSION=9.9.9", "AGAIN=1", "FROM=abc"]
    said = subprocess.run(dry, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    assert "tests.nightly check --from 'abc'" in said
    assert "tests.release 9.9.9 ${commit:+--from $commit} --again" in said


def test_line_ends_of_this_machine_are_not_those_of_the_template(
    package: Package, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    package.release("1.0.0", {"a.txt": "one\n"})
    git("config", "--global", "core.autocrlf", "true", cwd=home)
    shop = package.new(tmp_path / "shop", "1.0.0")
    assert (shop / "a.txt").read_bytes() == b"one\n"
