"""The commands that examine this machine, and set it up as a project's pins say."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands import ProjectOption, ReportCommand, root
from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.show.report import Report
from bootstrap.terminals import can_ask

if TYPE_CHECKING:
    from bootstrap.machine.apply import Options
    from bootstrap.machine.steps.project_commands import VerifyPolicy

app = typer.Typer()


@app.command(cls=ReportCommand, short_help="Set up this machine as the project's pins say.")
def up(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STEP", help="Run only this step.", show_default=False),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Run the verification even if it passed before.")
    ] = False,
    prove: Annotated[bool, typer.Option("--prove", hidden=True)] = False,  # until 0.5.0
    yes: Annotated[bool, typer.Option("--yes", help="Approve everything in advance.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use only the vendor folder, no network.")
    ] = False,
    vendored: Annotated[
        Path | None,
        typer.Option(
            "--vendor", metavar="DIR", help="Vendor folder (default: ./vendor).", show_default=False
        ),
    ] = None,
    project: ProjectOption = None,
) -> Report:
    """Set up this machine as the pins of the project say.

    Runs only the steps that are still needed, in this order: tools, python, venv, pip, packages,
    dotenv (the .env file), services, migrations, hooks (of git), merge-driver, ide, http-client,
    shell, verification. Asks before Homebrew installs something and before your shell's profile
    gets a line; --yes approves both in advance. Safe to repeat; after Ctrl-C, a crash or a failure
    the same command continues. A virtual environment that is replaced is kept until the new one
    works.

    \b
    headstart up                      everything
    headstart up --only packages      one step, when those before it are done
    headstart up --verify             and run the verification again
    headstart up --offline            with what `headstart vendor` has put into ./vendor
    """
    from bootstrap.machine.apply import Options

    if offline:
        from bootstrap.machine import vendor

        os.environ.update(vendor.variables(root(project), vendored))
    policy: VerifyPolicy = "always" if verify or prove else "when-changed"
    return run_up(root(project), Options(only=only, verify=policy, yes=yes))


@app.command(cls=ReportCommand, short_help="Show what `up` would do, and why.")
def plan(project: ProjectOption = None) -> Report:
    """Show what `up` would do, why, and how long it usually takes.

    Changes nothing. The commands are shown as they would be run.
    """
    from bootstrap.machine.apply import look_ahead
    from bootstrap.show import machine as views

    return views.plan(*look_ahead(root(project)))


@app.command(cls=ReportCommand, short_help="Check thoroughly that everything is as pinned.")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what is broken.")] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Packages that the project does not ask for are broken too."),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Also write headstart-report.md: all this, and nobody's data."
        ),
    ] = False,
    project: ProjectOption = None,
) -> Iterator[Report]:
    """Check thoroughly that everything is as pinned; each finding names its repair.

    Runs pip, `pip check` and the installer's own report of what it would still do instead of
    trusting files, asks the interpreter (again only when what it had loaded has changed), and
    compares every file of every package with what was installed; what it finds to be right, `check`
    knows from then on. Changes nothing else without --fix, which runs the steps again that have
    something broken, and verifies them: of the packages, only those are installed again that
    differ. Exits with 1 if any finding remains.
    """
    from bootstrap.machine import apply, check
    from bootstrap.machine import pins as machine_pins
    from bootstrap.show import machine as views
    from bootstrap.show.progress import observer

    folder = root(project)
    digest = check.digest_of(folder)
    glance = check.Glance.at(machine_pins.read(folder))
    pins, findings = apply.examine(folder, strict=strict)
    if fix and any(finding.level == "broken" for finding in findings):
        yield views.outcome(apply.repair(folder, findings, observer(), strict=strict))
        pins, findings = apply.examine(folder, strict=strict)
    check.remember(pins, findings, digest, glance)
    yield views.findings(pins, findings)
    if report:
        from bootstrap.machine import support_report

        yield views.reported(support_report.write(pins, findings))


@app.command(cls=ReportCommand, name="vendor", short_help="Fill a folder for offline machines.")
def fill_vendor(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder to fill.", show_default=False),
    ] = None,
    project: ProjectOption = None,
) -> Report:
    """Fill DIR (default: ./vendor) with everything needed to set up a similar machine offline.

    Python's source and pyenv's definition of it, pip and every locked package, each with its
    digest. Says before it downloads what it needs; stopped, it goes on with the same command. Git
    ignores the folder. On the offline machine, with pyenv and a compiler, or with that Python:
    headstart up --offline
    """
    from bootstrap.machine import vendor
    from bootstrap.show import machine as views
    from bootstrap.show.output import note

    return views.vendored(vendor.fill(root(project), folder, note))


_CAPTURE_HELP = """Read the pins of what works here, so that others can have the same.

Reads the virtual environment, the files that name a Python, locks (uv, Poetry, PDM, Pipenv, hashed
requirements), lists of requirements, environment.yml, pyproject.toml, setup.cfg and setup.py; and
services, migrations, the example of .env and the tests from compose files, alembic.ini and so on.
What is installed in a working environment decides; contradictions are shown, and so is what nothing
says. --write writes .python-version, toolchain.yml and, where no lock is there, one with hashes;
then `headstart up` works in a repository that Headstart did not render. Exits with 4 where nothing
can be written.

--relock makes that lock again, from the lists and packages that it was made of: what they ask for
besides is added, and versions stay where they are still allowed.

\b
  headstart capture                      show
  headstart capture --write && headstart up
  headstart capture --project backend       a project in a folder of the repository
  headstart capture --from ~/venvs/shop_3.9.21
"""


@app.command(cls=ReportCommand, help=_CAPTURE_HELP, short_help="Read the pins of what works here.")
def capture(
    write: Annotated[bool, typer.Option("--write", help="Write the pins.")] = False,
    relock: Annotated[
        bool, typer.Option("--relock", help="Make the lock again, from its sources.")
    ] = False,
    venv: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="VENV", help="Virtual environment to read.", show_default=False
        ),
    ] = None,
    project: ProjectOption = None,
) -> Report:
    from bootstrap.machine import capture
    from bootstrap.show import machine as views

    if relock:
        from bootstrap.machine import relock as locks

        return views.relocked(locks.again(root(project)))
    folder = project or Path.cwd()
    captured = capture.capture(folder, venv, os.environ)
    return views.captured(captured, capture.write(folder, captured) if write else ())


@app.command(cls=ReportCommand, short_help="Fast check against the pins, for hooks.")
def check(project: ProjectOption = None) -> Report:
    """Check fast if Python, venv, pip and packages are still as pinned: 0 yes, 1 no, 5 unknown.

    Unknown is what only an installer can tell, after a list of ranges or its lock has changed: run
    `headstart doctor`, which asks it.

    Leaves a shell script in the virtual environment, bin/headstart-check, that gives the same
    answer in milliseconds to hooks, IDEs and direnv. It says yes only while nothing that the answer
    depends on has changed since this command ran; after any change run this command again.

    \b
    .venv/bin/headstart-check || headstart check || headstart up
    """
    from bootstrap.machine.check import still_as_pinned
    from bootstrap.show import machine as views

    return views.checked(still_as_pinned(root(project)))


@app.command(cls=ReportCommand, name="journal", short_help="List the runs of `up` here.")
def list_runs(project: ProjectOption = None) -> Report:
    """List the runs of `up` for the project here, oldest first, from its journal."""
    from bootstrap.machine import undo
    from bootstrap.show import machine as views

    return views.runs(undo.runs(root(project)))


@app.command(cls=ReportCommand, name="undo", short_help="Undo a run of `up`.")
def undo_run(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run that `journal` lists.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Apply it (without this: dry run).")] = False,
    project: ProjectOption = None,
) -> Report:
    """Undo a run of `up`: RUN (default: the last one that did something).

    Shows what it would do; does it with --yes. Removes only what the run created and what is
    unchanged since: a virtual environment, a built Python, a .env file, Homebrew formulae, an entry
    in PyCharm's list, lines in your shell's profile, an address in an HTTP client's file. What was
    set aside is restored. Databases are never touched.

    \b
    headstart journal          the runs, and their names
    headstart undo             what undoing the last one would do
    headstart undo --yes       do it
    """
    from bootstrap.machine import undo
    from bootstrap.show import machine as views

    folder = root(project)
    if yes:
        return views.reversals(*undo.undo(folder, run), done=True)
    _, chosen, reversals = undo.prepare(folder, run)
    return views.reversals(chosen, reversals, done=False)


@app.command(name="schema", cls=ReportCommand, short_help="Print the JSON Schema of toolchain.yml.")
def print_schema() -> Report:
    """Print the JSON Schema of toolchain.yml, for editors that complete and check it.

    \b
    headstart schema > toolchain.schema.json
    """
    import json

    from bootstrap.machine import toolchain

    schema = toolchain.json_schema()
    return Report([json.dumps(schema, indent=2)], schema)


_EXPLAIN_HELP = """Diagnose a failed Python build from its log.

LOG is a file, a folder of logs (where they are of several builds, the newest is taken), or - for
standard input; ten pasted lines are enough if they show the cause. Nothing is guessed: without
evidence in the log the cause is "unknown", the first real error is shown, and the exit code is 5.

\b
  headstart explain /tmp/python-build.20261122.log
  headstart explain --json < pasted.txt
  pbpaste | headstart explain
"""


@app.command(cls=ReportCommand, help=_EXPLAIN_HELP, short_help="Diagnose a failed Python build.")
def explain(
    log: Annotated[
        Path | None,
        typer.Argument(metavar="[LOG]", help="Log, or folder of logs.", show_default=False),
    ] = None,
) -> Report:
    from bootstrap.machine.diagnosis import diagnose
    from bootstrap.machine.diagnosis import log as logs
    from bootstrap.machine.facts import platform
    from bootstrap.show import machine as views

    if log is None and can_ask():
        raise UsageError(Said("There is nothing to explain."), next=("headstart explain LOG",))
    text = logs.from_text(_pasted()) if log is None or str(log) == "-" else logs.from_path(log)
    if not text.text.strip():
        why = "It says neither that a build failed nor that one succeeded."
        raise UsageError(Said("The log is empty."), why=(why,), next=("headstart explain LOG",))
    here = platform.look()
    return views.diagnosis(diagnose.diagnose(text, here.system, here.family))


def _pasted() -> str:
    return sys.stdin.buffer.read().decode(errors="replace")


def run_up(project: Path, options: "Options") -> Report:
    from bootstrap.machine import apply
    from bootstrap.show import machine as views
    from bootstrap.show.progress import observer

    return views.outcome(apply.bring_up(project, observer(), options))
