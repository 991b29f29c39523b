"""The commands that look at this machine, and bring it to a project's pins."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.commands.options import AsJson, Project, form, root
from bootstrap.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from bootstrap.console import Format
    from bootstrap.machine.apply import Options

app = typer.Typer()


@app.command(short_help="Bring this machine up to the project's pins.")
def up(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="STEP", help="Take this one step.", show_default=False),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Run the proof even if it passed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to what would be asked.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Take everything from the vendor folder.")
    ] = False,
    vendored: Annotated[
        Path | None,
        typer.Option("--vendor", metavar="DIR", help="That folder.", show_default=False),
    ] = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Bring this machine up to the pins of the project.

    Takes only the steps that are still needed: build tools, Python, virtual environment, pip,
    packages, settings, services, migrations, git hooks, IDE, HTTP client, shell, proof. Asks
    before Homebrew installs something and before your shell's profile gets a line; --yes agrees
    beforehand. Safe to repeat; after Ctrl-C, a crash or a failure the same command continues. An
    environment that is replaced is kept until its successor works.

    \b
    headstart up                      everything
    headstart up --only packages      one step, when those before it are done
    headstart up --prove              and run the proof again
    headstart up --offline            with what `headstart vendor` has put into ./vendor
    """
    from bootstrap.machine.apply import Options

    if offline:
        import os

        from bootstrap.machine import vendor

        os.environ.update(vendor.variables(root(project), vendored))
    options = Options(only=only, verify="always" if prove else "when-changed", yes=yes)
    bring_up(root(project), form(as_json), options)


@app.command(short_help="Show what `up` would do, and why.")
def plan(project: Project = None, as_json: AsJson = False) -> None:
    """Show what `up` would do, why, and how long it usually takes.

    Touches nothing. The commands are shown as they would be run.
    """
    from bootstrap import console
    from bootstrap.machine.apply import look_ahead

    console.show_plan(*look_ahead(root(project)), form(as_json))


@app.command(short_help="Check closely that everything is as pinned; --fix repairs it.")
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Repair what is broken.")] = False,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Check closely that everything is as pinned; each finding names its repair.

    Runs the interpreter, pip and `pip check` instead of trusting files. Touches nothing, unless
    --fix asks for the repair of what is broken: those steps are then taken again, and verified.
    Exits with 1 when there is a finding that is left.
    """
    from bootstrap import console
    from bootstrap.machine import apply

    folder = root(project)
    pins, findings = apply.examine(folder)
    if fix and any(finding.level == "broken" for finding in findings):
        outcome = apply.repair(folder, findings, console.observer(form(as_json)))
        console.show_outcome(outcome, form(as_json))
        pins, findings = apply.examine(folder)
    console.show_findings(pins, findings, form(as_json))
    if findings:
        raise typer.Exit(ExitCode.FAILED)


@app.command(name="vendor", short_help="Fill one folder for machines without a network.")
def fill_vendor(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", show_default=False)] = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Fill DIR, else ./vendor, with all that a machine like this one needs to come up.

    Python's source and pyenv's definition of it, pip and every locked package, each with its
    digest. There, with pyenv and a compiler: headstart up --offline
    """
    from bootstrap import console
    from bootstrap.machine import vendor

    console.show_vendored(vendor.fill(root(project), folder), form(as_json))


_CAPTURE_HELP = """Read the pins of what works here, so that others can have the same.

Looks at the environment, .python-version, .tool-versions, runtime.txt, pyproject.toml, poetry.lock,
requirements files, Dockerfile and README badge. For Python the first of these that is exact
decides; what contradicts it is shown, and so is what nothing tells. --write writes .python-version
and toolchain.yml; then `headstart up` works in a repository that Headstart did not render.

\b
  headstart capture                      show
  headstart capture --write && headstart up
  headstart capture --from ~/venvs/shop_3.9.21
"""


@app.command(help=_CAPTURE_HELP, short_help="Read the pins of what works here.")
def capture(
    write: Annotated[bool, typer.Option("--write", help="Write the pins.")] = False,
    venv: Annotated[
        Path | None,
        typer.Option("--from", metavar="VENV", help="The environment.", show_default=False),
    ] = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    import os

    from bootstrap import console
    from bootstrap.machine import capture

    folder = project or Path.cwd()
    captured = capture.capture(folder, venv, os.environ)
    written = capture.write(folder, captured) if write else ()
    console.show_captured(captured, written, form(as_json))


@app.command(short_help="Still as pinned? Quickly, for hooks.")
def check(project: Project = None, as_json: AsJson = False) -> None:
    """Say whether Python, environment, pip and packages are still as pinned: 0 yes, 1 no.

    Leaves a shell stub in the environment, bin/headstart-check, that gives the same answer in
    milliseconds to hooks, IDEs and direnv. It says yes only while nothing that the answer depends
    on has changed since this command looked; after any change run this command again.

    \b
    .venv/bin/headstart-check || headstart check || headstart up
    """
    from bootstrap import console
    from bootstrap.machine.check import still_as_pinned

    pins, findings = still_as_pinned(root(project))
    console.show_findings(pins, findings, form(as_json))
    if findings:
        raise typer.Exit(ExitCode.FAILED)


@app.command(name="journal", short_help="List what `up` has done here.")
def list_runs(project: Project = None, as_json: AsJson = False) -> None:
    """List the runs of `up` for the project here, oldest first, from its journal."""
    from bootstrap import console
    from bootstrap.machine import undo

    console.show_runs(undo.runs(root(project)), form(as_json))


@app.command(name="undo", short_help="Take back what a run of `up` made.")
def undo_run(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, do not only show it.")] = False,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Take back what a run of `up` made: RUN, else the last one that did something.

    Shows what it would do; does it with --yes. Removes only what the run made and what is still
    as it was made: an environment, a built Python, a settings file, formulae of Homebrew, an entry
    in PyCharm's list, lines in your shell's profile, an address in an HTTP client's file. What was
    set aside comes back. Databases are never touched.

    \b
    headstart journal          the runs, and their names
    headstart undo             what undoing the last one would do
    headstart undo --yes       do it
    """
    from bootstrap import console
    from bootstrap.machine import undo

    folder = root(project)
    if yes:
        chosen, reversals = undo.undo(folder, run)
    else:
        _, chosen, reversals = undo.prepare(folder, run)
    console.show_reversals(chosen, reversals, form(as_json), done=yes)


@app.command(name="schema", short_help="Print the JSON Schema of toolchain.yml.")
def print_schema() -> None:
    """Print the JSON Schema of toolchain.yml, by which editors complete and check it.

    \b
    headstart schema > toolchain.schema.json
    """
    import json

    from bootstrap.machine import toolchain

    typer.echo(json.dumps(toolchain.json_schema(), indent=2))


_EXPLAIN_HELP = """Say why a Python could not be built, from the log of its build.

LOG is a file, a folder of logs, or - for standard input; ten pasted lines are enough where they
show the cause. What the log does not show is not guessed: the cause is then "unknown", and the
first real error of the log is told.

\b
  headstart explain /tmp/python-build.20261122.log
  headstart explain --json < pasted.txt
  pbpaste | headstart explain
"""


@app.command(help=_EXPLAIN_HELP, short_help="Say why a Python could not be built.")
def explain(
    log: Annotated[Path | None, typer.Argument(metavar="[LOG]", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    from bootstrap import console
    from bootstrap.machine.diagnosis import diagnose
    from bootstrap.machine.diagnosis import log as logs
    from bootstrap.machine.facts import platform

    if log is None and sys.stdin.isatty():
        raise UsageError("There is nothing to explain.", next=("headstart explain LOG",))
    given = log is None or str(log) == "-"
    text = logs.parse(_pasted()) if given or log is None else logs.read(log)
    here = platform.look()
    console.show_diagnosis(diagnose.diagnose(text, here.system, here.family), form(as_json))


def _pasted() -> str:
    return sys.stdin.buffer.read().decode(errors="replace")


def bring_up(project: Path, shown: "Format", options: "Options") -> None:
    from bootstrap import console
    from bootstrap.machine import apply

    outcome = apply.bring_up(project, console.observer(shown), options)
    console.show_outcome(outcome, shown)
