"""What differs in formatting alone is no edit; whatever means something else is one."""

from __future__ import annotations

import json
import subprocess
import sys
import tokenize
from io import StringIO
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bootstrap.project.syntax import same_content
from tests.lifecycle.conftest import Package, commit, write
from tests.project.conftest import REPOSITORY, git

PYTHON = sorted((REPOSITORY / "template").rglob("*.py"))
TEXTS = [path.read_text() for path in PYTHON]


def is_same(path: str, before: str, after: str) -> bool:
    found = same_content(path, before.encode(), after.encode())
    assert found is same_content(path, after.encode(), before.encode()), (
        "it is so in both directions"
    )
    return found


@pytest.mark.parametrize("options", [("60",), ("140", "format.quote-style='single'")])
def test_what_a_formatter_does_is_formatting(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The whole template, in the lines and quotes that others like."""
    length, *more = options
    for number, text in enumerate(TEXTS):
        write(tmp_path / f"{number}.py", text)
    wishes = [word for each in more for word in ("--config", each)]
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet", "--no-cache"]
    subprocess.run([*command, "--line-length", length, *wishes, str(tmp_path)], check=True)
    formatted = [(tmp_path / f"{number}.py").read_text() for number in range(len(TEXTS))]
    assert sum(mine != theirs for mine, theirs in zip(TEXTS, formatted, strict=True)) > 20
    for path, mine, theirs in zip(PYTHON, TEXTS, formatted, strict=True):
        assert same_content("a.py", mine.encode(), theirs.encode()), path


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_whatever_word_or_comment_goes_it_is_an_edit(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([text for text in TEXTS if text.count("\n") > 5]))
    tokens = list(tokenize.generate_tokens(StringIO(text).readline))
    kinds = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.COMMENT}
    token = data.draw(st.sampled_from([each for each in tokens if each.type in kinds]))
    lines = text.splitlines(keepends=True)
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    start, end = (ends[row - 1] + column for row, column in (token.start, token.end))
    changed = {
        tokenize.NAME: "changed",
        tokenize.NUMBER: "12345",
        tokenize.STRING: '"changed"',
        tokenize.COMMENT: data.draw(st.sampled_from(["", "# changed"])),
    }[token.type]
    assume(text[start:end] != changed)
    assert not is_same("a.py", text, text[:start] + changed + text[end:])


SAME_PYTHON = {
    "lines and brackets": ("x = f(a, b)  # c\n", "x = f(\n    a,\n    b,\n)  # c\n"),
    "quotes": ("x = 'a'\n", 'x = "a"\n'),
    "texts of parts": ("x = 'a' 'b'\n", 'x = "ab"\n'),
    "blank lines": ("a\n\n\n\nb\n", "a\nb\n"),
    "statements of a line": ("a; b\n", "a\nb\n"),
    "needless brackets": ("return_ = (a)\n", "return_ = a\n"),
    "tabs": ("if a:\n\tb\n\t# c\n", "if a:\n    b\n    # c\n"),
    "the case of numbers": ("x = 0XfF + 1E5\n", "x = 0xfF + 1e5\n"),
    "a blank in a comment": ("a  #b\n", "a  # b\n"),
    "line endings": ("a\r\nb\r\n", "a\nb"),
    "inside a text": ("x = f'{a + b}'\n", 'x = f"{a+b}"\n'),
    "u": ("x = u'a'\n", "x = 'a'\n"),
}
OTHER_PYTHON = {
    "a comment of the next line": ("x = 1  # c\ny\n", "x = 1\n# c\ny\n"),
    "a comment of another value": ("f(\n    1,  # c\n    2,\n)\n", "f(\n    1,\n    2,  # c\n)\n"),
    "a comment of another text": (
        "f(\n    'a',  # c\n    'b',\n)\n",
        "f(\n    'a',\n    'b',  # c\n)\n",
    ),
    "a comment of another block": ("if a:\n    b\n    # c\n", "if a:\n    b\n# c\n"),
    "order of comments": ("# a\n# b\n", "# b\n# a\n"),
    "a tuple": ("x = (a,)\n", "x = (a)\n"),
    "a value": ("x = 1\n", "x = 1.0\n"),
    "how a number is written": ("x = 255\n", "x = 0xff\n"),
    "a docstring": ('def f():\n    """A."""\n', 'def f():\n    """A. """\n'),
    "order of imports": ("import a\nimport b\n", "import b\nimport a\n"),
    "an expression in a text": ("x = f'{a}'\n", "x = f'{b}'\n"),
    "what an expression shows of itself": ("x = f'{a=}'\n", "x = f'{a = }'\n"),
    "a block": ("if a:\n    b\nc\n", "if a:\n    b\n    c\n"),
    "not valid": ("def\n", "def \n"),
}
SAME = {
    "a.toml": ("a=[1,2]  # c\nb='x'\n[t]\n", 'a = [\n  1,\n  2,\n]  # c\nb = "x"\n\n[t]\n'),
    "a.yml": ("a: {b: 'x', c: [1]}  # c\n", '---\na: {\n  b: "x", c: [\n    1]\n}  # c\n'),
    "b.yml": ("a:\n- b: |  # c\n   x\n# d\n", "a:\n  - b: |  # c\n      x\n# d\n"),
    "a.json": ('{"a": [1, 2], "b": null}', '{\n  "a": [\n    1, 2\n  ],\n  "b": null\n}\n'),
    "Makefile": ("a:\n\tb\n", "a:\r\n\tb\r\n\r\n"),
}
OTHER = {
    "order.toml": ("a = 1\nb = 2\n", "b = 2\na = 1\n"),
    "type.toml": ("a = 1\n", "a = 1.0\n"),
    "comment.toml": ("a = 1  # c\nb = 2\n", "a = 1\nb = 2  # c\n"),
    "comment-above.toml": ("a = 1  # c\nb = 2\n", "a = 1\n# c\nb = 2\n"),
    "no-comment.toml": ("a = '# c'\n", "a = '# d'\n"),
    "after-a-text.toml": ('a = """\n# x"""  # c\n', 'a = """\n# x"""  # d\n'),
    "order.yaml": ("a: 1\nb: 2\n", "b: 2\na: 1\n"),
    "type.yaml": ("a: yes\n", "a: 'yes'\n"),
    "alias.yaml": ("a: &x [1]\nb: *x\n", "a: &x [1]\nb: [1]\n"),
    "comment.yaml": ("a: 1  # c\nb: 2\n", "a: 1\nb: 2  # c\n"),
    "header.yaml": ("a: |  # c\n  x\n", "a: |  # d\n  x\n"),
    "block.yaml": ("a: |\n  # c\n", "a: |\n  # d\n"),
    "keep.yaml": ("a: |\n  x\n", "a: |-\n  x\n"),
    "order.json": ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    "number.json": ('{"a": 1}', '{"a": "1"}'),
    "with-comments.json": ('{"a": 1} // c', '{"a": 1}  // c'),
    "a.md": ("a  \nb\n", "a\nb\n"),
    "Makefile": ("a:\n\tb\n", "a:\n        b\n"),
    "blank.mk": ("A = b \n", "A = b\n"),
    "binary": ("a\0\n", "a\0\r\n"),
}


@pytest.mark.parametrize("name", SAME_PYTHON)
def test_formatting_of_python(name: str) -> None:
    assert is_same("a.py", *SAME_PYTHON[name])


@pytest.mark.parametrize("name", OTHER_PYTHON)
def test_an_edit_of_python(name: str) -> None:
    assert not is_same("a.py", *OTHER_PYTHON[name])


@pytest.mark.parametrize("path", SAME)
def test_formatting_of_other_files(path: str) -> None:
    assert is_same(path, *SAME[path])


@pytest.mark.parametrize("path", OTHER)
def test_an_edit_of_other_files(path: str) -> None:
    assert not is_same(path, *OTHER[path])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_data_is_the_same_however_it_is_written_and_no_other(one: object, other: object) -> None:
    assert is_same("a.json", json.dumps(one), json.dumps(one, indent=3, ensure_ascii=False))
    assert is_same("a.json", json.dumps(one), json.dumps(other)) == (repr(one) == repr(other))
    flowing: str = yaml.safe_dump(other, default_flow_style=True)
    assert is_same("a.yaml", yaml.safe_dump(other), flowing)
    assert is_same("a.yaml", yaml.safe_dump(one), flowing) == (repr(one) == repr(other))


# -- in an update ----------------------------------------------------------------------------------

ONE = "def f(a, b):\n    return {'a': a, 'b': b}\n"
TWO = ONE.replace("'b': b", "'b': b, 'c': 1")
LONG = "".join(f"NAME_{number} = {number}\n" for number in range(20))
MINE = 'def f(\n    a,\n    b,\n):\n    return {\n        "a": a,\n        "b": b,\n    }\n'


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project that was formatted by another formatter, and a template that changes its files."""
    package.release("1.0.0", {"a.py": ONE, "run.py": ONE, "moved.py": ONE + LONG, "kept.py": ONE})
    shop = package.new(tmp_path / "shop", "1.0.0")
    git("mv", "moved.py", "there.py", cwd=shop)
    for name in ("a.py", "run.py", "kept.py"):
        write(shop / name, MINE)
    write(shop / "there.py", MINE + LONG)
    (shop / "run.py").chmod(0o755)
    commit(shop)
    package.release("2.0.0", {"a.py": TWO, "run.py": TWO, "moved.py": TWO + LONG})
    return shop


def test_formatting_gives_way_to_a_change_of_the_template(package: Package, shop: Path) -> None:
    told = package.told("update", cwd=shop)
    files = {each["path"]: each for each in told["files"]}
    assert files["a.py"]["outcome"] == "updated"
    assert files["a.py"]["yours"] == "formatted"
    assert files["a.py"]["reason"] == "only your formatting differed"
    assert files["there.py"]["outcome"] == "merged"
    assert (shop / "there.py").read_text() == TWO + LONG
    assert [(shop / name).read_text() for name in ("a.py", "run.py")] == [TWO, TWO]
    assert (shop / "run.py").stat().st_mode & 0o111, "a mode is no formatting"
    assert (shop / "kept.py").read_text() == MINE, "where the template changes nothing, yours stays"


def test_an_edit_within_other_formatting_is_an_edit(package: Package, shop: Path) -> None:
    write(shop / "a.py", MINE.replace('"b": b', '"b": 2 * b'))
    commit(shop)
    told = package.told("update", cwd=shop, code=1)
    files = {each["path"]: each["outcome"] for each in told["files"]}
    assert files["a.py"] == "conflict"
    assert files["run.py"] in {"updated", "merged"}


def test_formatting_is_no_drift(package: Package, shop: Path) -> None:
    told = package.told("drift", cwd=shop)
    assert {each["path"]: each["how"] for each in told["files"]} == {
        "run.py": "edited",
        "there.py": "moved",
    }
    assert told["formatted"] == ["a.py", "kept.py"]
    text = package.headstart("drift", cwd=shop).stdout
    assert "Only formatted differently, which is not drift: a.py, kept.py" in text
