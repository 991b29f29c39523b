"""Every block of shell that we document is run by a test, or says why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents.blocks import blocks, hidden

DOCUMENTS = (ROOT / "README.md", ROOT / "template/README.md.jinja", *ROOT.glob("template/docs/*"))
# Who follows which document.
READERS = {
    "README.md": "tests/documents/test_readme.py",
    "README.md.jinja": "tests/documents/test_render.py",
    "migrations.md": "tests/rendered/migrate/test_story.py",
    "operations.md": "tests/documents/test_render.py",
    "postman.md": "tests/documents/test_render.py",
    "security.md": "tests/documents/test_render.py",
}


def test_every_document_with_commands_has_a_reader() -> None:
    assert {path.name for path in DOCUMENTS if blocks(path.read_text("utf-8"))} == set(READERS)
    for name, test in READERS.items():
        assert name.removesuffix(".jinja") in (ROOT / test).read_text("utf-8"), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_hides_commands(path: Path) -> None:
    assert hidden(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "opening",
    [
        *("```", "```bash", "```console", "```shell", "```Sh", "``` sh", "```sh-session"),
        *("~~~sh", "~~~", "````sh", "- ```sh", "1. ```bash", "> ```sh", "   ```zsh", "\t```sh"),
        "```{.sh}",
    ],
)
def test_a_fence_that_may_hide_commands_is_found(opening: str) -> None:
    assert hidden(f"```sh\none\n```\n{opening}\nmake\n")[0] == opening


def test_other_fences_hide_nothing() -> None:
    assert hidden("```sh no-run: a Mac\n~~~\n```\n  ```sh\nx\n  ```\n```` x ````\n") == []
    assert hidden("````text\n```bash\nx\n```\n````\n- ~~~yaml\n  a: 1\n  ~~~\n") == []
    assert hidden("```python\nnever closed\n") == ["```python"]


def test_one_block_is_not_run() -> None:
    """A reason is a last resort: rather make the block one that runs."""
    found = [block for path in DOCUMENTS for block in blocks(path.read_text("utf-8"))]
    assert [block.not_run for block in found if block.not_run] == [
        "make test is the gate itself, and what comes next does all that the demo does"
    ]


def test_commands_are_read_as_a_shell_reads_them() -> None:
    text = "```sh\none \\\n  --more  # why\ntwo\n```\n```\nnone\n```\n"
    text += "  ```sh no-run: a Mac\nx\n  ```\n"
    first, second = blocks(text)
    assert (first.commands, first.not_run) == (("one \\\n  --more  # why", "two"), None)
    assert (second.commands, second.not_run) == (("x",), "a Mac")


def test_an_unknown_tag_is_no_way_around() -> None:
    """Nor one with a backtick: to Markdown such a line begins no block."""
    for tag in ("no-run", "no-run:", "skip: later", "no-run: `x`"):
        with pytest.raises(AssertionError):
            blocks(f"```sh {tag}\nx\n```\n")
