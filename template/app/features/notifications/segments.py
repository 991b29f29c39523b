"""In how many segments a text message is sent, and charged (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")  # each takes two places

LAST_OF_TWO_BYTES = 0xFFFF  # what is behind it takes two places of two bytes

# Places of a message alone, and of each of several, which say which one they are.
GSM_7 = (160, 153)
UCS_2 = (70, 67)


def count(text: str) -> int:
    """Return how many segments `text` takes; at least one."""
    if BASIC.union(EXTENDED).issuperset(text):
        sizes = [2 if mark in EXTENDED else 1 for mark in text]
        alone, each = GSM_7
    else:
        sizes = [2 if ord(mark) > LAST_OF_TWO_BYTES else 1 for mark in text]
        alone, each = UCS_2
    return 1 if sum(sizes) <= alone else _filled(sizes, each)


def _filled(sizes: list[int], each: int) -> int:
    """A character of two places is never cut in two."""
    segments, used = 1, 0
    for size in sizes:
        segments, used = (segments, used + size) if used + size <= each else (segments + 1, size)
    return segments
