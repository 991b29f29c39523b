"""What is uploaded to an index: whole, the same bytes wherever it is built, and true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from bootstrap import __version__, publisher
from hatch_build import elsewhere
from tests.conftest import ROOT
from tests.installed import pythons
from tests.project.conftest import checkout  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

WHEEL = f"headstart-{__version__}-py3-none-any.whl"
ADDRESS = "https://git.example.org/ours/headstart"


def test_indexes_take_them(distributions: Path) -> None:
    """twine reads the metadata as PyPI does, its README too; the other looks into the wheel."""
    scripts = Path(sysconfig.get_path("scripts"))
    files = sorted(map(str, distributions.iterdir()))
    assert [Path(each).name for each in files] == [
        WHEEL,
        f"headstart-{__version__}.tar.gz",
    ]
    for command in ([scripts / "twine", "check", "--strict"], [scripts / "check-wheel-contents"]):
        given = files if "twine" in str(command[0]) else files[:1]
        done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_sources_are_the_same_bytes(
    distributions: Path,
    checkout: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    """In another folder, at another time, by a user whose files nobody else may read."""
    clone = Path(shutil.copytree(checkout, tmp_path / "another clone"))
    for name in ("README.md", "LICENSE"):  # which the fixture has emptied
        shutil.copy(ROOT / name, clone / name)
    for path in clone.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(path.stat().st_mode & 0o700)
    built(clone, tmp_path / "elsewhere")
    for file in distributions.iterdir():
        assert (tmp_path / "elsewhere" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_moment_can_be_named(checkout: Path, tmp_path: Path) -> None:  # noqa: F811
    """SOURCE_DATE_EPOCH is the field's way to say which (reproducible-builds.org)."""
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        built(checkout, folder, "--target", "wheel", SOURCE_DATE_EPOCH="1700000000")
    one, two = (folder / WHEEL for folder in folders)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as wheel:
        assert {each.date_time[:3] for each in wheel.infolist()} == {(2023, 11, 14)}


def test_the_wheel_of_the_source_distribution_is_the_same(
    distributions: Path, tmp_path: Path
) -> None:
    wheel, source = sorted(distributions.iterdir())
    subprocess.run(["/bin/tar", "-xzf", source, "-C", tmp_path], check=True)
    built(tmp_path / f"headstart-{__version__}", tmp_path / "again", "--target", "wheel")
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_metadata_are_complete(distributions: Path) -> None:
    told = metadata(distributions / WHEEL)
    assert told["Name"] == publisher.PACKAGE
    assert told["License-Expression"] == "MIT"
    assert told["Description-Content-Type"] == "text/markdown"
    assert {"Summary", "Author", "Keywords", "Requires-Python"} <= {*told}
    series = [
        each.rpartition(" ")[2]
        for each in told.get_all("Classifier") or []
        if re.search(r"Python :: 3\.\d+$", each)
    ]
    assert series == ["3.11", "3.12", "3.13", pythons.NEWEST]
    assert told["Requires-Python"] == f">={series[0]}"


def test_they_name_no_address_before_it_answers(distributions: Path) -> None:
    """Nor does the README lead to files that an index has not."""
    told = metadata(distributions / WHEEL)
    text = str(told.get_payload())
    stated = publisher.urls(publisher.ADDRESS, __version__)
    named = [each.partition(", ") for each in told.get_all("Project-URL") or []]
    assert {name: url for name, _, url in named} == stated
    assert re.findall(r"\]\((?!https://)[^)]*\)", text) == []
    assert (publisher.SOURCE in text) is bool(publisher.ADDRESS)


def test_once_published_the_metadata_lead_there(checkout: Path, tmp_path: Path) -> None:  # noqa: F811
    clone = Path(shutil.copytree(checkout, tmp_path / "clone"))
    shutil.copy(ROOT / "README.md", clone)
    stated = clone / "bootstrap/publisher.py"
    stated.write_text(stated.read_text().replace('\nADDRESS = ""\n', f'\nADDRESS = "{ADDRESS}"\n'))
    built(clone, tmp_path / "built", "--target", "wheel")
    told = metadata(tmp_path / "built" / WHEEL)
    assert told.get_all("Project-URL") == [
        f"Homepage, {ADDRESS}",
        f"Documentation, {ADDRESS}/blob/v{__version__}/docs/tour.md",
        f"Changelog, {ADDRESS}/blob/v{__version__}/CHANGELOG.md",
        f"Issues, {ADDRESS}/issues",
    ]
    text = str(told.get_payload())
    assert f"[the tour]({ADDRESS}/blob/v{__version__}/docs/tour.md)" in text
    assert f"({ADDRESS}/blob/v{__version__}/docs/session.svg?raw=true)" in text


def test_only_what_leads_into_the_repository_is_rewritten() -> None:
    text = "![A](a.svg) [b](docs/b.md#c), [here](#here) and [d](https://example.org/d)"
    assert elsewhere(text, "") == " b, [here](#here) and [d](https://example.org/d)"
    rewritten = elsewhere(text, "https://x")
    assert rewritten.startswith("![A](https://x/a.svg?raw=true) [b](https://x/docs/b.md#c), [here]")
    assert rewritten.endswith("[here](#here) and [d](https://example.org/d)")


def built(sources: Path, folder: Path, *options: str, **variables: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *options]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | variables
    subprocess.run(command, cwd=sources, env=environment, check=True, capture_output=True)


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as content:
        text = content.read(f"headstart-{__version__}.dist-info/METADATA").decode()
    return Parser().parsestr(text)
