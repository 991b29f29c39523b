"""Make Rundeck's jobs from these commands, and import them."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.settings import ROOT, read_project

FILE = Path("deploy/rundeck/jobs.json")


def declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    export = actions.add_parser("export", help=f"write them to {FILE}")
    export.add_argument("--check", action="store_true", help="write nothing; fail if they differ")
    actions.add_parser("import", help="create and update them in RUNDECK_PROJECT at RUNDECK_URL")


def run(arguments: Namespace) -> None:
    from app.rundeck.jobs import jobs  # noqa: PLC0415 - only this command needs them

    found = jobs(read_project())
    made = json.dumps(found, indent=2) + "\n"
    if arguments.action == "import":
        _import(made)
    elif not arguments.check:
        (ROOT / FILE).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / FILE).write_text(made, "utf-8")
        print(f"{FILE} has {len(found)} jobs")
    elif not is_current(made):
        sys.exit(f"{FILE} is not what the commands are: python -m app rundeck export")


def is_current(made: str) -> bool:
    """Whether the file has what was made; one that nobody has written yet is not missed."""
    path = ROOT / FILE
    return not path.exists() or path.read_text("utf-8") == made


def _import(made: str) -> None:
    from app.rundeck.client import RundeckError, import_jobs  # noqa: PLC0415 - as above
    from app.rundeck.settings import RundeckSettings  # noqa: PLC0415

    try:
        done = import_jobs(RundeckSettings(), made)
    except RundeckError as error:
        sys.exit(f"No job was imported. {error}")
    print(f"{len(done.succeeded)} jobs imported")
    if done.failed:
        refused = (f"  {name}: {why}" for name, why in sorted(done.failed.items()))
        sys.exit("\n".join([f"Rundeck has refused {len(done.failed)} jobs:", *refused]))
