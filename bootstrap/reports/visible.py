"""Text that a terminal and a browser show as what it is: no character in it acts on either."""

import unicodedata

# What orders the text around it anew makes code look like other code (CVE-2021-42574).
_ACTING = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTES = range(0xDC80, 0xDD00)  # how a byte that is no UTF-8 comes here (PEP 383)


def visible(text: str, *, kept: str = "") -> str:
    """The text with its number for each character that would act; `kept` ones stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in kept else _sign(each) for each in text)


def undecoded(text: str) -> bool:
    """Whether there is a byte in it that is no UTF-8."""
    return any(ord(each) in _BYTES for each in text)


def _sign(character: str) -> str:
    if unicodedata.category(character) not in _ACTING:
        return character
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number in _BYTES:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004 - one byte
