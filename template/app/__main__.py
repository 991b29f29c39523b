"""The operators' commands: `python -m app COMMAND`. Each is a module of `app.commands`."""

from __future__ import annotations

import argparse
import sys

from app import commands
from app.settings import settings_explained

# What a shell takes for "ended by Ctrl-C".
INTERRUPTED = 130


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands.found():
        name = command.__name__.rpartition(".")[2]
        text = (command.__doc__ or "").partition("\n")[0]
        subparser = subparsers.add_parser(name, help=text, description=text)
        command.declare(subparser)
        subparser.set_defaults(run=command.run)
    if not sys.argv[1:]:
        parser.print_help()
        return
    arguments = parser.parse_args()
    try:
        with settings_explained():
            arguments.run(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
