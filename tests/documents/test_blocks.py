"""Every block of shell that we document is run by a test, or says why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documents.blocks import blocks, hidden

DOCUMENTS = (
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")),
    *(ROOT / "template/README.md.jinja", *ROOT.glob("template/docs/*")),
)
# Who follows which document.
READERS = {
    "README.md": "tests/documents/test_guides.py",
    "docs/machine.md": "tests/documents/test_guides.py",
    "docs/python-builds.md": "tests/documents/test_guides.py",
    "docs/template.md": "tests/documents/test_guides.py",
    "docs/tour.md": "tests/documents/test_guides.py",
    "docs/updating.md": "tests/documents/test_guides.py",
    "template/README.md.jinja": "tests/documents/test_render.py",
    "template/docs/first-module.md": "tests/documents/test_first_module.py",
    "template/docs/keys.md": "tests/documents/test_render.py",
    "template/docs/migrations.md.jinja": "tests/rendered/migrate/test_story.py",
    "template/docs/notifications.md": "tests/documents/test_render.py",
    "template/docs/operations.md": "tests/documents/test_render.py",
    "template/docs/periods.md": "tests/documents/test_render.py",
    "template/docs/postman.md": "tests/documents/test_render.py",
    "template/docs/gateway.md": "tests/documents/test_render.py",
    "template/docs/rundeck.md": "tests/documents/test_render.py",
    "template/docs/security.md": "tests/documents/test_render.py",
    "template/docs/statistics.md": "tests/documents/test_render.py",
    "template/docs/transfers.md": "tests/documents/test_render.py",
    "template/docs/webhooks.md": "tests/documents/test_render.py",
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_document_with_commands_has_a_reader() -> None:
    followed = {
        named(path)
        for path in DOCUMENTS
        if any(block.not_run is None for block in blocks(path.read_text("utf-8")))
    }
    assert followed == set(READERS)
    for name, test in READERS.items():
        document = name.removeprefix("template/").removesuffix(".jinja")
        assert document in (ROOT / test).read_text("utf-8"), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
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


def test_few_blocks_are_not_run() -> None:
    """A reason is a last resort: rather make the block one that runs."""
    found = [block for path in DOCUMENTS for block in blocks(path.read_text("utf-8"))]
    assert [block.not_run for block in found if block.not_run] == [
        "make test is the gate itself, and what comes next does all that the demo does",
        "make test is the gate itself; every other document is followed by it",
        "a release of Headstart itself takes half an hour of tests first",
        "it needs Docker",
        "it needs an account at AWS",
        "some process must run jobs meanwhile",
        "it needs an index of yours",
        "it needs an index of yours",
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
