"""Whether a project can have a resource: no reserved names, no clashes, references resolved."""

import ast
import builtins
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import inflection

from bootstrap.errors import Refused, UsageError
from bootstrap.language import Said
from bootstrap.project.resource.domain import MODULES, DomainFacts, MappedTable
from bootstrap.project.resource.fields import FieldKind, ResourceField, parse_fields
from bootstrap.project.resource.names import ResourceNames
from bootstrap.project.resource.plan import ResourcePlan, plan_resource

# What a field may not be called, besides the words of Python and SQL, and why.
_TAKEN: Mapping[str, str] = {
    **dict.fromkeys(
        ("id", "created_at", "updated_at", "version"), Said("every resource has it already")
    ),
    **dict.fromkeys(
        ("metadata", "registry", "type_annotation_map"),
        Said("SQLAlchemy gives it to every mapped class"),
    ),
    **dict.fromkeys(
        (
            *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj"),
            *("parse_raw", "schema", "schema_json", "update_forward_refs", "validate"),
        ),
        Said("Pydantic gives it to every schema"),
    ),
    **dict.fromkeys(
        ("bool", "datetime", "etag", "exact", "int", "mapped_column", "property", "str", "uuid4"),
        Said("it means something else in the files of a module"),
    ),
}
_OF_PYDANTIC = "model_"
# What every list can be asked for, and what its query is asked for in Python.
_OF_LISTS = {"asked", "cursor", "given", "is_counted", "limit", "offset", "page", "sort", "total"}
_OF_FEATURES = {
    "client_keys": "security",
    "clients": "security",
    "crypto_keys": "keys",
    "exports": "transfers",
    "idempotency": "idempotency",
    "import_errors": "transfers",
    "imports": "transfers",
    "job_runners": "operations",
    "job_schedules": "operations",
    "key_reencryptions": "keys",
    "leases": "operations",
    "notification_attachments": "notifications",
    "notification_suppressions": "notifications",
    "notifications": "notifications",
    "period_events": "periods",
    "period_gate": "periods",
    "periods": "periods",
    "statistics_daily": "statistics",
    "statistics_marks": "statistics",
    "statistics_standings": "statistics",
    "webhook_deliveries": "webhooks",
    "webhook_endpoints": "webhooks",
    "webhook_events": "webhooks",
    "webhook_subjects": "webhooks",
    "webhooks_received": "webhooks",
}
_OF_ALEMBIC = ("alembic_journal", "alembic_version")
_KEYS = {"UUID"}


def accept(
    names: ResourceNames, fields: Sequence[ResourceField], domain: DomainFacts, *, job: bool
) -> ResourcePlan:
    """Plan a resource for a project; a UsageError or Refused says why it cannot be one."""
    _require_free_names(names)
    _require_no_clash(names, domain)
    problems: list[str] = []
    accepted = []
    for field in fields:
        try:
            resolved = _resolved(field, names, domain)
            _require_free_field(resolved, names, job=job)
            accepted.append(resolved)
        except Unfit as error:
            problems.append(f"{field.name}: {error}")
    columns = [field.name for field in accepted]
    problems += [
        Said("{name}: there are two fields with this column", name=name)
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    if problems:
        raise UsageError(
            Said("Not every field can be one of {a_one}.", a_one=names.a_one),
            why=tuple(problems),
            next=(Said("change that, and run the command again"),),
        )
    plan = plan_resource(names, accepted, domain, job=job)
    if there := sorted(plan.files.keys() & domain.files):
        raise Refused(
            Said("Files of {many} are here already.", many=names.many),
            why=tuple(there),
            next=(Said("move them away, or choose another name"),),
        )
    return plan


class Unfit(ValueError):
    """Why a field cannot be one of this resource."""


# -- names -----------------------------------------------------------------------------------------


def _require_free_names(names: ResourceNames) -> None:
    reason = ""
    for name in (names.singular, names.plural):
        if keyword.iskeyword(name) or hasattr(builtins, name):
            reason = Said("{name} is a word of Python", name=name)
    if names.plural in sql_words():
        reason = Said(
            "its table would be {plural}, which is a reserved word of SQL", plural=names.plural
        )
    elif names.plural in _OF_FEATURES:
        reason = Said(
            "the feature {of_features} has a table {plural}",
            of_features=_OF_FEATURES[names.plural],
            plural=names.plural,
        )
    elif names.plural in _OF_ALEMBIC:
        reason = Said("{plural} is Alembic's own table", plural=names.plural)
    elif not reason:
        reason = _meaning_in_a_module(names)
    if reason:
        raise UsageError(
            Said("A resource cannot be called {one}.", one=names.one),
            why=(reason,),
            next=(
                Said(
                    "say which kind it is, as in sales-{path}, or choose another word",
                    path=names.path,
                ),
                Said("what several are called is the table and the module: --plural WORD"),
            ),
        )


def _meaning_in_a_module(names: ResourceNames) -> str:
    """What one of the names means in the files of any module, and so in those of this one."""
    family = ("", "In", "Out", "Query")
    own = {names.singular, *(f"{names.class_name}{suffix}" for suffix in family)}
    clash = sorted(own & identifiers())
    return (
        Said("{clash} means something else in the files of a module", clash=clash[0])
        if clash
        else ""
    )


@cache
def identifiers() -> frozenset[str]:
    """The names that the files of a module use whatever it is called."""
    names = ResourceNames("zzz", "zzzs")
    kinds = [f"zzz_{kind}:{kind}" for kind in FieldKind if kind not in {"enum", "ref"}]
    fields = parse_fields([*kinds, "zzz_enum:enum(a)", "zzz_ref:ref(zzz_table)", "zzz_one:str!"])
    plan = plan_resource(names, fields, DomainFacts(frozenset(), {}), job=True)
    found: set[str] = set()
    for path, text in plan.files.items():
        if path.startswith(MODULES):
            for node in ast.walk(ast.parse(text)):
                found |= _named(node)
    return frozenset(name for name in found if "zzz" not in name.lower())


def _named(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
            return {name}
        case ast.alias(name, alias):
            return {alias or name.partition(".")[0]}
    return set()


def _require_no_clash(names: ResourceNames, domain: DomainFacts) -> None:
    tables = domain.tables
    classes = {table.class_name: table for table in tables.values()}
    there = [
        *([f"{MODULES}/{names.plural}"] if names.plural in domain.modules else []),
        *(
            [
                Said(
                    "the table {plural}, in {file}",
                    plural=names.plural,
                    file=tables[names.plural].file,
                )
            ]
            if names.plural in tables
            else []
        ),
        *(
            [
                Said(
                    "the class {class_name}, in {file}",
                    class_name=names.class_name,
                    file=classes[names.class_name].file,
                )
            ]
            if names.class_name in classes
            else []
        ),
    ]
    if there:
        raise Refused(
            Said("There are {many} in this project already.", many=names.many),
            why=tuple(there),
            next=(
                Said(
                    "choose another name; an existing module is changed by hand, or deleted first"
                ),
            ),
        )


@cache
def sql_words() -> frozenset[str]:
    """The reserved words of the databases."""
    lines = Path(__file__).with_name("reserved_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if line[:1] != "#" for word in line.split())


# -- fields ----------------------------------------------------------------------------------------


def _resolved(field: ResourceField, names: ResourceNames, domain: DomainFacts) -> ResourceField:
    """A reference with its column and its table; any other field as it is."""
    if field.kind is not FieldKind.REF:
        return field
    target = _target(field, names, domain)
    if target.name == names.plural and not field.nullable:
        raise Unfit(
            Said(
                "the first {one} has none to lead to: {name}:ref({target})?",
                one=names.one,
                name=field.name,
                target=field.target,
            )
        )
    if target.key not in _KEYS:
        raise Unfit(
            Said("a reference needs an `id` of type UUID, and {name} has none", name=target.name)
        )
    column = field.name if field.name.endswith("_id") else f"{field.name}_id"
    one = str(inflection.underscore(target.class_name))
    return replace(field, name=column, target=target.name, target_one=one)


def _target(field: ResourceField, names: ResourceNames, domain: DomainFacts) -> MappedTable:
    own = MappedTable(names.plural, names.class_name, "", "UUID")
    known = DomainFacts(domain.modules, {**domain.tables, own.name: own})
    if field.target == "self":
        return own
    if found := known.find_table(field.target):
        return found
    near = known.nearest_table(field.target)
    hint = (
        Said("did you mean {near}?", near=near)
        if near
        else Said("there are {names}", names=", ".join(sorted(known.tables)))
    )
    raise Unfit(Said("there is no table {target}: {hint}", target=field.target, hint=hint))


def _require_free_field(field: ResourceField, names: ResourceNames, *, job: bool) -> None:
    name = field.name
    reason = _TAKEN.get(name)
    if keyword.iskeyword(name):
        reason = Said("it is a word of Python")
    elif name in sql_words():
        reason = Said("it is a reserved word of SQL")
    elif name.startswith(_OF_PYDANTIC):
        reason = Said("names that begin with {prefix} are Pydantic's own", prefix=_OF_PYDANTIC)
    elif name == "processed_at" and job:
        reason = Said("the job has a column of this name")
    elif name in _OF_LISTS and field.kind is FieldKind.ENUM:
        reason = Said("every list has a parameter of this name")
    if reason:
        raise Unfit(
            Said(
                "{reason}; {singular}_{name}, for one, is free",
                reason=reason,
                singular=names.singular,
                name=name,
            )
        )
