"""The operators' commands: `python -m app COMMAND`. Each is a module of `app.commands`."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app import commands
from app.settings import explained


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
        arguments.run(arguments)
    except ValidationError as error:
        sys.exit("\n".join(explained(error)))
    except SettingsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
