"""Where the master key comes from, and what is none."""

from __future__ import annotations

import base64
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.features.keys.master import BadMasterKey, MasterKeys, UnknownMasterKey, new_master_key
from app.features.keys.settings import KeysSettings, UnusableMasterKey, master_keys
from app.settings import Environment

PRODUCTION = Environment.PRODUCTION


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Settings from this test alone."""
    for name in ("MASTER_KEY", "MASTER_KEY_FILE", "MASTER_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MASTER_KEY_MADE", str(tmp_path / "var" / "master.key"))
    return monkeypatch


def read(environment: Environment = PRODUCTION) -> MasterKeys:
    return master_keys(KeysSettings(), environment, make=True)


def test_it_comes_from_the_environment_a_file_or_a_command(
    own: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, file = new_master_key(), tmp_path / "master key"
    file.write_text(f"{key}\n")
    name = MasterKeys.read(key).first
    given = {
        "MASTER_KEY": key,
        "MASTER_KEY_FILE": str(file),
        "MASTER_KEY_COMMAND": f"cat '{file}'",
    }
    for variable, value in given.items():
        own.setenv(variable, value)
        assert read().first == name
        own.delenv(variable)
    own.setenv("MASTER_KEY", key)
    own.setenv("MASTER_KEY_FILE", str(file))
    with pytest.raises(UnusableMasterKey, match="Only one of"):
        read()


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("MASTER_KEY", "change-me", "it is not Base64"),
        ("MASTER_KEY", base64.b64encode(b"short").decode(), "5 bytes, and needs 32"),
        ("MASTER_KEY", base64.b64encode(bytes(48)).decode(), "48 bytes, and needs 32"),
        ("MASTER_KEY", base64.b64encode(bytes(32)).decode(), "it is not random"),
        ("MASTER_KEY", base64.b64encode(b"thirty-two" * 3 + b"!!").decode(), "not random"),
        ("MASTER_KEY", "MyCompanyProductionMasterKey2026VeryDoNotSh", "not random"),
        ("MASTER_KEY", "CorrectHorseBatteryStapleAndSomeMoreWordsHA", "not random"),
        ("MASTER_KEY", " , ", "there is none in it"),
        ("MASTER_KEY_FILE", "/nowhere/at/all", "cannot be read: No such file"),
        ("MASTER_KEY_COMMAND", "sh -c 'echo canary >&2; exit 3'", "ended with code 3"),
        ("MASTER_KEY_COMMAND", "no-such-program", "cannot be run: No such file"),
        ("MASTER_KEY_COMMAND", "sleep 5", "not ended within 0.1 s"),
        ("MASTER_KEY_COMMAND", "unclosed '", "it is no command"),
        ("MASTER_KEY_COMMAND", "echo canary!", "it is not Base64"),
        ("MASTER_KEY_COMMAND", "printf '\\377'", "its output is not text"),
    ],
)
def test_what_is_none_is_refused_in_one_sentence(
    own: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    own.setenv("MASTER_KEY_TIMEOUT", "PT0.1S" if value.startswith("sleep") else "PT10S")
    own.setenv(variable, value)
    with pytest.raises(UnusableMasterKey, match=why) as raised:
        read()
    assert variable in str(raised.value)
    assert "canary" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("own")
def test_production_needs_one() -> None:
    with pytest.raises(UnusableMasterKey, match="There is no master key: set MASTER_KEY, "):
        read()


@pytest.mark.usefixtures("own")
def test_those_who_develop_get_one_of_their_own_however_many_start(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {keys.first for keys in pool.map(read, [Environment.DEVELOPMENT] * 8)}
    assert len(found) == 1
    made = tmp_path / "var" / "master.key"
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert os.listdir(made.parent) == [made.name]  # noqa: PTH208 - the names are what counts


def test_the_first_wraps_and_each_unwraps_for_its_place_alone() -> None:
    old, new = new_master_key(), new_master_key()
    wrapped = MasterKeys.read(old).wrap(b"secret", "place")
    both = MasterKeys.read(f"{new}\n{old}\n")
    assert both.unwrap(wrapped, "place") == b"secret"
    assert not both.is_wrapped_by_first(wrapped)
    assert both.is_wrapped_by_first(both.wrap(b"secret", "place"))
    for text, place in ((wrapped, "other"), (f"{wrapped[:-6]}AAAA==", "place"), ("w1", "place")):
        with pytest.raises(UnknownMasterKey):
            both.unwrap(text, place)
    with pytest.raises(UnknownMasterKey, match="here is"):
        MasterKeys.read(new).unwrap(wrapped, "place")
    with pytest.raises(TypeError):
        pickle.dumps(both)
    with pytest.raises(BadMasterKey):
        MasterKeys.read("")
    drawn = new_master_key().rstrip("=").translate(str.maketrans("+/", "-_"))
    assert MasterKeys.read(drawn).first == MasterKeys.read(f"{drawn}==").first


@pytest.mark.parametrize(
    ("name", "value"),
    [("KEYS_AHEAD", "PT1H"), ("KEYS_OVERLAP", "PT1H"), ("KEYS_LIFETIME", "PT12H")],
)
def test_times_in_which_something_would_fail_are_refused(
    own: pytest.MonkeyPatch, name: str, value: str
) -> None:
    own.setenv(name, value)
    with pytest.raises(ValidationError, match="KEYS_MAX_AGE"):
        KeysSettings()


def test_a_place_where_none_can_be_made_is_named(own: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    own.setenv("MASTER_KEY_MADE", str(tmp_path / "file" / "master.key"))
    with pytest.raises(UnusableMasterKey, match=r"file/master\.key cannot be made or read"):
        read(Environment.DEVELOPMENT)
