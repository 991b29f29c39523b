"""The command that adds a module to a project's domain."""

from pathlib import Path
from typing import Annotated

import typer

from bootstrap.commands import ProjectOption, ReportCommand
from bootstrap.show.report import Report

app = typer.Typer()
add = typer.Typer(help="Add a resource to the project here.", rich_markup_mode=None)
app.add_typer(add, name="add")

_RESOURCE_HELP = """Add a module to the project: table, schemas, service, endpoints, tests, page.

NAME is what one of them is called, in any spelling. Every file is new and yours; of your own files
only the list in app/modules/__init__.py gets one more name. The revision is written by the
project's own autogenerate. All of it is added, or nothing.

A field is name:type, with ? where it may be null and ! where it is unique. Without fields the
resource gets name:str. Quote what your shell would read.

\b
Types:
  str text int decimal bool date datetime uuid email json
  decimal(12,2)           digits in all, and after the point
  enum(draft,published)   one of these values
  ref(profiles)           the id of a row of another table; ref(self): of its own

\b
Examples:
  headstart add resource article title:str body:text 'status:enum(draft,published)'
  headstart add resource order 'number:str!' 'customer:ref(profiles)' 'note:text?' --job
  headstart add resource person 'email:email!' --plural staff
  headstart add resource article title:str --preview     show every file; write nothing

\b
Exit codes:
  0    added, or shown
  1    the project's own tools failed; nothing was added
  4    refused: changes that are not committed, a clash, a project laid out in another way
  64   a name or a field cannot be used
"""


@add.command(cls=ReportCommand, help=_RESOURCE_HELP, short_help="Add a module of the domain.")
def resource(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What one of them is called.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD:TYPE]...", help="Its fields.")
    ] = None,
    job: Annotated[
        bool, typer.Option("--job", help="With a job that each new one is given to.")
    ] = False,
    plural: Annotated[
        str | None, typer.Option(metavar="WORD", help="What several are called (default: guessed).")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be added; change nothing.")
    ] = False,
    project: ProjectOption = None,
) -> Report:
    from bootstrap.commands.verify import project_tools
    from bootstrap.paths import real_path
    from bootstrap.project import answers_file
    from bootstrap.project.resource import add as adding
    from bootstrap.project.resource.acceptance import accept
    from bootstrap.project.resource.domain import read_domain
    from bootstrap.project.resource.fields import parse_fields
    from bootstrap.project.resource.names import resource_names
    from bootstrap.project.subjects import subject
    from bootstrap.show import resource as views
    from bootstrap.show.output import note

    folder = answers_file.locate(real_path(project or Path.cwd()))
    names, parsed = resource_names(name, plural), parse_fields(fields or ["name:str"])
    version, tools = adding.recorded_version(folder), project_tools(folder)
    notes = () if fields else ("no fields were named, so it has name:str",)
    if adding.repository_of(folder) is None:
        notes = (*notes, "git does not keep this project, so nothing was compared with a commit")
    plan = accept(names, parsed, read_domain(folder), job=job)
    if preview:
        return views.previewed(adding.preview(folder, plan, tools, version), notes)
    message = subject(folder, "feat", f"Add {names.many}")
    return views.added(adding.add(folder, plan, tools, version, note), message, notes)
