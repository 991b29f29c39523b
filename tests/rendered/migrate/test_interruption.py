"""A migration can be killed anywhere: the same command again is never wrong.

Every construction of `catalogue.py` is killed before and after the statements that the server gets.
The nightly does so at all of them; otherwise one of each construction, on one server of a kind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rendered.migrate.catalogue import BASE, CATALOGUE, EVERY
from tests.rendered.migrate.kit import Kit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

KILLING = Path(__file__).with_name("killing.py").read_text("utf-8")
# Where a revision can stay partly applied: in a block of autocommit, or wherever DDL is.
STAYS = ("postgresql", "mariadb", "mysql")
# In turn: a point costs least on MariaDB, and there most can stay.
OFTEN = ("mariadb", "mariadb", "mysql", "mariadb", "postgresql", "mariadb", "sqlite")
Ends = dict[str, list[Any]]


def constructions(databases: tuple[str, ...]) -> pytest.MarkDecorator:
    """Parametrise with all pairs of a construction and a database that it is for.

    They are hours: each kind of server is one worker's, and not all of them are.
    """
    pairs = [
        pytest.param(
            database,
            name,
            id=f"{database}-{name.replace(' ', '_')}",
            marks=pytest.mark.xdist_group(f"interrupted {database}"),
        )
        for name, one in CATALOGUE.items()
        for database in databases
        if database in one.databases
    ]
    return pytest.mark.parametrize(("database_url", "name"), pairs, indirect=["database_url"])


def once(then: str) -> pytest.MarkDecorator:
    """Parametrise with each construction once, on one database in turn."""
    pairs = []
    for number, (name, one) in enumerate(CATALOGUE.items()):
        among = [kind for kind in one.databases if then == "upgrade" or kind in STAYS]
        turns = [kind for kind in OFTEN if kind in among]
        pairs.append(pytest.param(turns[number % len(turns)], name, id=name.replace(" ", "_")))
    return pytest.mark.parametrize(("database_url", "name"), pairs, indirect=["database_url"])


@once("upgrade")
def test_killed_at_a_point_the_same_command_again_is_never_wrong(kit: Kit, name: str) -> None:
    require_exact(name, ends_of(kit, name, "upgrade", "1"))


@once("undo")
def test_killed_at_a_point_undo_leaves_nothing_or_names_it(kit: Kit, name: str) -> None:
    require_undone(ends_of(kit, name, "undo", "1"))


@pytest.mark.nightly
@constructions(EVERY)
def test_killed_at_every_point_the_same_command_again_is_never_wrong(kit: Kit, name: str) -> None:
    require_exact(name, ends_of(kit, name, "upgrade", "every"))


@pytest.mark.nightly
@constructions(STAYS)
def test_killed_at_every_point_undo_leaves_nothing_or_names_it(kit: Kit, name: str) -> None:
    require_undone(ends_of(kit, name, "undo", "every"))


@pytest.mark.nightly
@constructions(STAYS)
def test_killed_at_every_point_a_split_does_what_the_whole_does(kit: Kit, name: str) -> None:
    require_exact(name, ends_of(kit, name, "split", "every"), may_refuse=True)


def ends_of(kit: Kit, name: str, then: str, points: str) -> Ends:
    """Kill at these points, each time from the same state; return the points by how it ended."""
    construction = CATALOGUE[name]
    kit.write("0001", None, BASE)
    kit.write("0002", "0001", construction.up)
    told = json.loads(kit.program(KILLING, KILL=points, THEN=then, CHECK=construction.check))
    ends: Ends = told["ends"]
    many = sum(map(len, ends.values()))
    assert many == (told["of"] if points == "every" else int(points))
    return ends


def require_exact(name: str, ends: Ends, *, may_refuse: bool = False) -> None:
    """All ended in the same state, but for what says that it cannot, and how it goes on."""
    wrong = {end: found for end, found in ends.items() if end not in ("equal", "refused")}
    assert not wrong, wrong
    assert may_refuse or CATALOGUE[name].refuses or "refused" not in ends, ends


def require_undone(ends: Ends) -> None:
    """All was as before, but for rows that were changed, which undo has named."""
    wrong = {end: found for end, found in ends.items() if end not in ("equal", "named")}
    assert not wrong, wrong
