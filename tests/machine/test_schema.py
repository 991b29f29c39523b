"""The schema for editors: it says of any document what the validator says."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import cli
from bootstrap.machine import toolchain
from bootstrap.machine.rules import InvalidError
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
    "packages": {"installer": "uv", "lock": "requirements.lock", "hashes": "none"},
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
    text = yaml.safe_dump(document, default_style='"', allow_unicode=True)
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
