"""What the followers of all documents share."""

from __future__ import annotations

from pathlib import Path


def shorten_the_suite(settings: Path) -> None:
    """Let one file stand for the tests of a project, or of a template: others run all of them."""
    text = settings.read_text("utf-8")
    assert 'testpaths = ["tests"]' in text
    settings.write_text(text.replace('["tests"]', '["tests/test_settings.py"]', 1), "utf-8")
