"""The fields of a resource, as people write them: `title:str!`, `note:text?`, `mood:enum(a,b)`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bootstrap.errors import UsageError
from bootstrap.language import Said
from bootstrap.project.asking import without_accents
from bootstrap.project.resource.names import LONGEST, words
from bootstrap.project.values import nearest


class FieldKind(StrEnum):
    """The types that a field can have."""

    STR = "str"
    TEXT = "text"
    INT = "int"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    UUID = "uuid"
    EMAIL = "email"
    JSON = "json"
    ENUM = "enum"
    REF = "ref"


LONGEST_VALUE = 50
MOST_DIGITS = 15  # what SQLite, which keeps such a number as a float, gives back unchanged
DECIMAL_SCALE = 4
MOST_FIELDS = 60  # MySQL has at most 64 indexes a table, and rows of 64 KiB
_FORM = re.compile(
    r"(?P<name>[^:]*)(?::\s*(?P<kind>[^(?!]*)(?:\((?P<inside>.*)\))?\s*(?P<marks>[?!]*))?",
    re.DOTALL,
)
# What others call these types.
_ALIASES = {
    **dict.fromkeys(("string", "varchar", "char", "chars", "line", "name"), FieldKind.STR),
    **dict.fromkeys(("integer", "bigint", "smallint", "long", "number"), FieldKind.INT),
    **dict.fromkeys(("float", "double", "numeric", "money", "real"), FieldKind.DECIMAL),
    **dict.fromkeys(("timestamp", "timestamptz", "time", "instant"), FieldKind.DATETIME),
    **dict.fromkeys(("dict", "object", "jsonb", "list"), FieldKind.JSON),
    **dict.fromkeys(("choice", "choices", "literal", "select"), FieldKind.ENUM),
    **dict.fromkeys(("fk", "foreign", "foreignkey", "belongs_to", "relation"), FieldKind.REF),
    **dict.fromkeys(("boolean", "flag"), FieldKind.BOOL),
    **dict.fromkeys(("mail", "e-mail"), FieldKind.EMAIL),
    **dict.fromkeys(("guid",), FieldKind.UUID),
    **dict.fromkeys(("markdown", "longtext", "html", "clob"), FieldKind.TEXT),
}
_NEVER_UNIQUE = {
    FieldKind.TEXT: Said("MySQL indexes only the beginning of a text; use str"),
    FieldKind.JSON: Said("no database compares JSON as a whole"),
    FieldKind.BOOL: Said("there could be two rows at most"),
    FieldKind.ENUM: Said("there could be no more rows than values"),
}


_DESCRIBED = {
    FieldKind.STR: Said("one line of 1 to 100 characters"),
    FieldKind.TEXT: Said("a text of 1 to 10,000 characters"),
    FieldKind.INT: Said("a whole number of 32 bits"),
    FieldKind.DECIMAL: "",
    FieldKind.BOOL: Said("true or false"),
    FieldKind.DATE: "a day",
    FieldKind.DATETIME: Said("an instant, with its time zone; given in UTC"),
    FieldKind.UUID: "a UUID",
    FieldKind.EMAIL: Said("an e-mail address"),
    FieldKind.JSON: "a JSON object",
    FieldKind.ENUM: "",
    FieldKind.REF: "",
}


@dataclass(frozen=True)
class EnumValue:
    """One value of an enumeration, and the name that Python has for it."""

    value: str
    member: str


@dataclass(frozen=True)
class ResourceField:
    """One field; `target` is the table that a reference leads to, `target_one` a row of it."""

    name: str
    kind: FieldKind
    nullable: bool = False
    unique: bool = False
    values: tuple[EnumValue, ...] = ()
    target: str = ""
    target_one: str = ""
    digits: int = MOST_DIGITS
    scale: int = DECIMAL_SCALE

    @property
    def words(self) -> str:
        """Its name in prose."""
        name = self.name.removesuffix("_id") if self.kind is FieldKind.REF else self.name
        return name.replace("_", " ")

    @property
    def class_suffix(self) -> str:
        """What its enumeration is called, after the resource."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def described(self) -> str:
        """What it holds, for the documentation."""
        what = _DESCRIBED[self.kind]
        if self.kind is FieldKind.ENUM:
            what = ", ".join(f"`{each.value}`" for each in self.values)
        elif self.kind is FieldKind.REF:
            what = Said("the `id` of a row of `{target}`", target=self.target)
        elif self.kind is FieldKind.DECIMAL:
            what = Said(
                "a number of {digits} digits, {scale} of them after the point",
                digits=self.digits,
                scale=self.scale,
            )
        marks = (
            *(("unique",) if self.unique else ()),
            *((Said("may be null"),) if self.nullable else ()),
        )
        return "; ".join((what.replace("|", "\\|"), *marks))


def parse_fields(written: Sequence[str]) -> tuple[ResourceField, ...]:
    """Parse all fields of a resource; a UsageError names each that is wrong, and why."""
    parsed, problems = [], []
    for each in written:
        try:
            parsed.append(parse_field(each))
        except InvalidField as error:
            problems.append(f"{each}: {error}")
    twice = [name for name, number in Counter(each.name for each in parsed).items() if number > 1]
    problems += [Said("{name}: there are two fields of this name", name=name) for name in twice]
    if len(parsed) > MOST_FIELDS:
        problems.append(
            Said(
                "there are {number} fields, and a table takes {most}",
                number=len(parsed),
                most=MOST_FIELDS,
            )
        )
    if problems:
        raise UsageError(
            Said("Not every field can be used.")
            if len(written) > 1
            else Said("The field cannot be used."),
            why=tuple(problems),
            next=(
                Said("write name:type, with ? where it may be null and ! where it is unique"),
                Said(
                    "types are {types}; enum(a,b) and ref(other) say more",
                    types=", ".join(FieldKind),
                ),
                Said(
                    "quote what your shell would read: {quoted}",
                    quoted="'status:enum(draft,published)' 'email:email!'",
                ),
            ),
        )
    return tuple(parsed)


class InvalidField(ValueError):
    """Why a field cannot be used."""


def parse_field(written: str) -> ResourceField:
    """Parse one field; raises InvalidField. A reference has the name of its target as written."""
    form = _FORM.fullmatch(written.strip())
    if form is None:
        raise InvalidField(Said("after the type come only ? and !, as in email:email?!"))
    name = _field_name(form["name"])
    kind = _kind(name, (form["kind"] or "").strip())
    marks = form["marks"] or ""
    field = ResourceField(name, kind, nullable="?" in marks, unique="!" in marks)
    if field.unique and kind in _NEVER_UNIQUE:
        raise InvalidField(
            Said(
                "{kind} cannot be unique: {reason}",
                kind=kind,
                reason=_NEVER_UNIQUE[kind],
            )
        )
    return _with_inside(field, form["inside"])


def _field_name(written: str) -> str:
    try:
        name = "_".join(words(written))
    except UsageError as error:
        reason = error.why[0] if written.strip() else Said("it has no name before the colon")
        raise InvalidField(Said("{reason}; a name begins with a letter", reason=reason)) from error
    if len(name) > LONGEST:
        raise InvalidField(
            Said(
                "its name has {number} characters, and at most {longest} can be",
                number=len(name),
                longest=LONGEST,
            )
        )
    return name


def _kind(name: str, written: str) -> FieldKind:
    if not written:
        raise InvalidField(Said("it has no type: write {name}:str, for one", name=name))
    known = _ALIASES.get(written.lower()) or nearest(written, list(FieldKind))
    if written not in set(FieldKind):
        hint = (
            Said("did you mean {known}?", known=known)
            if known
            else Said("one of {types}", types=", ".join(FieldKind))
        )
        raise InvalidField(Said("there is no type {written}: {hint}", written=written, hint=hint))
    return FieldKind(written)


def _with_inside(field: ResourceField, inside: str | None) -> ResourceField:
    """The field with what stands in parentheses after its type."""
    match field.kind:
        case FieldKind.ENUM:
            return replace(field, values=_values(field.name, inside or ""))
        case FieldKind.REF:
            if not (inside or "").strip():
                raise InvalidField(
                    Said("say which table it leads to: {name}:ref(profiles)", name=field.name)
                )
            return replace(field, target=(inside or "").strip())
        case FieldKind.DECIMAL if inside is not None:
            digits, scale = _precision(inside)
            return replace(field, digits=digits, scale=scale)
    if inside is not None:
        raise InvalidField(Said("{kind} takes nothing in parentheses", kind=field.kind))
    return field


def _values(name: str, inside: str) -> tuple[EnumValue, ...]:
    values = [value.strip() for value in inside.split(",")]
    if not inside.strip():
        raise InvalidField(
            Said("say which values there are: {name}:enum(draft,published)", name=name)
        )
    for value in values:
        if not value:
            raise InvalidField(Said("one of its values is empty"))
        if len(value) > LONGEST_VALUE:
            raise InvalidField(
                Said(
                    "{value}… is longer than {longest} characters",
                    value=value[:20],
                    longest=LONGEST_VALUE,
                )
            )
        if not value.isprintable():
            raise InvalidField(
                Said("{value} has characters that cannot be seen", value=repr(value))
            )
    twice = [value for value, number in Counter(values).items() if number > 1]
    if twice:
        raise InvalidField(Said("it has the value {value} twice", value=twice[0]))
    return tuple(map(EnumValue, values, _members(values)))


def _members(values: Sequence[str]) -> Sequence[str]:
    """A name in capitals for each value; a number tells apart what would be the same."""
    found: list[str] = []
    for value in values:
        letters = re.sub(r"[^A-Z0-9]+", "_", without_accents(value).upper()).strip("_")
        name = letters if letters[:1].isalpha() else f"VALUE_{letters}".rstrip("_")
        number, member = 2, name
        while member in found:
            member, number = f"{name}_{number}", number + 1
        found.append(member)
    return found


def _precision(inside: str) -> tuple[int, int]:
    numbers = re.fullmatch(r"\s*(\d{1,3})\s*,\s*(\d{1,3})\s*", inside)
    digits, scale = map(int, numbers.groups()) if numbers else (0, 0)
    if not (1 <= digits <= MOST_DIGITS and scale <= digits):
        raise InvalidField(
            Said(
                "write its digits in all, at most {most}, and after the point: decimal(12,2)",
                most=MOST_DIGITS,
            )
        )
    return digits, scale
