"""Write the Postman collection, its environments and the .http file into `postman/collection/`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from app.main import create_app
from app.settings import ROOT, Environment, Settings, read_project
from postman.files import Folder, Unreadable
from postman.openapi import Document
from postman.samples import Unknown
from postman.steps import steps

FOLDER = ROOT / "postman/collection"


def main() -> None:
    """Write what is missing or not true any more, or say what that is."""
    parser = ArgumentParser(prog="python -m postman", description=__doc__)
    text = "write nothing: fail where the collection is not what the api says"
    parser.add_argument("--check", action="store_true", help=text)
    arguments = parser.parse_args()
    folder = Folder(FOLDER, read_project())
    try:
        made = steps(describe())
        if not arguments.check:
            for path in folder.write(made, address(Settings())):
                print(f"wrote {path.relative_to(ROOT)}")
        if not folder.is_current(made):
            sys.exit(f"{folder.collection.name} is not what the api says: make postman")
        print(f"{folder.collection.relative_to(ROOT)} is what the api says")
    except (Unknown, Unreadable) as error:
        sys.exit(str(error))


def describe() -> Document:
    """Return the api's OpenAPI document, whatever the settings of this machine are."""
    settings = Settings(_env_file=None, environment=Environment.TEST)
    return create_app(settings).openapi()


def address(settings: Settings) -> str:
    """Return where the api of this machine listens, as its clients write it."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - nobody listens here
    return f"http://{anywhere.get(settings.host, settings.host)}:{settings.port}"


if __name__ == "__main__":
    main()
