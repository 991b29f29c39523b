"""A resource is named, its fields are parsed, and what cannot be is refused in words."""

import ast
import keyword
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MYSQL
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from bootstrap.errors import Refused, UsageError
from bootstrap.project.resource import acceptance
from bootstrap.project.resource.acceptance import accept, identifiers, sql_words
from bootstrap.project.resource.domain import DomainFacts, MappedTable, read_domain
from bootstrap.project.resource.fields import (
    FieldKind,
    InvalidField,
    parse_field,
    parse_fields,
)
from bootstrap.project.resource.names import LONGEST, ResourceNames, resource_names, words
from bootstrap.project.resource.plan import plan_resource
from bootstrap.project.resource.registry import listed_modules, with_module
from bootstrap.project.resource.revision import without_needless_drops
from tests.conftest import ROOT

PROFILES = MappedTable("profiles", "Profile", "app/modules/profiles/models.py", "UUID")
LEGACY = MappedTable("legacy_user", "LegacyUser", "app/outer_models.py", "int")
DOMAIN = DomainFacts(frozenset({"profiles"}), {each.name: each for each in (PROFILES, LEGACY)})
KINDS = [kind for kind in FieldKind if kind not in {FieldKind.ENUM, FieldKind.REF}]


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "singular", "plural"),
    [
        ("Category", "category", "categories"),
        ("categories", "category", "categories"),
        ("news", "news", "news"),
        ("user-address", "user_address", "user_addresses"),
        ("UserAddresses", "user_address", "user_addresses"),
        ("user address", "user_address", "user_addresses"),
        ("Äpfel", "apfel", "apfels"),
        ("straße", "strasse", "strasses"),
        ("HTTPServer", "http_server", "http_servers"),
        ("status", "status", "statuses"),
        ("person", "person", "people"),
        ("canvas", "canvas", "canvases"),
        ("gases", "gas", "gases"),
        ("bus", "bus", "buses"),
        ("s", "s", "s"),
    ],
)
def test_any_spelling_gives_singular_and_plural(written: str, singular: str, plural: str) -> None:
    assert resource_names(written) == ResourceNames(singular, plural)


def test_a_stated_plural_is_taken() -> None:
    assert resource_names("Apfel", "Äpfel") == ResourceNames("apfel", "apfel")
    assert resource_names("staff member", "staff") == ResourceNames("staff_member", "staff")
    assert resource_names("gas", "gases").singular == "gas"


@pytest.mark.parametrize("written", ["", "  ", "日本", "1st", "a/b", "a'b", "../etc", "naïve日"])
def test_what_is_no_name_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="cannot be made a name"):
        resource_names(written)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        resource_names("x" * (LONGEST + 1))


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_name_is_one_in_python_and_sql_or_is_refused(written: str) -> None:
    try:
        names = resource_names(written)
    except UsageError:
        return
    for name in (names.singular, names.plural):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert names.class_name.isidentifier()
    assert list(words(names.plural)) == names.plural.split("_")


@pytest.mark.parametrize(
    ("written", "said"),
    [("user", "a user"), ("hour", "an hour"), ("apple", "an apple"), ("news", "one of the news")],
)
def test_prose_has_the_right_article(written: str, said: str) -> None:
    assert resource_names(written).a_one == said


# -- fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("marks", "nullable", "unique"),
    [("", False, False), ("?", True, False), ("!", False, True), ("!?", True, True)],
)
def test_every_type_has_its_marks(kind: str, marks: str, nullable: bool, unique: bool) -> None:
    never = {"text", "json", "bool"}
    if unique and kind in never:
        with pytest.raises(InvalidField, match="cannot be unique"):
            parse_field(f"it:{kind}{marks}")
        return
    field = parse_field(f"it:{kind}{marks}")
    assert (field.name, field.kind, field.nullable, field.unique) == ("it", kind, nullable, unique)


@given(
    st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z][a-z0-9]{0,5}){0,2}", fullmatch=True),
    st.sampled_from(KINDS),
    st.booleans(),
)
def test_what_is_written_of_a_field_is_read_again(name: str, kind: str, nullable: bool) -> None:
    field = parse_field(f"{name}:{kind}{'?' if nullable else ''}")
    assert (field.name, field.kind, field.nullable) == (name, kind, nullable)


@given(st.text(max_size=30))
def test_any_text_is_a_field_or_is_refused(written: str) -> None:
    try:
        field = parse_field(written)
    except InvalidField:
        return
    assert field.name.isidentifier()


@given(st.lists(st.text(st.characters(exclude_characters=","), min_size=1, max_size=9), min_size=1))
def test_the_values_of_an_enum_have_names_of_their_own(values: list[str]) -> None:
    try:
        field = parse_field(f"mood:enum({','.join(values)})")
    except InvalidField:
        return
    members = [each.member for each in field.values]
    assert len(set(members)) == len(members)
    assert all(member.isidentifier() and member.isascii() for member in members)
    assert all(not keyword.iskeyword(member) for member in members)
    assert [each.value for each in field.values] == [value.strip() for value in values]


def test_odd_values_of_an_enum_are_kept_as_they_are() -> None:
    field = parse_field('mood:enum(in progress, 1st, größe, "so", a-b, a b, (x), mro)?')
    assert [(each.value, each.member) for each in field.values] == [
        ("in progress", "IN_PROGRESS"),
        ("1st", "VALUE_1ST"),
        ("größe", "GROSSE"),
        ('"so"', "SO"),
        ("a-b", "A_B"),
        ("a b", "A_B_2"),
        ("(x)", "X"),
        ("mro", "MRO"),
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("title", "it has no type: write title:str"),
        ("title:", "it has no type"),
        ("title:string", "did you mean str?"),
        ("title:integr", "did you mean int?"),
        ("title:datetim", "did you mean datetime?"),
        ("price:float", "did you mean decimal?"),
        ("owner:belongs_to(users)", "did you mean ref?"),
        ("title:xyzzy", "one of str, text"),
        ("title:str(5)", "takes nothing in parentheses"),
        ("mood:enum", "say which values there are"),
        ("mood:enum()", "say which values there are"),
        ("mood:enum(a,,b)", "empty"),
        ("mood:enum(a,a)", "the value a twice"),
        ("mood:enum(a\x00b)", "cannot be seen"),
        (f"mood:enum({'x' * 51})", "longer than 50"),
        ("mood:enum(a,b)!", "cannot be unique"),
        ("owner:ref", "say which table"),
        ("price:decimal(40,2)", "at most 15"),
        ("price:decimal(2,3)", "decimal(12,2)"),
        (":str", "no name before the colon"),
        ("1st:str", "begins with a letter"),
        ("title:str*", "there is no type str*"),
        ("title:str?x", "only ? and !"),
        (f"{'x' * 31}:str", "at most 30"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_the_reason(written: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fields(["fine:str", written])
    (line,) = caught.value.why
    assert line.startswith(f"{written}: ")
    assert why in line


def test_two_fields_of_one_name_are_refused_however_they_are_spelt() -> None:
    with pytest.raises(UsageError) as caught:
        parse_fields(["fullName:str", "full_name:text"])
    assert caught.value.why == ("full_name: there are two fields of this name",)


# -- reserved words, clashes and references --------------------------------------------------------


def planned(name: str, *fields: str, job: bool = False) -> dict[str, str]:
    names = resource_names(name)
    return dict(accept(names, parse_fields(fields), DOMAIN, job=job).files)


def test_reserved_words_are_those_of_the_databases() -> None:
    allowed = {"admin", "member", "role", "persist", "persist_only", "parallel"}
    assert sql_words() == (RESERVED_WORDS | RESERVED_WORDS_MYSQL) - allowed


def test_what_pydantic_has_no_field_may_be_called() -> None:
    public = {name for name in dir(BaseModel) if not name.startswith(("_", "model_"))}
    assert public <= acceptance._TAKEN.keys()


def test_tables_of_features_no_resource_may_have() -> None:
    found = read_domain(ROOT / "template").tables.values()
    own = {each.name for each in found if each.file.startswith("app/features/")}
    assert own == acceptance._OF_FEATURES.keys()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "word of Python"),
        ("list", "word of Python"),
        ("type", "word of Python"),
        ("group", "reserved word of SQL"),
        ("client", "the feature security"),
        ("page", "means something else"),
        ("request", "means something else"),
        ("response", "means something else"),
        ("session", "means something else"),
        ("draft", "means something else"),
        ("base", "means something else"),
        ("select", "means something else"),
    ],
)
def test_a_reserved_name_is_refused(name: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(name, "title:str")
    assert why in caught.value.why[0]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("class:str", "word of Python"),
        ("order:int", "reserved word of SQL"),
        ("rank:int", "reserved word of SQL"),
        ("metadata:json", "SQLAlchemy"),
        ("registry:str", "SQLAlchemy"),
        ("json:json", "Pydantic"),
        ("model_name:str", "Pydantic"),
        ("id:uuid", "every resource has it"),
        ("version:int", "every resource has it"),
        ("processed_at:datetime", "the job has"),
        ("str:str", "something else"),
        ("sort:enum(a,b)", "every list"),
        ("owner:ref(profile_)", ""),
        ("owner:ref(nobody)", "there is no table nobody"),
        ("owner:ref(legacy_user)", "of type UUID"),
        ("parent:ref(self)", "the first thing has none to lead to"),
    ],
)
def test_a_field_that_means_something_else_is_refused(field: str, why: str) -> None:
    if not why:
        assert planned("thing", field)
        return
    with pytest.raises(UsageError) as caught:
        planned("thing", field, job=True)
    assert why in caught.value.why[0]
    assert caught.value.why[0].startswith(field.partition(":")[0])


def test_a_reserved_field_is_given_a_free_name() -> None:
    with pytest.raises(UsageError) as caught:
        planned("thing", "order:int", "title:str")
    assert caught.value.why == (
        "order: it is a reserved word of SQL; thing_order, for one, is free",
    )


def test_what_is_there_already_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        planned("profile", "title:str")
    assert "app/modules/profiles" in caught.value.why
    with pytest.raises(UsageError, match="can be one of"):
        planned("thing", "owner:ref(profiles)", "owner_id:uuid")


@pytest.mark.parametrize("target", ["profiles", "profile", "Profile"])
def test_a_reference_finds_its_table_by_any_of_its_names(target: str) -> None:
    model = planned("order", f"customer:ref({target})")["app/modules/orders/models.py"]
    assert 'customer_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))' in model
    assert 'Index(None, "customer_id", "created_at", "id")' in model


# -- the files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        ["title:str"],
        [f"a_{kind}:{kind}" for kind in KINDS],
        [f"a_{kind}:{kind}?" for kind in KINDS],
        ["a:str!", "b:int!", "c:email!", "d:date!", "e:uuid!", "f:datetime!", "g:decimal!"],
        ["owner:ref(profiles)", "parent:ref(self)?", "mood:enum(a,b)", "price:decimal(5,2)"],
        ["date:date", "text:text"],
    ],
)
def test_every_file_is_python_that_imports_what_it_uses(fields: list[str], job: bool) -> None:
    for path, text in planned("thing", *fields, job=job).items():
        if not path.endswith(".py"):
            continue
        tree = ast.parse(text)
        nodes = list(ast.walk(tree))
        imported = {
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        } - {"annotations"}
        used = set(re.findall(r"\b\w+\b", re.sub(r"(?m)^(from|import) .*$", "", text)))
        assert imported <= used, f"{path} imports what it does not use"


def test_a_resource_without_jobs_has_no_trace_of_them() -> None:
    files = planned("thing", "title:str")
    assert not any(path.endswith("jobs.py") for path in files)
    assert not any(re.search(r"outbox|processed|\bjob", text) for text in files.values())


def test_what_the_files_use_is_known_whatever_they_are_called() -> None:
    assert {"service", "router", "Page", "draft", "mapped_column"} <= identifiers()
    assert not any("zzz" in name for name in identifiers())


def test_shared_files_of_tests_are_written_once() -> None:
    files = {"tests/modules/rows.py", "tests/modules/__init__.py"}
    names, fields = resource_names("thing"), parse_fields(["owner:ref(profiles)"])
    accepted = accept(names, fields, DOMAIN, job=False)
    assert files <= accepted.files.keys()
    later = DomainFacts(DOMAIN.modules, DOMAIN.tables, frozenset(files))
    assert not files & plan_resource(names, accepted.fields, later, job=False).files.keys()


# -- the line in the list --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('MODULES = ("a",)', 'MODULES = ("a", "b")'),
        ("MODULES = ('a',)", "MODULES = ('a', 'b')"),
        ('MODULES = ("x", "a")', 'MODULES = ("x", "a", "b")'),
        ('MODULES = ["a"]', 'MODULES = ["a", "b"]'),
        ("MODULES = ()", 'MODULES = ("b",)'),
        ("MODULES = []", 'MODULES = ["b"]'),
        ('MODULES = "a",', 'MODULES = "a", "b"'),
        ('MODULES: tuple[str, ...] = ("a",)', 'MODULES: tuple[str, ...] = ("a", "b")'),
        ('MODULES = (\n    "a",\n)', 'MODULES = (\n    "a",\n    "b",\n)'),
        ('MODULES = (\n    "a",\n    "c"\n)', 'MODULES = (\n    "a",\n    "c",\n    "b"\n)'),
        (
            'MODULES = (\n    "x",  # one\n    "a",  # two\n)  # all',
            'MODULES = (\n    "x",  # one\n    "a",  # two\n    "b",\n)  # all',
        ),
    ],
)
def test_a_module_is_listed_in_the_form_of_the_list(before: str, after: str) -> None:
    around = (
        "# mine\nimport os\n\n\n{}\n\n\ndef f():\n    MODULES = 1  # no list\n    return MODULES\n"
    )
    assert with_module(around.format(before), "b") == around.format(after)
    assert (listed_modules(around.format(after)) or [])[-1] == "b"


@pytest.mark.parametrize(
    "text", ["", "def", "MODULES = names()", "MODULES = (*OTHERS,)", "class A:\n    MODULES = ()"]
)
def test_no_list_is_found_where_there_is_none(text: str) -> None:
    assert with_module(text, "b") is None


def test_domain_is_read_without_running_it(tmp_path: Path) -> None:
    module = tmp_path / "app/modules/orders"
    module.mkdir(parents=True)
    (module / "models.py").write_text(
        "raise SystemExit\nclass Order(Base):\n    __tablename__: str = 'orders'\n"
        "    id: orm.Mapped[uuid.UUID] = x()\nclass Line(Base):\n    __tablename__ = 'lines'\n"
    )
    (module / "broken.py").write_text("__tablename__ = (")
    facts = read_domain(tmp_path)
    assert facts.modules == {"orders"}
    assert {name: each.key for name, each in facts.tables.items()} == {
        "orders": "UUID",
        "lines": "",
    }


# -- the revision ----------------------------------------------------------------------------------

REVISION = """
def upgrade() -> None:
    op.create_table("things")
    with op.batch_alter_table("things", schema=None) as batch_op:
        batch_op.create_index("ix_a", ["a"])


def downgrade() -> None:
    with op.batch_alter_table("{}", schema=None) as batch_op:
        batch_op.drop_index("ix_a")
        batch_op.{}

    op.drop_index("ix_b", table_name="{}")
    op.drop_table("things")
"""


def test_a_downgrade_drops_the_table_with_its_indexes() -> None:
    """MySQL would refuse to drop an index that a foreign key needs."""
    text = without_needless_drops(REVISION.format("things", "drop_index('b')", "things"), "things")
    assert "create_index" in text
    assert "drop_index" not in text
    assert text.endswith('def downgrade() -> None:\n\n    op.drop_table("things")\n')


@pytest.mark.parametrize(
    "details", [("others", "drop_index('b')", "others"), ("things", "drop_column('b')", "others")]
)
def test_what_else_a_downgrade_does_stays(details: tuple[str, str, str]) -> None:
    text = REVISION.format(*details)
    assert without_needless_drops(text, "things") == text
