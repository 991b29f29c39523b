"""Whatever a message holds, it is refused, or what arrives is what was asked for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rendered.processes import Backend

pytestmark = [pytest.mark.slow, pytest.mark.cases]

PROGRAM = Path(__file__).with_name("messages_program.py").read_text("utf-8")
CASES = int(os.environ.get("HEADSTART_CASES", "150"))  # make nightly: thousands
ALIKE = "CI" in os.environ and "HEADSTART_CASES" not in os.environ
SETTINGS = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=ALIKE,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
TYPES = ["text/csv", "text/plain", "application/pdf", "message/rfc822", "multipart/mixed"]
# What mail is attacked with, between whatever there is.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.one_of(
            st.text(max_size=5),
            st.sampled_from(
                [
                    *("\r\n", "\n", "\r", "\r\nBcc: eve@example.com\r\n\r\n", "\0", "\u2028", " "),
                    *(
                        "=?utf-8?q?=0D=0ABcc=3A?=",
                        "\ud800",
                        "\U0001f600",
                        "é",
                        "中文",
                        '"',
                        "<",
                        "@",
                    ),
                    *("@", ".\r\n", "\r\n.\r\n", "x" * 1100, "\t", ";", ",", "(", "\\", "%0d%0a"),
                ]
            ),
        ),
        max_size=6,
    ).map("".join),
)
# Most of what would be refused for its first control character is let through without it.
LINES = st.one_of(TEXTS, *[TEXTS.map(lambda text: CONTROL.sub("", text))] * 4)
SUBJECTS = st.one_of(LINES, *[LINES.map("News {}".format)] * 3)
ADDRESSES = st.one_of(
    *[st.sampled_from(["ada@example.com", "ada+x@sub.example.com", "ada@bücher.example"])] * 4,
    st.tuples(TEXTS, st.sampled_from(["", "@example.com", "@", "@[127.0.0.1]"])).map("".join),
)
FILES = st.fixed_dictionaries(
    {
        "name": LINES,
        "media_type": st.one_of(*[st.sampled_from(TYPES)] * 4, TEXTS),
        "data": st.binary(max_size=40).map(list),
    }
)
MAILS = st.fixed_dictionaries(
    {
        "to": ADDRESSES,
        "subject": SUBJECTS,
        "text": TEXTS,
        "html": st.none() | TEXTS,
        "name": LINES,
        "reply_to": st.none() | ADDRESSES,
        "attachments": st.lists(FILES, max_size=2),
    }
)
DIGITS = st.text("0123456789", min_size=7, max_size=11)
NUMBERS = st.fixed_dictionaries(
    {
        "to": st.one_of(
            DIGITS.map("+8869{}".format),
            DIGITS.map("09{}".format),
            st.text("0123456789+ -().#*;ext=tel:", max_size=24),
            TEXTS,
        ),
        "region": st.sampled_from([None, "TW", "US", "DE"]),
    }
)

Judge = Callable[[str, object], str]


@pytest.fixture(scope="module")
def judge(everything: Path) -> Iterator[Judge]:
    """What the project makes of a message, by a process of its own Python."""
    python = str(Backend(everything, "", {}).python)
    process = subprocess.Popen(
        [python, "-c", PROGRAM],
        cwd=everything,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ask, answers = process.stdin, process.stdout

    def judged(kind: str, message: object) -> str:
        ask.write(json.dumps([kind, message]) + "\n")
        return str(json.loads(answers.readline()))

    yield judged
    ask.close()
    process.wait()
    answers.close()


@SETTINGS
@given(message=MAILS)
def test_a_mail_is_what_was_asked_for_or_refused(judge: Judge, message: object) -> None:
    said = judge("mail", message)
    event(said)
    assert said in {"sent", "refused"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Lovelace, Ada (Countess)", "sent"),
        # Each loses its quotes, and Python's reader of it finds several recipients, or its own end.
        ('<bcb cccb.baa. cabcacb,bbcc a<"a .cbbbbc\\c b(bccaaa cbbcabb"cab" a"a\\ba', "refused"),
        (":" + "x" * 500, "refused"),
        ('aaca:bc@a cba:>b ccbb"ccc\\ c;\\;"cbccaa babcbca (cabaabb )c;@\\caac cb@abb', "refused"),
    ],
)
def test_a_name_that_would_be_read_as_another_is_refused(
    judge: Judge, name: str, told: str
) -> None:
    content: dict[str, object] = {
        "subject": "News",
        "text": "",
        "html": None,
        "reply_to": None,
        "attachments": [],
    }
    assert judge("mail", {"to": "ada@example.com", "name": name, **content}) == told


@SETTINGS
@given(message=NUMBERS)
def test_a_number_is_one_of_the_world_or_refused(judge: Judge, message: object) -> None:
    said = judge("number", message)
    event(said)
    assert said in {"sent", "refused"}


@SETTINGS
@given(text=TEXTS)
def test_the_segments_of_a_text_are_counted(judge: Judge, text: str) -> None:
    assert judge("text", {"text": text}) == "sent"
