"""What is called invalid is so for every reader of the file."""

from __future__ import annotations

import pytest

from bootstrap.project.syntax import complaint


@pytest.mark.parametrize(
    "text", ["ports: !reset []\n", "key: !Ref Bucket\n", "all: !include {file: a.yaml}\n"]
)
def test_a_tag_of_another_reader_is_no_mistake(text: str) -> None:
    assert complaint("compose.yaml", text.encode()) == ""


@pytest.mark.parametrize("text", ["ports: [\n", "a: 1\na: 2\n", "a: !reset [\n"])
def test_a_mistake_is_one_beside_such_tags(text: str) -> None:
    assert complaint("compose.yaml", text.encode()) != ""
