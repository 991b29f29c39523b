"""The catalogues of `bootstrap/locale`: `python -m tests.messages` makes them what the code says.

A new message is added without a translation, which a test finds; one that is gone goes from them.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bootstrap import cli, language
from bootstrap.project import questions
from bootstrap.show.translated_help import AS_WRITTEN

ROOT = Path(__file__).resolve().parent.parent
PO = "LC_MESSAGES/headstart.po"
# What typer itself says in a text of help.
OF_TYPER = ("Usage:", "Arguments", "Options", "Commands", "Show this message and exit.")
OF_DETAILS = ("required", "default")
Words = tuple[str, ...]


def messages() -> dict[str, str]:
    """Return every message by its text, and where it is first."""
    found = [
        *((text, "typer") for text in (*OF_TYPER, *OF_DETAILS)),
        *_of_help(),
        *_of_questions(),
        *_of_code(),
    ]
    return {text: place for text, place in reversed(found) if text}


def commands(command: Any = None, words: Words = ()) -> Iterator[tuple[Words, Any]]:
    """Yield every command that there is, the words after `headstart` first."""
    command = command or typer.main.get_command(cli.command_line(()))
    yield words, command
    for word, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*words, word))


def _of_help() -> _Found:
    for words, command in commands():
        name = " ".join(("headstart", *words))
        for text in (command.help, command.short_help, command.epilog):
            for paragraph in inspect.cleandoc(text or "").split("\n\n"):
                yield paragraph.removeprefix(AS_WRITTEN), name
        for parameter in command.params:
            yield getattr(parameter, "help", None) or "", name


def _of_questions() -> _Found:
    for question in questions.load(ROOT / "copier.yml").questions:
        if question.when is not False:
            yield question.help, "copier.yml"
            if question.choices:
                yield from ((each.label, "copier.yml") for each in question.choices)


def _of_code() -> _Found:
    found = extract_from_dir(
        str(ROOT / "bootstrap"),
        [("**.py", "python"), ("show/*.jinja", "jinja2")],
        keywords={"_": None, "Said": None},
    )
    for path, _line, text, _comments, _context in found:
        yield str(text), f"bootstrap/{path}"


def catalogue(name: str) -> Catalog:
    """Return the catalogue of a language as it is kept."""
    path = language.FOLDER / name / PO
    with path.open("rb") as file:
        return read_po(file, locale=name)


def translations(kept: Catalog) -> dict[str, str]:
    """Return what a catalogue has for each message."""
    return {str(each.id): str(each.string) for each in kept if each.id}


def brought_up(name: str) -> Catalog:
    """Return the catalogue of a language with all messages of the code, and no others."""
    kept = catalogue(name)
    told = translations(kept)
    made = Catalog(
        locale=name,
        project="Headstart",
        header_comment=kept.header_comment,
        creation_date=kept.creation_date,  # or each run would write another file
        fuzzy=False,
    )
    for text, place in sorted(messages().items(), key=lambda each: (each[1], each[0])):
        made.add(text, told.get(text, ""), auto_comments=[place])
    return made


def written(name: str) -> bytes:
    """Return the text of a catalogue with all messages of the code."""
    target = io.BytesIO()
    write_po(target, brought_up(name), width=100)
    return target.getvalue()


def compiled(name: str) -> bytes:
    """Return a catalogue as it is read at run time."""
    target = io.BytesIO()
    write_mo(target, catalogue(name))
    return target.getvalue()


def main() -> None:
    """Write the catalogues of every language, and what they compile to."""
    for name in language.TRANSLATED:
        path = language.FOLDER / name / PO
        path.write_bytes(written(name))
        path.with_suffix(".mo").write_bytes(compiled(name))


_Found = Iterator[tuple[str, str]]

if __name__ == "__main__":
    main()
