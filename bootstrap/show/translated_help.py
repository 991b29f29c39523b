"""The text of --help in another language, in lines that are as wide as the terminal shows them."""

import re
from collections.abc import Iterator, Sequence

import typer

from bootstrap.language import _
from bootstrap.show.items import width_of

# What typer puts behind the words of an option.
_DETAILS = re.compile(r"  \[(.*)\]$")
# With this begins a paragraph whose lines are not filled.
AS_WRITTEN = "\b\n"
# A line may end behind a Chinese sign, and what closes or opens stays with what it is about.
_HAN = "\u2e80-\u2fff\u3040-\u9fff"
_CLOSES, _OPENS = "、。，：；！？）」』》", "（「『《"  # noqa: RUF001 - meant
_PART = re.compile(
    rf"[{_OPENS}]*(?:[{_HAN}]|[^\s{_HAN}{_CLOSES}{_OPENS}]+)[{_CLOSES}]* *|[{_CLOSES}{_OPENS}]+ *"
)


class TranslatedHelp(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Writes what it is given in the language of whoever asks."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or f"{_('Usage:')} ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(_(heading))

    def write_text(self, text: str) -> None:
        room = max(self.width - self.current_indent, 10)
        for number, paragraph in enumerate(text.strip().split("\n\n")):
            told = _(paragraph.removeprefix(AS_WRITTEN))
            is_written = paragraph.startswith(AS_WRITTEN) and "\n" in told
            lines = told.splitlines() if is_written else _lines(told, room)
            for line in ([""] if number else []) + list(lines):
                self.write(f"{'':{self.current_indent}}{line}".rstrip() + "\n")

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        names = [width_of(name) for name, _text in rows]
        column = min(max(names), col_max) + col_spacing
        for (name, text), width in zip(rows, names, strict=True):
            lines = list(_lines(_told(text), max(self.width - column - 2, 10)))
            fits = width <= column - col_spacing
            first = f"{name}{'':{column - width}}{lines.pop(0)}" if fits and lines else name
            for line in (first, *(f"{'':{column}}{line}" for line in lines)):
                self.write(f"{'':{self.current_indent}}{line}".rstrip() + "\n")


def _told(text: str) -> str:
    """Translate the words of an option, and what is said behind them."""
    if not (details := _DETAILS.search(text)):
        return _(text)
    label, colon, value = details[1].partition(": ")
    return f"{_(text[: details.start()])}  [{_(label)}{colon}{value}]"


def _lines(paragraph: str, room: int) -> Iterator[str]:
    """Fill lines of so many cells."""
    line = ""
    for part in _PART.findall(paragraph.replace("\n", " ")):
        if width_of(line) + width_of(part.rstrip()) > room and line:
            yield line.rstrip()
            line = ""
        line += part
    if line:
        yield line.rstrip()
