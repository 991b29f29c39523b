"""The language that people are spoken to in: what HEADSTART_LANG says, or the locale; else English.

What programs read is English in each: documents, journals, commits, files. English texts are the
keys of the catalogues in `locale/`, so that who speaks English opens none.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Self

from bootstrap.errors import UsageError

ENGLISH = "en"
TRANSLATED = ("ko", "zh_TW")
VARIABLE = "HEADSTART_LANG"
FOLDER = Path(__file__).with_name("locale")
# As Python's gettext asks them; the first that is set is the one.
_OF_THE_LOCALE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_TRADITIONAL = {"tw", "hk", "mo", "hant"}


def language_of(environ: Mapping[str, str]) -> str:
    """Return the language that an environment asks for; raises UsageError for an unknown one."""
    if stated := environ.get(VARIABLE, ""):
        if found := _known(stated):
            return found
        raise UsageError(
            f"{VARIABLE} is {stated}, which is no language of Headstart.",
            why=(f"there are {ENGLISH}, {', '.join(TRANSLATED)}",),
            next=(f"unset {VARIABLE}: then it is the locale's, or English",),
        )
    locale = next((environ[name] for name in _OF_THE_LOCALE if environ.get(name)), "")
    wanted = (_known(name) for name in locale.split(":"))
    return next((name for name in wanted if name), ENGLISH)


def _known(name: str) -> str:
    """Return the language of a locale's name, as in zh_TW.UTF-8, zh-Hant or ko; "" for others."""
    spoken, *more = name.lower().partition(".")[0].replace("-", "_").partition("@")[0].split("_")
    if spoken == "zh":
        return "zh_TW" if _TRADITIONAL.intersection(more) else ""
    return spoken if spoken in (ENGLISH, *TRANSLATED) else ""


@cache
def spoken() -> str:
    """Return the language of whoever runs this."""
    try:
        return language_of(os.environ)
    except UsageError:
        return ENGLISH  # in which that is said


@cache
def _translation() -> Callable[[str], str]:
    if (language := spoken()) == ENGLISH:
        return str
    import gettext  # noqa: PLC0415 - no need of it in English

    with (FOLDER / language / "LC_MESSAGES/headstart.mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext


class Said(str):
    """A text that is English to programs (`--json`, journals, logs), and translated where shown."""

    __slots__ = ("text", "values")
    text: str
    values: Mapping[str, object]

    def __new__(cls, text: str, /, **values: object) -> Self:
        made = super().__new__(cls, text.format(**values) if values else text)
        made.text, made.values = text, values
        return made


def joined(texts: Iterable[str], between: str = "; ") -> Said:
    """Return texts as one, each of which is shown as it would be alone."""
    values = {f"part{number}": text for number, text in enumerate(texts)}
    return Said(between.join(f"{{{name}}}" for name in values), **values)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, each of which is shown as it would be alone."""
    lines = text.splitlines()
    if not isinstance(text, Said):
        return lines
    parts = [Said(each, **text.values) for each in text.text.split("\n")]
    # Where a value has lines of its own, they are in no message.
    return list(parts) if len(parts) == len(lines) else lines


def shown(text: object) -> str:
    """Return a text as people read it: translated, if it is known what it was filled with."""
    if not isinstance(text, Said):
        return str(text)
    values = {name: shown(value) for name, value in text.values.items()}
    return _(text.text).format(**values) if values else _(text.text)


def is_english() -> bool:
    return _translation() is str


def _(message: str) -> str:
    """Return a message in the language of whoever runs this."""
    return _translation()(message) if message else message
