"""A page as one HTML file that needs nothing else: no network, and no script to be read."""

from __future__ import annotations

import re
import tempfile
from base64 import b64encode
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bootstrap import language
from bootstrap.errors import HeadstartError, Refused, UsageError
from bootstrap.files import draft
from bootstrap.language import Said, _, shown
from bootstrap.show.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bootstrap.show.page import Page

_HERE = Path(__file__).parent
_MARK = "<!doctype html>\n<!-- A report of Headstart: it is replaced by the next one. -->\n"
_INDENTED = re.compile(r"^ +", re.MULTILINE)
_PROGRAM = Markup("<code>headstart</code>")
_MARKDOWN = MarkdownIt("zero").enable(["list", "heading", "backticks", "emphasis"])


def render(page: Page) -> str:
    """The page as HTML; the same page is the same text."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"markdown": markdown, "content": _content, "shown": shown}
    environment.globals |= {"_": _, "lang": language.spoken(), "program": _PROGRAM}
    style, script = _asset("page.css"), _asset("page.js")
    allowed = f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    template = environment.from_string(_INDENTED.sub("", _asset("page.html.jinja")))
    return _MARK + template.render(page=page, style=style, script=script, allowed=allowed)


def markdown(text: str) -> str:
    """The Markdown of a changelog as HTML; HTML in it is only text."""
    tokens = _MARKDOWN.parse(escape(text, keep="\n"))
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = "h4"  # below the heading of its release
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return html


def _visible(value: object) -> object:
    """No text of a project acts on a browser; what is HTML already has been through this."""
    return escape(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _content(text: str) -> Markup:
    """What is between tags, where a quotation mark is only one: the lines of diffs have many."""
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;"))  # noqa: S704 - it is escaped


def check_writable(path: Path) -> None:
    """Refuse a path that a page cannot be written to, before anything else is done."""
    if not path.parent.is_dir():
        raise UsageError(
            Said("The report cannot be written to {path}.", path=path),
            why=(Said("there is no folder {folder}", folder=path.parent),),
            next=(f"mkdir -p {path.parent}",),
        )
    with _explained(path):
        _check_replaceable(path)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def write(page: Page, path: Path) -> None:
    """Write the page: complete, or not at all."""
    with _explained(path):
        _check_replaceable(path)
        with draft(path) as beside:
            beside.write_bytes(render(page).encode("utf-8"))


def _check_replaceable(path: Path) -> None:
    """Replace only an earlier report: another file may be somebody's work."""
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_file() or path.read_bytes()[: len(_MARK)] != _MARK.encode():
        raise Refused(
            Said("{path} already exists, and is no report of Headstart.", path=path),
            next=(Said("choose another file, or remove that one"),),
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HeadstartError(
            Said("The report cannot be written to {path}.", path=path),
            why=(error.strerror or str(error),),
            next=(Said("choose a file in a folder that you can write to"),),
        ) from error


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The hash by which a Content-Security-Policy allows one style or script."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
