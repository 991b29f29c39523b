"""What a resource becomes: every file of it, and the line in the project's list of modules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.project.resource.domain import MODULES, DomainFacts
from bootstrap.project.resource.fields import FieldKind, ResourceField
from bootstrap.project.resource.names import ResourceNames
from bootstrap.project.resource.rendering import render

ROWS = "tests/modules/rows.py"
_TESTS = "tests/modules"
_SORTED = {FieldKind.STR, FieldKind.INT, FieldKind.EMAIL}
_FILTERED = {FieldKind.ENUM, FieldKind.REF}
_SQL_TYPES = {
    FieldKind.ENUM: ("String",),
    FieldKind.TEXT: ("Text",),
    FieldKind.JSON: ("JSON",),
    FieldKind.DECIMAL: ("Float", "Numeric"),
    FieldKind.REF: ("ForeignKey",),
}
_PYDANTIC = {
    FieldKind.STR: ("StringConstraints",),
    FieldKind.TEXT: ("StringConstraints",),
    FieldKind.REF: ("StringConstraints",),
    FieldKind.DECIMAL: ("AfterValidator",),
    FieldKind.DATETIME: ("AfterValidator", "AwareDatetime"),
    FieldKind.EMAIL: ("AfterValidator", "EmailStr"),
    FieldKind.JSON: ("AfterValidator", "JsonValue"),
}
# What a test sends to see it refused, as Python writes it.
_INVALID = {
    FieldKind.STR: ('"   "', '"x" * 101', '"Ada\\0Lovelace"'),
    FieldKind.TEXT: ('""', '"x" * 10_001', '"\\0"'),
    FieldKind.INT: ("2**31", "-(2**31) - 1", '"many"'),
    FieldKind.DECIMAL: ('"1e20"', '"0.00000000000000001"', '"NaN"'),
    FieldKind.BOOL: ('"perhaps"',),
    FieldKind.DATE: ('"2026-02-30"', '"0999-12-31"'),
    FieldKind.DATETIME: ('"2026-01-01T00:00:00"', '"0001-01-01T00:00:00+14:00"'),
    FieldKind.UUID: ('"1"',),
    FieldKind.EMAIL: ('"nobody"',),
    FieldKind.JSON: ("[]", '"text"'),
    FieldKind.ENUM: ('"there is no such value"',),
    FieldKind.REF: ('"1"',),
}


@dataclass(frozen=True)
class ResourcePlan:
    """The new files by path, from the project's folder; the revision is not among them."""

    names: ResourceNames
    fields: tuple[ResourceField, ...]
    files: Mapping[str, str]

    @property
    def message(self) -> str:
        """What its revision does."""
        return f"add {self.names.many}"


def plan_resource(
    names: ResourceNames, fields: Sequence[ResourceField], domain: DomainFacts, *, job: bool
) -> ResourcePlan:
    """Render every file; fields and names must have been accepted."""
    values = _values(names, fields, job=job)
    folder = f"{MODULES}/{names.plural}"
    wanted = {
        f"{folder}/__init__.py": "module.py",
        f"{folder}/models.py": "models.py",
        f"{folder}/schemas.py": "schemas.py",
        f"{folder}/service.py": "service.py",
        f"{folder}/endpoints.py": "endpoints.py",
        **({f"{folder}/jobs.py": "jobs.py"} if job else {}),
        f"{_TESTS}/{names.plural}/__init__.py": "tests.py",
        str(values["test_file"]): "test_module.py",
        f"docs/modules/{names.plural}.md": "page.md",
    }
    files = {path: render(template, values) for path, template in wanted.items()}
    if any(field.target != names.plural for field in values["references"]):
        files.setdefault(ROWS, render("rows.py", values))
    files.setdefault(f"{_TESTS}/__init__.py", '"""Tests of `app.modules`."""\n')
    shared = {ROWS, f"{_TESTS}/__init__.py"} & domain.files
    return ResourcePlan(
        names, tuple(fields), {path: each for path, each in files.items() if path not in shared}
    )


def _values(
    names: ResourceNames, fields: Sequence[ResourceField], *, job: bool
) -> Mapping[str, Any]:
    """What the templates are rendered with."""
    kinds = {field.kind for field in fields}
    references = [field for field in fields if field.kind is FieldKind.REF]
    taken_once = [field for field in fields if field.unique]
    sorted_by = [f for f in taken_once if f.kind in _SORTED and not f.nullable]
    filtered_by = [field for field in fields if field.kind in _FILTERED]
    return {
        "names": names,
        "fields": fields,
        "job": job,
        "kinds": kinds,
        "references": references,
        "references_filter": bool(references),
        "taken_once": taken_once,
        "sorted_by": sorted_by,
        "filtered_by": filtered_by,
        "date_is_shadowed": any(field.name == "date" for field in fields),
        "invalid": _INVALID,
        "precisions": sorted({(f.digits, f.scale) for f in fields if f.kind is FieldKind.DECIMAL}),
        "test_file": f"{_TESTS}/{names.plural}/test_{names.plural}.py",
        **_imports(kinds, job=job, unique=bool(taken_once), filtered=filtered_by),
        **_prose(references, taken_once, sorted_by, filtered_by),
    }


def _imports(
    kinds: set[FieldKind], *, job: bool, unique: bool, filtered: Sequence[ResourceField]
) -> Mapping[str, Sequence[str]]:
    """The names that the files import, as far as that depends on the fields."""
    is_referring = FieldKind.REF in kinds
    sql_types = {"Index", *(name for kind in kinds for name in _SQL_TYPES.get(kind, ()))}
    pydantic = {
        *("BaseModel", "ConfigDict", "Field"),
        *(name for kind in kinds for name in _PYDANTIC.get(kind, ())),
    }
    dates = {
        "datetime",
        *(("date",) if FieldKind.DATE in kinds else ()),
        *(("UTC",) if FieldKind.DATETIME in kinds else ()),
    }
    functions = {
        *("bindparam", "insert", "select"),
        *(("ColumnElement", "Uuid", "column", "table") if is_referring else ()),
        *(("update",) if job else ()),
    }
    problems = {
        "NotFound",
        *(("Conflict",) if unique else ()),
        *(("InvalidInput",) if is_referring else ()),
    }
    listing = {
        "Cursors",
        "Listing",
        "Page",
        *(("Filter",) if is_referring else ()),
        *(("equals",) if any(field.kind is FieldKind.ENUM for field in filtered) else ()),
    }
    annotated = kinds - {
        FieldKind.BOOL,
        FieldKind.UUID,
        FieldKind.ENUM,
    }
    return {
        "sql_types": sorted(sql_types),
        "pydantic": sorted(pydantic),
        "schema_dates": sorted(dates),
        "sql_functions": sorted(functions),
        "problems": sorted(problems),
        "listing": sorted(listing),
        "annotated": sorted(annotated),
    }


def _prose(
    references: Sequence[ResourceField],
    taken_once: Sequence[ResourceField],
    sorted_by: Sequence[ResourceField],
    filtered_by: Sequence[ResourceField],
) -> Mapping[str, str]:
    raised = [
        *(["InvalidInput"] if references else []),
        *(["Conflict"] if taken_once else []),
    ]
    sorts = ["`created_at`", *(f"`{field.name}`" for field in sorted_by)]
    filters = [f"`{field.name}`" for field in filtered_by]
    listed = f", sorted by {_listed(sorts, 'or')}"
    listed += f", filtered by {_listed(filters, 'and')}" if filters else ""
    return {
        "raises_of_create": f"; raises {_listed(raised, 'or')}" if raised else "",
        "also_raised": (
            ", PreconditionFailed, or as `create`" if raised else " or PreconditionFailed"
        ),
        "listed": listed,
    }


def _listed(words: Sequence[str], last: str) -> str:
    *before, end = words
    return f"{', '.join(before)} {last} {end}" if before else end
