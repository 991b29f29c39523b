"""Write what API gateways are told of this api."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from app.settings import ROOT, Environment, Settings, read_project

FOLDER = ROOT / "deploy/gateway"


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    export = actions.add_parser("export", help="write deploy/gateway, for Azure and for WSO2")
    export.add_argument("--check", action="store_true", help="write nothing; fail if it differs")
    export.add_argument("--drop", action="store_true", help="let go of operations that are gone")


def run(arguments: Namespace) -> None:
    from app.gateway.folder import Folder, Unpublishable  # noqa: PLC0415 - only this command does

    folder = Folder(FOLDER, read_project())
    document = describe()
    try:
        if not arguments.check:
            for path in folder.write(document, may_drop=arguments.drop):
                print(f"wrote deploy/gateway/{path}")
        elif differing := folder.differing(document):
            named = "\n".join(f"  deploy/gateway/{path}" for path in differing)
            sys.exit(f"These are not what the api says: python -m app gateway export\n{named}")
    except Unpublishable as error:
        sys.exit(f"Nothing was written.\n{error}")


def describe() -> dict[str, object]:
    """Return the api's document, whatever the settings of this machine are."""
    from app.main import create_app  # noqa: PLC0415 - as above

    return create_app(Settings(_env_file=None, environment=Environment.TEST)).openapi()
