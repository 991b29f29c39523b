"""PyCharm's list of interpreters: where it is, what it says, and how one is added or removed.

The list belongs to PyCharm and its user. An edit changes the text of one entry and nothing else,
and is only made while PyCharm does not run: it rewrites the whole list when it ends.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bootstrap.files import replace_text
from bootstrap.machine.edits import Action, Reversal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACTION: Action = "unregister"
_FOLDER = re.compile(r"PyCharm(CE|Edu)?\d{4}\.\d+")
_ENTRY = re.compile(r"[ \t]*<jdk\b.*?</jdk>[ \t]*(?:\r?\n)?", re.DOTALL)
_TABLE = re.compile(r'<component name="ProjectJdkTable"\s*(/?)>[ \t]*(?:\r?\n)?')
_EMPTY = '<application>\n  <component name="ProjectJdkTable" />\n</application>\n'
_NEW_ENTRY = """\
    <jdk version="2">
      <name value={name} />
      <type value="Python SDK" />
      <version value={version} />
      <homePath value={home} />
      <roots>
        <classPath>
          <root type="composite" />
        </classPath>
        <sourcePath>
          <root type="composite" />
        </sourcePath>
      </roots>
      <additional>
        <setting name="FLAVOR_ID" value="VirtualEnvSdkFlavor" />
        <setting name="FLAVOR_DATA" value="{{}}" />
      </additional>
    </jdk>
"""


class UnreadableError(Exception):
    """The list is there, and it is not what PyCharm writes."""


class PycharmSdk(NamedTuple):
    """An interpreter as PyCharm knows it: projects refer to it by its name."""

    name: str
    home: str


def settings_folders(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folder of each PyCharm that has run here, the newest last."""
    configuration = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    found: list[Path] = []
    for base in (home / "Library" / "Application Support", configuration):
        folders = (base / "JetBrains").glob("PyCharm*/options")
        found += (at.parent for at in folders if _FOLDER.fullmatch(at.parent.name))
    return tuple(sorted(found, key=lambda folder: [*map(int, re.findall(r"\d+", folder.name))]))


def table_in(folder: Path) -> Path:
    """The file with the list; a PyCharm that has no interpreter yet has none."""
    return folder / "options" / "jdk.table.xml"


def is_running(folder: Path) -> bool:
    """Whether a PyCharm holds this folder: its process number is in `.lock` while it does."""
    try:
        os.kill(int((folder / ".lock").read_text(encoding="ascii")), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def text_of(table: Path) -> str:
    """The text of the list, an empty one where there is none. Raises UnreadableError."""
    try:
        return table.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return _EMPTY
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from error


def sdks_in(text: str) -> tuple[PycharmSdk, ...]:
    """Every entry of the list, in its order. Raises UnreadableError."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - most projects have no use for it

    try:
        root = ET.fromstring(text)  # noqa: S314 - the user's own settings
    except ET.ParseError as error:
        raise UnreadableError(f"not well-formed: {error}") from error

    def value(entry: ET.Element, tag: str) -> str:
        found = entry.find(tag)
        return "" if found is None else found.get("value", "")

    tables = root.findall("component[@name='ProjectJdkTable']")
    if len(tables) > 1:
        raise UnreadableError("it holds more than one list")
    return tuple(
        PycharmSdk(
            value(entry, "name"), value(entry, "homePath").replace("$USER_HOME$", str(Path.home()))
        )
        for table in tables
        for entry in table.findall("jdk")
    )


def with_sdk(text: str, added: PycharmSdk, version: str) -> str:
    """The list with `added`, in the place of one of that name. Raises UnreadableError."""
    kept = [each for each in sdks_in(text) if each.name != added.name]
    entry = _NEW_ENTRY.format(
        name=attribute(added.name),
        version=attribute(f"Python {version}"),
        home=attribute(added.home),
    )
    return _checked(_inserted(_without(text, added.name), entry), [added, *kept])


def without_sdk(text: str, removed: PycharmSdk) -> str:
    """The list without `removed`. Raises UnreadableError."""
    kept = [each for each in sdks_in(text) if each != removed]
    return _checked(_without(text, removed.name), kept)


def reversal(file: Path, change: str) -> Reversal:
    """The change is the interpreter's path; PyCharm rewrites the rest of the list all the time."""
    if is_running(file.parents[1]):
        return Reversal("keep", str(file), "PyCharm is running; quit it, then undo this again")
    if _registered(file, change) is None:
        return Reversal("keep", str(file), f"{change} is no longer in it")
    return Reversal(ACTION, str(file), f"{change} was added to it", to=change)


def reverse(file: Path, to: str) -> None:
    """Remove the entry of that interpreter alone."""
    if found := _registered(file, to):
        replace_text(file, without_sdk(text_of(file), found))


def _registered(table: Path, home: str) -> PycharmSdk | None:
    try:
        known = sdks_in(text_of(table))
    except UnreadableError:
        return None
    return next((each for each in known if each.home == home), None)


def attribute(value: str) -> str:
    """The value of an XML attribute, in its quotes."""
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'"{escaped}"'


def _inserted(text: str, entry: str) -> str:
    opening = '<component name="ProjectJdkTable">\n'
    table = _TABLE.search(text)
    if table is None:
        before, end, after = text.rpartition("</application>")
        return f"{before}  {opening}{entry}  </component>\n{end}{after}"
    closing = "  </component>\n" if table[1] else ""
    return f"{text[: table.start()]}{opening}{entry}{closing}{text[table.end() :]}"


def _without(text: str, name: str) -> str:
    named = f"<name value={attribute(name)}"
    return _ENTRY.sub(lambda entry: "" if named in entry[0] else entry[0], text)


def _checked(text: str, expected: Sequence[PycharmSdk]) -> str:
    """The text, provided that it says what is meant: nothing is ever lost to a strange layout."""
    if list(sdks_in(text)) != list(expected):
        raise UnreadableError("not written the way PyCharm writes it")
    return text
