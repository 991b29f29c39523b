"""Whatever is done to a ciphertext, a token or a wrapped key: it is refused, and by its own error.

Hypothesis changes them here; a process on the render's own packages opens them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.slow, pytest.mark.cases]

PROGRAM = Path(__file__).with_name("keys_fuzzed_program.py").read_text("utf-8")
CASES = max(int(os.environ.get("HEADSTART_CASES", "0")), 200)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["alg", "enc", "kid", "epk", "zip", "crit", "p2c", "apu", "typ", "b64"])
GIVEN = st.sampled_from(
    ["none", "dir", "A128KW", "PBES2-HS256+A128KW", "RSA1_5", "ECDH-ES", "DEF", "A128CBC-HS256"]
)


class Opener:
    """The process that opens, and what it says can be opened."""

    def __init__(self, project: Path) -> None:
        self.process = subprocess.Popen(
            [str(project / ".venv/bin/python"), "-c", PROGRAM],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.good: list[tuple[str, str]] = [(kind, text) for kind, text in self._read()]

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def outcome(self, kind: str, text: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([kind, text]) + "\n")
        self.process.stdin.flush()
        return str(self._read())


@pytest.fixture(scope="module")
def opener(everything: Path) -> Iterator[Opener]:
    opener = Opener(everything)
    yield opener
    opener.process.kill()
    opener.process.communicate()


@st.composite
def changes(draw: st.DrawFn, text: str) -> str:
    """The text with a piece of it replaced, twice, cut out, or put elsewhere."""
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(len(text), begin + 20)))
    piece = draw(TEXTS | st.sampled_from(["", "A", "=", ".", "..", text[begin:end] * 2, "\x00"]))
    return text[:begin] + piece + text[end:]


@st.composite
def headers(draw: st.DrawFn, token: str) -> str:
    """A token whose header says something else."""
    head, _, rest = token.partition(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header[draw(NAMES)] = draw(VALUES | GIVEN)
    if draw(st.booleans()):
        header.pop(draw(st.sampled_from(sorted(header))))
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=") + f".{rest}"


@pytest.mark.parametrize("index", range(5), ids=["random", "alike", "wrapped", "ecdh", "rsa"])
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_was_changed_is_refused(opener: Opener, index: int, data: st.DataObject) -> None:
    kind, text = opener.good[index]
    inside = opener.outcome(kind, text)
    assert inside == "opened inside"
    strategy = changes(text) | headers(text) if kind == "token" else changes(text)
    changed = data.draw(strategy)
    outcome = opener.outcome(kind, changed)
    if changed == text:
        return
    # Base64 has several texts for the same bytes; of what we store ourselves only one is taken.
    same = () if kind == "column" else (inside,)
    assert outcome in ("refused", *same)


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(["column", "token", "wrapped"]), text=TEXTS)
def test_what_never_was_one_is_refused(opener: Opener, kind: str, text: str) -> None:
    assert opener.outcome(kind, text) == "refused"
