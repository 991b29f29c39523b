"""Texts are found, unique and sorted alike on every database, in a new one and in one that is."""

from __future__ import annotations

import httpx
import pytest
import sqlalchemy as sa

from tests.rendered.conftest import on_every_database, on_every_server
from tests.rendered.processes import Backend, draft_of, row_of_profile

pytestmark = pytest.mark.slow

NUMBERS = ("b-1", "B-1", "a", "A", "-a", "a-", "0", "10", "9", "Z", "z")
# Of each three some server takes at least two for one.
DEPARTMENTS = (
    *("cafe", "CAFE", "café"),
    *("straße", "strasse", "STRASSE"),
    *("ｱ", "ア", "あ"),
    *("\N{LATIN SMALL LETTER DOTLESS I}", "i", "İ"),
    *("가", "각", "ㄱ"),
    *("😀", "😁", "Ω"),
)


@on_every_database
def test_clients_meet_the_same_text_everywhere(backend: Backend) -> None:
    _, client = backend.start_api()
    for number in NUMBERS:
        assert create(client, number) == 201
        assert create(client, number) == 409
    for name, backwards in ("employee_number", False), ("-employee_number", True):
        given = [each["employee_number"] for each in listed(client, sort=name)]
        assert given == sorted(NUMBERS, reverse=backwards)
        assert given == walked(client, name)
    for place, department in enumerate(DEPARTMENTS):
        assert create(client, f"D-{place}", department=department) == 201
    for place, department in enumerate(DEPARTMENTS):
        found = [each["employee_number"] for each in listed(client, department=department)]
        assert found == [f"D-{place}"]


@on_every_database
def test_an_address_is_the_same_whatever_its_case(backend: Backend) -> None:
    _, client = backend.start_api()
    assert create(client, "E-1", email="Ada.LOVELACE@Example.COM") == 201
    (profile,) = listed(client)
    assert profile["email"] == "ada.lovelace@example.com"


@on_every_database
def test_clients_of_the_api_are_told_apart_by_every_letter(backend: Backend) -> None:
    register = ("-m", "app", "clients", "register", "--scope", "profiles:read")
    for name in ("Shop", "shop", "shóp"):
        backend.output(*register, name)
    again = backend.done(*register, "Shop")
    assert again.returncode == 1
    assert "Shop" in again.stderr


@on_every_server
def test_a_database_with_rows_gets_there_and_loses_none(unmigrated: Backend) -> None:
    unmigrated.run("-m", "alembic", "upgrade", "0012")
    unmigrated.execute(row_of_profile("E-1", 1))
    # Nobody has to accept what the template itself brings.
    assert "no findings in 2 revisions" in unmigrated.output("-m", "migrate", "lint")
    unmigrated.run("-m", "migrate", "upgrade", "head")
    unmigrated.execute(row_of_profile("e-1", 2))
    rows = "SELECT employee_number FROM profiles ORDER BY employee_number"
    assert unmigrated.query(rows) == [("E-1",), ("e-1",)]
    back = unmigrated.done("-m", "alembic", "downgrade", "0012")
    if sa.make_url(unmigrated.url).get_backend_name() == "postgresql":
        assert back.returncode == 0, back.stderr
    else:
        # There they were one: the server refuses, and both are still there.
        assert back.returncode != 0
    assert sorted(unmigrated.query(rows)) == [("E-1",), ("e-1",)]


@on_every_server
def test_a_project_without_the_sample_has_nothing_to_change(unmigrated: Backend) -> None:
    unmigrated.run("-m", "alembic", "upgrade", "0012")
    unmigrated.execute("ALTER TABLE profiles RENAME TO people")
    unmigrated.run("-m", "alembic", "upgrade", "head")


def create(client: httpx.Client, number: str, **fields: str) -> int:
    return client.post("/v1/profiles", json=draft_of(number) | fields).status_code


def listed(client: httpx.Client, **asked: str) -> list[dict[str, str]]:
    answer = client.get("/v1/profiles", params={"limit": "100"} | asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, str]] = answer.json()["data"]["items"]
    return items


def walked(client: httpx.Client, sort: str) -> list[str]:
    """Return the employee numbers of a list that is read page by page, two at a time."""
    numbers: list[str] = []
    asked = {"sort": sort, "limit": "2"}
    while True:
        page = client.get("/v1/profiles", params=asked).json()["data"]
        numbers += [each["employee_number"] for each in page["items"]]
        if page["next"] is None:
            return numbers
        asked = {"cursor": page["next"], "limit": "2"}
