"""What is decided about revisions when a feature goes and comes back, again and again."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.errors import Refused
from bootstrap.project.revisions import Texts
from bootstrap.project.tables import TableRules, TablesChoice, arranged_tables
from bootstrap.revision import heads_of, parse_revision

TODAY = date(2026, 11, 29)
DROP = TableRules(TablesChoice.DROP)
REVISION = '''\
"""{name}

Revision ID: {name}
Revises: {below}
"""

from alembic import op

revision = "{name}"
down_revision = {below!r}


def upgrade() -> None:
    """Bring it."""
    op.create_table("{name}")
    op.execute("def upgrade() def downgrade()")


def downgrade() -> None:
    op.drop_table("{name}")
'''


def revision(name: str, below: str | None) -> dict[str, str]:
    return {f"migrate/versions/{name}.py": REVISION.format(name=name, below=below)}


BEGUN = revision("base", None)
FEATURE = {**revision("one", "base"), **revision("two", "one")}
OTHERS = revision("mine", "two")


class Tables:
    """What a database would have, revision by revision."""

    def __init__(self) -> None:
        self.there: set[str] = set()

    def create_table(self, name: str) -> None:
        assert name not in self.there
        self.there.add(name)

    def drop_table(self, name: str) -> None:
        self.there.remove(name)

    def execute(self, _: str) -> None:
        pass


def migrated(texts: Texts) -> set[str]:
    """The tables after all revisions, each run for real and once both ways."""
    found = {each.id: (each, text) for text in texts.values() if (each := parse_revision(text))}
    assert len(heads_of(each for each, _ in found.values())) == 1
    tables, done = Tables(), set[str]()
    while left := [each for each in found if each not in done]:
        ready = [each for each in left if done.issuperset(found[each][0].parents)]
        scope: dict[str, object] = {}
        exec(found[ready[0]][1].replace("from alembic import op", ""), scope)  # noqa: S102
        scope["op"] = tables
        for way in ("upgrade", "downgrade", "upgrade"):
            scope[way]()  # type: ignore[operator]
        done.add(ready[0])
    return tables.there


def put_on_top(texts: Texts, new: Texts) -> Texts:
    """As the merge does it: each comes after what is there."""
    texts = dict(texts)
    for path, text in new.items():
        (head,) = heads_of(each for t in texts.values() if (each := parse_revision(t)))
        found = parse_revision(text)
        assert found is not None
        line = f"down_revision = {next(iter(found.parents))!r}".replace("'", '"')
        assert line in text
        texts[path] = text.replace(line, f'down_revision = "{head}"')
    return texts


@given(st.integers(1, 6))
def test_tables_go_and_come_as_often_as_their_feature(times: int) -> None:
    ours: Texts = {**BEGUN, **FEATURE, **OTHERS}
    with_it, without = {**BEGUN, **FEATURE}, BEGUN
    for number in range(times):
        sides = (with_it, without) if number % 2 == 0 else (without, with_it)
        found = arranged_tables(*sides, ours, DROP, TODAY)
        assert len(found.new) == 2
        assert found.stay == (FEATURE.keys() if number % 2 == 0 else frozenset())
        ours = put_on_top(ours, found.new)
        feature = {"one", "two"} if number % 2 else set[str]()
        assert migrated(ours) == {"base", "mine"} | feature
    assert len(ours) == 4 + 2 * times


def test_what_was_dropped_once_is_dropped_by_a_revision_again() -> None:
    """Its file alone cannot go: there are others that build on it."""
    ours: Texts = {**BEGUN, **FEATURE}
    for sides in (({**BEGUN, **FEATURE}, BEGUN), (BEGUN, {**BEGUN, **FEATURE})):
        ours = put_on_top(ours, arranged_tables(*sides, ours, DROP, TODAY).new)
    found = arranged_tables({**BEGUN, **FEATURE}, BEGUN, ours, TableRules(), TODAY)
    assert len(found.new) == 2


@pytest.mark.parametrize(
    "applied", [None, frozenset({"two"}), frozenset({"mine"}), frozenset({"?"})]
)
def test_a_database_that_has_it_or_may_have_it_is_not_stranded(
    applied: frozenset[str] | None,
) -> None:
    ours = {**BEGUN, **FEATURE, **OTHERS}
    with pytest.raises(Refused) as refused:
        arranged_tables({**BEGUN, **FEATURE}, BEGUN, ours, TableRules(ask=lambda: applied), TODAY)
    assert "python -m migrate downgrade base" in "".join(refused.value.next)


@pytest.mark.parametrize("applied", [frozenset[str](), frozenset({"base"})])
def test_where_no_database_has_it_its_revisions_go(applied: frozenset[str]) -> None:
    ours = {**BEGUN, **FEATURE}
    found = arranged_tables(
        {**BEGUN, **FEATURE}, BEGUN, ours, TableRules(ask=lambda: applied), TODAY
    )
    assert (found.stay, found.new) == (frozenset(), {})


def test_nothing_is_asked_where_no_revision_goes() -> None:
    def ask() -> frozenset[str]:
        raise AssertionError

    both = {**BEGUN, **FEATURE}
    assert arranged_tables(both, both, both, TableRules(ask=ask), TODAY).new == {}
