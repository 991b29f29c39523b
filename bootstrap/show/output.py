"""The one place that prints: for people, or one JSON object per line for programs.

Results go to standard output, progress and errors to standard error. rich is imported only where a
terminal shows what needs a layout.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from contextlib import suppress
from contextvars import ContextVar
from io import TextIOWrapper
from typing import TYPE_CHECKING, Literal, TextIO

from bootstrap.errors import ExitCode, HeadstartError
from bootstrap.language import Said, _, shown
from bootstrap.show.items import width_of
from bootstrap.show.report import Report
from bootstrap.show.text import red, unstyled
from bootstrap.terminals import is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_ASCII = "headstart-marks"
_PLAIN = {
    "✓": "ok", "✗": "x", "→": "->", "…": "...", "·": "-", "•": "*", "─": "-", "×": "x",  # noqa: RUF001
    "—": "-", "–": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"',  # noqa: RUF001
}  # fmt: skip
FORM: ContextVar[Literal["text", "json"]] = ContextVar("form", default="text")


class Unwritable(HeadstartError):
    """There is a result, and no standard output that takes it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Said("The result could not be written to standard output."),
            why=(reason,),
            next=(Said("run the command again, with a place for its output"),),
        )


def begin(form: Literal["text", "json"]) -> None:
    """Fix for whom this process prints; of what a stream cannot encode, marks get plain ones."""
    FORM.set(form)
    codecs.register_error(_IN_ASCII, _in_ascii)
    # An isolated Python does not read that variable itself.
    stated = os.environ.get("PYTHONIOENCODING", "").partition(":")[0]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=stated or None, errors=_IN_ASCII)


def end() -> None:
    """Flush standard output; what nobody can read is dropped, or Python would exit with 120."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def for_programs() -> bool:
    return FORM.get() == "json"


def present(result: Report | Iterable[Report]) -> ExitCode:
    """Show each report when it comes, and write its page; the first exit code that is not 0.

    A page that cannot be written hides nothing of what follows.
    """
    code, failure = ExitCode.DONE, None
    for report in [result] if isinstance(result, Report) else result:
        _show(report)
        code = code or report.exit_code
        try:
            _write_page(report)
        except HeadstartError as error:
            failure = failure or error
    if failure:
        raise failure
    return code


def present_error(error: HeadstartError) -> ExitCode:
    """What happened, why, and what to do next."""
    if for_programs():
        cause = {"cause": error.cause} if error.cause else {}
        said = {"what": error.what, "why": error.why, "next": error.next, **cause}
        with suppress(Unwritable):
            print_json({"event": "error", "error": {**said, "exit_code": int(error.exit_code)}})
            return error.exit_code
    note(f"{red('✗')} {shown(error.what)}")
    for line in error.why:
        note(f"  {shown(line)}")
    head = _("next: ")
    for number, line in enumerate(error.next):
        note(f"{head if number == 0 else ' ' * width_of(head)}{shown(line)}")
    return error.exit_code


def present_interruption() -> None:
    if for_programs():
        error = {"what": "Interrupted.", "why": [], "next": ["run it again"], "exit_code": 130}
        with suppress(Unwritable):
            print_json({"event": "error", "error": error})
            return
    told = _("Interrupted. Nothing is left running; the same command can be run again.")
    note(f"\n{told}")


def print_json(value: object) -> None:
    """With JSON's own escapes where standard output has no other way to say it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding if sys.stdout else "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, default=str)
    _result(text)


def say(text: str) -> None:
    """A line of the result, which may be styled."""
    text = shown(text)
    _result(text if has_colours(sys.stdout) else unstyled(text))


def note(text: str) -> None:
    """A line of what happens meanwhile, which may be styled."""
    text = shown(text)
    with suppress(BrokenPipeError):
        _print(text if has_colours(sys.stderr) else unstyled(text), sys.stderr)


def has_colours(stream: TextIO | None) -> bool:
    """Only a terminal has colours, and NO_COLOR (no-color.org) switches them off there too."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Plain marks in place of ours; the codes of all else (PEP 293)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    plain = (
        _PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode() for each in found
    )
    return "".join(plain), error.end


def _show(report: Report) -> None:
    if for_programs():
        if report.document is not None:
            print_json(report.document)
        return
    for line in report.notes:
        note(line)
    if is_terminal(sys.stdout) and not all(isinstance(item, str) for item in report.items):
        from bootstrap.show import terminal  # noqa: PLC0415 - rich

        terminal.show(report.items, colour=has_colours(sys.stdout))
        return
    for item in report.items:
        if isinstance(item, str):
            say(item)
        else:
            for line in item.plain:
                _result(line)


def _write_page(report: Report) -> None:
    if report.page:
        from bootstrap.show import page_file  # noqa: PLC0415 - jinja2

        page_file.write(report.page.build(), report.page.path)


def _result(text: str) -> None:
    """Raises Unwritable, but BrokenPipeError where a reader has had enough."""
    if sys.stdout is None:
        raise Unwritable(Said("It is closed."))
    try:
        _print(text, sys.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(f"{error.strerror}.") from error


def _print(text: str, stream: TextIO | None) -> None:
    if stream is not None:
        print(text, file=stream, flush=True)
