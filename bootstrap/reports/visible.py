"""Text that a terminal and a browser show as what it is: no character in it acts on either."""

import unicodedata

# What orders the text around it anew makes code look like other code (CVE-2021-42574).
_ACTING = {"Cc", "Cf", "Zl", "Zp", "Cs"}
_PICTURES = 0x2400  # ␀ and the 31 after it stand for the control characters
_DELETE = 0x7F


def visible(text: str, *, kept: str = "") -> str:
    """The text with a visible sign for each character that would act; `kept` ones stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in kept else _sign(each) for each in text)


def _sign(character: str) -> str:
    number = ord(character)
    if unicodedata.category(character) not in _ACTING:
        return character
    if number < ord(" "):
        return chr(_PICTURES + number)
    if number == _DELETE:
        return "\u2421"
    # A byte that is no UTF-8 comes as a lone surrogate (PEP 383).
    return "\ufffd" if unicodedata.category(character) == "Cs" else f"\\u{{{number:x}}}"
