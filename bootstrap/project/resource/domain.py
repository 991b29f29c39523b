"""What a project's domain consists of already, read from its files without running them."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import inflection

from bootstrap.errors import UsageError
from bootstrap.files import text_of
from bootstrap.project.resource.names import words
from bootstrap.project.values import nearest

MODULES = "app/modules"
REGISTRY = f"{MODULES}/__init__.py"


@dataclass(frozen=True)
class MappedTable:
    """A mapped table: its class, the file, and the type of its `id` as the code writes it."""

    name: str
    class_name: str
    file: str
    key: str


@dataclass(frozen=True)
class DomainFacts:
    """The modules that there are, the tables of all the app by name, and the files that exist."""

    modules: frozenset[str]
    tables: Mapping[str, MappedTable]
    files: frozenset[str] = frozenset()

    def find_table(self, written: str) -> MappedTable | None:
        """The table that a reference means, by the table, the class or the resource's singular."""
        try:
            name = "_".join(words(written))
        except UsageError:
            return None
        alike = {name, str(inflection.pluralize(name))}
        return next(
            (
                table
                for table in self.tables.values()
                if table.name in alike or inflection.underscore(table.class_name) == name
            ),
            None,
        )

    def nearest_table(self, written: str) -> str | None:
        return nearest(written, list(self.tables))


def read_domain(project: Path) -> DomainFacts:
    """Read what there is in a project; what cannot be parsed is passed over."""
    sources = {path: text_of(path) for path in sorted((project / "app").rglob("*.py"))}
    tables = {
        table.name: table
        for path, text in sources.items()
        if "__tablename__" in text
        for table in _tables(text, path.relative_to(project).as_posix())
    }
    folders = {
        path.stem for path in (project / MODULES).glob("*") if path.suffix == ".py" or path.is_dir()
    }
    files = {
        path.relative_to(project).as_posix()
        for folder in ("tests/modules", "docs/modules")
        for path in (project / folder).rglob("*")
    }
    return DomainFacts(frozenset(folders - {"__init__", "__pycache__"}), tables, frozenset(files))


def _tables(text: str, file: str) -> Iterator[MappedTable]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and (name := _table_name(node)):
            yield MappedTable(name, node.name, file, _key_type(node))


def _table_name(node: ast.ClassDef) -> str:
    for line in node.body:
        match line:
            case ast.Assign([ast.Name("__tablename__")], ast.Constant(str(name))):
                return name
            case ast.AnnAssign(ast.Name("__tablename__"), _, ast.Constant(str(name))):
                return name
    return ""


def _key_type(node: ast.ClassDef) -> str:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "id":
            mapped = re.fullmatch(
                r"(?:\w+\.)*Mapped\[(?:\w+\.)*(\w+)\]", ast.unparse(line.annotation)
            )
            return mapped[1] if mapped else ""
    return ""
