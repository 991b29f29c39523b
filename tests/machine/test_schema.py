"""The schema for editors: it says of a document with quoted texts what the validator says.

Without quotes YAML makes numbers, booleans and nothing of some texts. The validator reads the text,
the schema only what became of it: where they differ is known here.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import cli
from bootstrap.machine import toolchain
from bootstrap.machine.rules import InvalidError
from tests.conftest import unavailable
from tests.machine.conftest import TOOLCHAIN
from tests.machine.test_pins import CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = toolchain.json_schema()
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
VALID = yaml.load(TOOLCHAIN.format(pip="26.3") + CLIENT, Loader=yaml.BaseLoader)  # noqa: S506
FULL = VALID | {
    "python": {"provider": "uv"},
    "services": ["mysql://root:pw@127.0.0.1:3307/shop", "redis://localhost/0"],
    "ide": ["pycharm", "vscode"],
    "venv": {"layout": "shared", "root": "~/venvs"},
    "packages": {
        "installer": "uv",
        "lock": "requirements.lock",
        "hashes": "none",
        "version": "0.13.9",
        "project": "editable",
        "extras": ["dev"],
        "groups": ["test"],
        "sources": ["requirements.txt"],
    },
}
# A line end in the end is left out: Python's `$` takes it for nothing, ECMAScript's does not.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
SCALARS = st.one_of(
    WORDS,
    st.sampled_from(
        ["shared", "in-project", "26.3", "1", "~/x", "/x", "a/../b", "..", ".", "a/b", "../a", "./"]
    ),
    st.sampled_from(["pip", "pycharm", "redis://h", "http://h:1/p", "A_B", "sh -c 'x y'", "a 'b"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=4,
)


def accepted(document: object) -> bool:
    return is_valid(yaml.safe_dump(document, default_style='"', allow_unicode=True))


def is_valid(text: str) -> bool:
    try:
        toolchain.checked(text)
    except InvalidError:
        return False
    return True


def places(document: object) -> Iterator[tuple[dict[str, object], str]]:
    """Every key of every table in it."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield document, key
            yield from places(value)


@given(st.data())
def test_it_accepts_and_refuses_what_the_validator_does(data: st.DataObject) -> None:
    document = json.loads(json.dumps(data.draw(st.sampled_from([VALID, FULL]))))
    for _ in range(data.draw(st.integers(0, 2))):
        table, key = data.draw(st.sampled_from(list(places(document))))
        what = data.draw(st.sampled_from(["drop", "change", "add"]))
        if what == "drop":
            del table[key]
        elif what == "change":
            table[key] = data.draw(VALUES)
        else:
            names = st.sampled_from(["root", "proof", "hashes", "ide", "secrets"]) | WORDS
            table[data.draw(names)] = data.draw(VALUES)
        if not document:
            break
    assert VALIDATOR.is_valid(document) == accepted(document), document


@given(st.text(st.sampled_from("a \\'\"\n\t$"), max_size=12))
def test_a_command_is_what_a_shell_could_split(text: str) -> None:
    try:
        split = shlex.split(text)
    except ValueError:
        split = []
    assert accepted(FULL | {"proof": [text]}) == bool(split)


@pytest.mark.parametrize("document", [VALID, FULL])
def test_what_is_valid_is_valid_as_an_editor_reads_it(document: dict[str, object]) -> None:
    assert accepted(document)
    read = yaml.safe_load(yaml.safe_dump(document).replace("'1'", "1").replace("'26.3'", "26.3"))
    assert isinstance(read["version"], int)
    VALIDATOR.validate(read)


def plain(old: str, new: str) -> tuple[bool, bool]:
    """What the validator and the schema say of a file where `new` has no quotes."""
    text = TOOLCHAIN.format(pip="26.3")
    assert old in text
    changed = text.replace(old, new)
    return is_valid(changed), VALIDATOR.is_valid(yaml.safe_load(changed))


PIP, SECRETS, PROVE = 'pip: "26.3"', "[SECRET_KEY]", "- python prove.py"


@pytest.mark.parametrize(
    ("old", "valid", "invalid"),
    [
        (PIP, ["26.3", "26.10", "26.3.1"], ["26", "-3.5", ".inf", "-.inf", "true", "1e5", "null"]),
        ("version: 1", ["1", '"1"'], ["2", "1.5", "true", "null", '"1.0"']),
        ("project: shop", ["on", "true", "yes", "shop"], ["1", "1.5", "[]"]),
        ("lock: requirements-dev.lock", ["123", "1.5", "true", "ON"], ["[]", "/x"]),
        (SECRETS, ["[ON]", "[true]", "[no, A]"], ["[1]", "[1.5]", "true"]),
        (PROVE, ["- true", "- 1", "- 1.5", "- false"], ["- []", "true"]),
        ("installer: pip", ["uv"], ["true", "1"]),
    ],
)
def test_it_agrees_about_what_has_no_quotes(old: str, valid: list[str], invalid: list[str]) -> None:
    name = f"{old.partition(':')[0]}: " if ":" in old else ""
    assert [new for new in valid if plain(old, f"{name}{new}") != (True, True)] == []
    assert [new for new in invalid if plain(old, f"{name}{new}") != (False, False)] == []


@pytest.mark.parametrize(
    ("old", "new", "valid"),
    [
        ("version: 1", "version: 1.0", False),
        ("version: 1", "version: 0x1", False),
        (PIP, "pip: 26.0", True),
        (PIP, "pip: 2.65e+1", False),
        ("project: shop", "project: ON", False),
        ("project: shop", "project: null", True),
        ("lock: requirements-dev.lock", "lock: ~", True),
    ],
)
def test_the_differences_are_known(old: str, new: str, valid: bool) -> None:
    """No JSON Schema can say it: to it 1.0 is 1, and 26.0 an integer; see its docstring."""
    assert plain(old, new) == (valid, not valid)


def patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from patterns(each)


def test_editors_can_read_every_pattern() -> None:
    """With the flag u, as they must (JSON Schema, 6.3.3), ECMAScript knows only these escapes."""
    known = set("dDwWsSbBfnrtv0xuc^$\\.*+?()[]{}|/")
    escapes = {each for pattern in patterns(SCHEMA) for each in re.findall(r"\\(.)", pattern)}
    assert escapes
    assert escapes - known == set()


def test_a_javascript_engine_reads_every_pattern() -> None:
    node = shutil.which("node") or unavailable("node")
    script = "for (const each of JSON.parse(process.argv[1])) new RegExp(each, 'u')"
    subprocess.run([node, "-e", script, json.dumps([*patterns(SCHEMA)])], check=True)


def test_every_key_is_described() -> None:
    def undescribed(schema: dict[str, object]) -> Iterator[str]:
        properties = schema.get("properties", {})
        assert isinstance(properties, dict)
        for name, each in properties.items():
            if not each.get("description"):
                yield name
            yield from undescribed(each)

    assert list(undescribed(SCHEMA)) == []


def test_the_command_prints_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["headstart", "schema"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out) == SCHEMA
