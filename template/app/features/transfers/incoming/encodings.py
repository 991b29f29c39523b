"""Which encoding a text is in: found by its bytes, and never one that it cannot be read by."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from charset_normalizer import from_bytes

from app.features.transfers.incoming.tables import Unreadable

# What may be stated. Windows writes more characters than the standards of the same name have.
Encoding = Literal[
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "big5",
    "cp950",
    "big5hkscs",
    "cp949",
    "euc-kr",
    "shift_jis",
    "cp932",
    "gb18030",
    "cp1252",
    "iso-8859-1",
]
SAMPLE = 64 * 1024
CHUNK = 1024 * 1024
SEPARATORS = set("\r\n,;\t|")
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HANGUL = ("\uac00", "\ud7a3")
# What is Big5 has as many Hangul by chance when it is short; then somebody must look.
_KOREAN_SHARE = 0.9
_BIG5 = ("big5", "cp950")


def encoding_of(path: Path, stated: Encoding | None) -> str:
    """Return a name by which Python reads all of the text; raises Unreadable."""
    if stated is not None:
        wrong = _wrong_at(path, stated)
        if wrong is not None:
            raise Unreadable(f"the file is not {stated}: byte {wrong} cannot be read")
        return "utf-8-sig" if stated == "utf-8" else stated
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    for name in _candidates(sample):
        if _wrong_at(path, name) is None:
            return name
    raise Unreadable("the encoding is none of UTF-8, UTF-16, Big5 and CP949: state it")


def told(encoding: str) -> str:
    return encoding.removesuffix("-sig")


def _candidates(sample: bytes) -> Iterator[str]:
    for bom, name in _BOMS.items():
        if sample.startswith(bom):
            yield name
            return
    if (wide := _without_bom(sample)) is not None:
        yield wide
    yield "utf-8"
    yield from _east_asian(sample)


def _without_bom(sample: bytes) -> str | None:
    """UTF-16 without its mark: what is ASCII in it has a NUL on one side, and lines have ends."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    name = "utf-16-be" if even > odd else "utf-16-le"
    if most * 40 < len(sample) or least * 10 > most:
        return None
    letters = set(sample[: len(sample) // 2 * 2].decode(name, "ignore"))
    return name if letters & SEPARATORS else None


def _east_asian(sample: bytes) -> Sequence[str]:
    """Big5 and CP949 share most of their bytes: where both make sense, the letters tell."""
    # Not through the middle of a character.
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    plausible = {each.encoding for each in from_bytes(whole, cp_isolation=["big5", "cp949"])}
    if plausible == {"big5"} or ("cp949" in plausible and not _is_korean(whole)):
        return (*_BIG5, "cp949")
    return ("cp949", *_BIG5)


def _is_korean(sample: bytes) -> bool:
    letters = [each for each in sample.decode("cp949", "ignore") if each > "\x7f"]
    hangul = sum(_HANGUL[0] <= each <= _HANGUL[1] for each in letters)
    return hangul >= _KOREAN_SHARE * len(letters)


def _wrong_at(path: Path, encoding: str) -> int | None:
    """Return the place of the first byte that cannot be read; None where all can."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeError as error:
                # One that lacks its mark is wrong as a whole, and has no place.
                return done - pending + getattr(error, "start", 0) + 1
            done += len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return done
    return None
