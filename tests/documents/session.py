"""Record a real session at a terminal as docs/session.svg: `make picture`.

The commands run as they are shown, in a new folder, with a home of their own; what they print is
drawn as it stands on the terminal at the end of each.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from bootstrap import pyenv
from bootstrap.project import releases
from tests.conftest import ROOT

BEFORE = releases.released()[-2].version
# Where, and what: a project of the release before the newest, so that there is something to see.
COMMANDS = (
    ("~", f"headstart new shop --defaults --version {BEFORE}"),
    ("~/shop", "headstart up"),
    ("~/shop", "headstart up"),
    ("~/shop", "headstart status"),
)
PICTURE = ROOT / "docs/session.svg"
_COLUMNS, _LINES = 100, 200
# rich's own format, without the fonts that it would fetch from elsewhere.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace;
  line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Run the commands, and draw what they print."""
    with tempfile.TemporaryDirectory(prefix="session-") as folder:
        home = Path(folder)
        (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
        shown = Text("\n\n").join(_typed(home))
    PICTURE.write_text(drawn(shown), encoding="utf-8")


def _typed(home: Path) -> list[Text]:
    """Each command behind its prompt, and what it has printed."""
    shown: list[Text] = []
    for place, command in COMMANDS:
        folder = Path(place.replace("~", str(home), 1))
        printed = on_terminal(command, folder, _environment(home))
        prompt = (f"{place} $ ", "green")
        shown.append(Text.assemble(prompt, (command, "bold"), "\n", printed))
    return shown


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "HOME": str(home),
        "HEADSTART_STATE_DIR": str(home / ".state"),
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
        "PYENV_ROOT": str(pyenv.root(os.environ)),
        "TERM": "xterm-256color",
        "COLUMNS": str(_COLUMNS),
    }


def on_terminal(command: str, folder: Path, environment: Mapping[str, str]) -> Text:
    """What a command leaves on a terminal, with its colours."""
    ours, theirs = pty.openpty()
    screen = pyte.Screen(_COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    process = subprocess.Popen(
        ("/bin/sh", "-c", command),
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    while chunk := _read(ours):
        stream.feed(chunk.replace(environment["HOME"].encode(), b"~"))  # wherever it really is
    os.close(ours)
    if process.wait() not in {0, 2}:
        sys.exit(f"`{command}` ended with {process.returncode}")
    return Text("\n").join(_lines(screen)[: screen.cursor.y])


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody has it open any more
        return b""


def _lines(screen: pyte.Screen) -> list[Text]:
    return [_line(screen.buffer[number], screen.columns) for number in range(screen.lines)]


def _line(cells: Mapping[int, pyte.screens.Char], columns: int) -> Text:
    """The cells of a line, those that look alike together."""
    line = Text()
    for (colour, bold), run in groupby(map(cells.__getitem__, range(columns)), _look):
        line.append("".join(cell.data for cell in run), Style(color=colour, bold=bold))
    line.rstrip()
    return line


def _look(cell: pyte.screens.Char) -> tuple[str | None, bool]:
    return None if cell.fg == "default" else cell.fg, cell.bold


def drawn(shown: Text) -> str:
    """The text as an SVG that asks no network for anything."""
    console = Console(record=True, width=_COLUMNS, file=StringIO(), color_system="standard")
    console.print(shown)
    return console.export_svg(title="headstart", code_format=_FORMAT, unique_id="session")


if __name__ == "__main__":
    main()
