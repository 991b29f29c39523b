"""Programs of a newer Debian: a root is complete, and what was killed on the way is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import debian


def test_what_was_killed_on_the_way_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apt(own: Path, *_: str) -> bool:
        (own / "root/usr").mkdir(parents=True, exist_ok=True)
        (own / "archives").mkdir(exist_ok=True)
        return True

    monkeypatch.setattr(debian, "KEPT", tmp_path)
    monkeypatch.setattr(debian, "_apt", apt)
    monkeypatch.setattr(debian, "_sources", lambda _: "")
    others = {"python3", "python3.14-venv", "python3.14-venv_abc", "python3.14_abc"}
    for name in others:
        (tmp_path / "testing" / name / "usr").mkdir(parents=True)

    root = debian.unpacked("testing", "python3.14")

    assert (root / "usr").is_dir()
    left = {path.name for path in (tmp_path / "testing").iterdir() if path.is_dir()}
    assert left == others - {"python3.14_abc"} | {"python3.14"}
