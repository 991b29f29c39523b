"""A template's archive becomes the files in it, on every Python; nothing in it leads elsewhere."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from bootstrap.errors import HeadstartError
from bootstrap.project.releases import extract_archive
from tests.project.conftest import git


def test_a_tree_comes_out_as_git_has_it(tmp_path: Path) -> None:
    source, packed = tmp_path / "source", tmp_path / "archive.tar"
    (source / "template/ein Ordner").mkdir(parents=True)
    (source / "template/ein Ordner/leer").touch()
    (source / "template/run.sh").write_bytes(b"#!/bin/sh\r\n")
    (source / "template/run.sh").chmod(0o700)
    git("init", "--quiet", cwd=source)
    git("add", "--all", cwd=source)
    git("commit", "--quiet", "--message", "One", cwd=source)
    git("archive", "--output", str(packed), "HEAD", cwd=source)
    extract_archive(packed, tmp_path / "files")
    found = [path for path in sorted((tmp_path / "files").rglob("*")) if path.is_file()]
    assert [(path.name, oct(path.stat().st_mode), path.read_bytes()) for path in found] == [
        ("leer", "0o100644", b""),
        ("run.sh", "0o100755", b"#!/bin/sh\r\n"),
    ]


@pytest.mark.parametrize("name", ["../out.txt", "template/../../out.txt", "/out.txt"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    packed = _archive(tmp_path, tarfile.TarInfo(name))
    with pytest.raises(HeadstartError, match="leads out"):
        extract_archive(packed, tmp_path / "files")
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("template/it")
    member.type, member.linkname = kind, "copier.yml"
    packed = _archive(tmp_path, member)
    with pytest.raises(HeadstartError, match="files and folders only"):
        extract_archive(packed, tmp_path / "files")
    assert not (tmp_path / "files/template/it").exists()


def _archive(folder: Path, member: tarfile.TarInfo) -> Path:
    packed = folder / "archive.tar"
    with tarfile.open(packed, "w") as content:
        content.addfile(tarfile.TarInfo("copier.yml"), io.BytesIO())
        content.addfile(member)
    return packed
