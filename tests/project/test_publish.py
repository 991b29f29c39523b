"""What a publisher states stands in one place, and is checked before people see it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import bootstrap
from bootstrap import publisher
from bootstrap.errors import Refused
from bootstrap.project import answers_file, releases
from tests import publish
from tests.conftest import ROOT
from tests.project.conftest import git
from tests.publish import Published, findings
from tests.serving import publish_releases, serving

NEWEST = releases.released()[-1]
STATED = Published(publisher.PACKAGE, "", publisher.SOURCE, publisher.ADDRESS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server, and the folder that it serves."""
    folder = tmp_path / "served"
    (folder / "o").mkdir(parents=True)
    with serving(folder) as address:
        yield address, folder


def published(at: tuple[str, Path]) -> Published:
    """Publish all of it on a server: git's dumb protocol, and the files beside."""
    address, folder = at
    repository = folder / "o/headstart"
    publish_releases(repository)
    stated = Published("headstart", f"{address}/simple", f"{address}/o/headstart", "")
    stated = replace(stated, address=stated.source)
    for each in publish.addresses(stated.address, NEWEST.version):
        path = folder / each.removeprefix(f"{address}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    page = folder / "simple/headstart/index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f"headstart-{bootstrap.__version__}-py3-none-any.whl")
    return stated


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout in which the statement is written everywhere."""
    root = tmp_path / "checkout"
    for name in (*publish.places(STATED), f"bootstrap/{releases.BUNDLE}"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


def wrong(root: Path, stated: Published) -> dict[str, str]:
    return {each.what: each.wrong for each in findings(root, stated) if each.wrong}


def test_what_is_stated_stands_everywhere() -> None:
    assert publish.stated_otherwise(ROOT, STATED) == []


def test_renovate_can_look_up_what_projects_record() -> None:
    """Its copier manager takes `_src_path` for the address of git tags, and knows no `gh:`."""
    assert re.match(r"https://[^/]+/.+", STATED.source)


def test_one_statement_is_written_everywhere(root: Path) -> None:
    other = Published("head-start", "", "gh:else/where", "https://github.com/else/where")
    changed = publish.fill(root, other)
    assert sorted(changed) == ["bootstrap/install.sh", "copier.yml", "pyproject.toml"]
    assert publish.stated_otherwise(root, other) == []
    assert publish.fill(root, other) == []
    assert len(publish.stated_otherwise(root, STATED)) == 5
    publish.fill(root, STATED)
    for name in changed:
        assert (root / name).read_bytes() == (ROOT / name).read_bytes()


def test_what_is_published_passes(
    root: Path, server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    stated = published(server)
    publish.fill(root, stated)
    assert publish.check(root, stated) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"✓ {stated.address} {NEWEST.tag}" in told
    assert not [line for line in told if not line.startswith("✓")]


def test_nothing_is_published_yet(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stated = replace(STATED, index="http://127.0.0.1:9/simple", address="")
    publish.fill(root, stated)
    assert publish.check(root, stated) == 1
    told = capsys.readouterr().out
    assert "✗ the repository: no address is set: bootstrap/publisher.py" in told
    assert re.search(r"✗ http://127.0.0.1:9/simple/headstart/: .*refused", told)


def test_what_is_missing_is_named(root: Path, server: tuple[str, Path]) -> None:
    stated = published(server)
    folder = server[1]
    repository = folder / "o/headstart"
    first = releases.released()[0].tag
    git("update-ref", f"refs/tags/{first}", NEWEST.commit, cwd=repository)
    git("update-server-info", cwd=repository)
    shutil.rmtree(folder / "simple")
    found = wrong(root, stated)
    assert found.pop(f"{stated.address} {first}") == "has another template than the bundle"
    assert "404" in found.pop(f"{stated.index}/headstart/")
    assert "make publish-fill" in found.pop("copier.yml")
    assert "make publish-fill" in found.pop("bootstrap/install.sh")
    assert found == {}
    git("update-ref", "-d", f"refs/tags/{NEWEST.tag}", cwd=repository)
    git("update-server-info", cwd=repository)
    (folder / "simple/headstart").mkdir(parents=True)
    (folder / "simple/headstart/index.html").write_text("headstart-0.0.1-py3-none-any.whl")
    shutil.rmtree(folder / "o/headstart/raw")
    found = wrong(root, stated)
    assert found[f"{stated.address} {NEWEST.tag}"] == "is not pushed"
    assert "has no headstart-" in found[f"{stated.index}/headstart/"]
    assert "404" in found[publisher.script(stated.address, NEWEST.version)]


def test_an_address_that_is_not_that_of_the_source(root: Path, server: tuple[str, Path]) -> None:
    stated = replace(published(server), source="gh:someone/else")
    assert "which is https://github.com/someone/else" in wrong(root, stated)[stated.address]


def test_the_command_ends_with_what_it_found() -> None:
    make = [str(shutil.which("make")), "--dry-run", "publish-check"]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m tests.publish check" in said


@pytest.mark.skipif(bool(STATED.address), reason="it is published")
def test_until_it_is_published_nothing_names_an_address(tmp_path: Path) -> None:
    naming = [
        path
        for folder in ("template", "bootstrap")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sh", ".md", ".jinja", ".yml"}
        and STATED.expanded.partition("://")[2] in path.read_text(encoding="utf-8")
    ]
    assert naming == [ROOT / "bootstrap/publisher.py"]
    script = Path(shutil.copy(ROOT / "bootstrap/install.sh", tmp_path))
    run = subprocess.run(
        ["/bin/sh", str(script), "--no-up"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4
    assert "Headstart is not published" in run.stderr
    assert "HEADSTART_SOURCE=" in run.stderr


def test_projects_of_a_former_source_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "_commit: v0.1.0\n_src_path: gh:someone/before\nname: shop\n"
    with pytest.raises(Refused):
        answers_file.parse(text)
    monkeypatch.setattr(answers_file, "FORMER_SOURCES", ("gh:someone/before",))
    assert answers_file.parse(text).version == "v0.1.0"
