"""What is dumped is one moment; it is verified, restored, and only then deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Table, insert, select, text, update

from app.core import outbox, parquet
from app.core.database import Base, Database
from app.features.periods import closing, preflight, triggers
from app.features.periods.declared import frozen
from app.features.periods.manifest import sha256_of
from app.features.periods.models import GATE, PERIODS
from app.features.periods.signing import signer
from app.features.periods.states import Period, State
from app.modules.profiles.models import Headshot, Profile
from app.settings import ROOT
from tests.features.periods.conftest import (
    ADA,
    BOB,
    HEADSHOTS,
    PROFILES,
    Desk,
    add,
    files_of,
    ids,
    manifest_of,
    number,
    row,
)

Find = Callable[[], Awaitable[Period]]


@pytest.fixture
async def folder(desk: Desk, year: Find, dumps: Path) -> Path:
    """The dump of a period that is closed."""
    await desk("run", "2025", *ADA)
    return dumps / str((await year()).folder)


async def test_a_period_is_closed_step_by_step_and_only_once(
    desk: Desk, year: Find, tmp_path: Path
) -> None:
    """A dump of any database is restored into any other: here, into SQLite."""
    drill = f"sqlite:///{tmp_path / 'drill.db'}"
    said = await desk("run", "2025", *ADA, "--into", drill)
    assert "the digests of every table are equal" in said
    period = await year()
    assert (period.state, period.manifest is None) == (State.CLOSED, False)
    assert period.verified_at is not None
    assert period.restored_at is not None
    assert await desk("run", "2025", *ADA, "--into", drill) == "2025 is closed\n"
    assert await year() == period
    history = json.loads(await desk("history", "2025", "--json"))
    assert [each["target"] for each in history] == ["open", "closing", "closed"]
    assert {each["by_whom"] for each in history} == {"Ada"}


async def test_every_table_is_a_file_that_others_read(folder: Path, thawed: Database) -> None:
    manifest = manifest_of(folder)
    names = {each["name"] for each in manifest["tables"]}
    assert names == {table.name for table in Base.metadata.sorted_tables if table is not GATE}
    for each in manifest["tables"]:
        assert pq.read_table(folder / each["file"]).num_rows == each["rows"]
    found = pq.read_table(folder / "profiles.parquet").to_pylist()
    assert {each["id"] for each in found} == {str(each) for each in await ids(thawed)}
    assert manifest["revision"] == [(ROOT / "migrate/HEAD").read_text().strip()]
    assert {name.rpartition(".")[2] for name in files_of(folder)} <= {"parquet", "json", "jwt"}


async def test_whoever_writes_meanwhile_does_not_show(
    desk: Desk, thawed: Database, year: Find, dumps: Path
) -> None:
    """A profile and its headshot are one transaction: a dump has both of them or none."""
    stop = asyncio.Event()
    await desk("close", "2025", *ADA)

    async def write() -> int:
        written = 0
        while not stop.is_set():
            await add(thawed, row(1 + written % 28, 2024))
            written += 1
            await asyncio.sleep(0)
        return written

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.2)
    await desk("dump", "2025")
    stop.set()
    assert await writing > 0
    folder = dumps / str((await year()).folder)
    profiles = pq.read_table(folder / "profiles.parquet").column("id").to_pylist()
    headshots = pq.read_table(folder / "profile_headshots.parquet").column("profile_id").to_pylist()
    assert sorted(profiles) == sorted(headshots)
    await desk("verify", "2025")


@pytest.mark.parametrize("harm", ["byte", "gone", "row", "manifest"])
async def test_what_was_changed_in_a_dump_is_found(desk: Desk, folder: Path, harm: str) -> None:
    assert "as they were dumped" in await desk("verify", "--folder", str(folder))
    path, manifest = folder / "profiles.parquet", folder / "manifest.json"
    if harm == "byte":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "gone":
        path.unlink()
    elif harm == "row":
        table = pq.read_table(path)
        pq.write_table(table.slice(1), path)
    else:
        manifest.write_bytes(manifest.read_bytes().replace(b'"rows": 30', b'"rows": 29'))
    with pytest.raises(SystemExit, match=r"changed|missing"):
        await desk("verify", "2025")


@pytest.mark.skipif(signer() is None, reason="nobody signs")
async def test_a_manifest_that_nobody_of_ours_has_signed_is_refused(
    desk: Desk, folder: Path
) -> None:
    assert "signed by" in await desk("verify", "2025")
    path = folder / "manifest.jwt"
    head, claims, signature = path.read_text("utf-8").split(".")
    path.write_text(".".join([head, claims, signature[::-1]]), "utf-8")
    with pytest.raises(SystemExit, match="its token was changed"):
        await desk("verify", "2025")
    path.unlink()
    with pytest.raises(SystemExit, match="nobody has signed it"):
        await desk("verify", "2025")


async def test_a_restored_database_is_the_dump(
    desk: Desk, folder: Path, year: Find, empty_url: str, thawed: Database
) -> None:
    await desk("restore", "2025", "--into", empty_url)
    assert (await year()).restored_at is not None
    other = Database(empty_url)
    assert await ids(other) == await ids(thawed)
    assert (await closing.find(other.reads, "2025")).state is State.CLOSING
    assert "equal" in await desk("restore", "--folder", str(folder), "--into", empty_url)
    async with other.writes() as session:
        changed = update(Profile).where(Profile.created_at < (await year()).begins_at)
        await session.execute(changed.values(department="X"))
    await other.close()
    with pytest.raises(SystemExit, match="differs from the dump: profiles"):
        await desk("restore", "2025", "--into", empty_url)


async def test_only_an_empty_database_is_restored_into(
    desk: Desk, folder: Path, empty_url: str, database_url: str
) -> None:
    with pytest.raises(SystemExit, match="the database itself"):
        await desk("restore", "2025", "--into", database_url)
    other = Database(empty_url)
    async with other.writes() as session:
        await session.execute(text("CREATE TABLE somebody (id INT)"))
    await other.close()
    with pytest.raises(SystemExit, match="this one has tables"):
        await desk("restore", "--folder", str(folder), "--into", empty_url)


@pytest.mark.parametrize(
    ("into", "why"),
    [
        ("nowhere", "nothing can be restored there: DATABASE_URL is no URL"),
        ("sqlite:////nowhere/drill.db", "the database to restore into has refused"),
    ],
)
async def test_a_database_that_is_none_is_told(
    desk: Desk, folder: Path, into: str, why: str
) -> None:
    with pytest.raises(SystemExit, match=why):
        await desk("restore", "--folder", str(folder), "--into", into)


async def test_a_dump_of_other_code_is_verified_by_its_bytes_and_not_restored(
    desk: Desk, folder: Path, empty_url: str
) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    (profiles,) = (each for each in manifest["tables"] if each["name"] == "profiles")
    file = folder / "profiles.parquet"
    pq.write_table(pq.read_table(file).drop_columns("email"), file)
    profiles["sha256"] = sha256_of(file)
    path.write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match=r"profiles\.parquet cannot be read, or lacks a column"):
        await desk("verify", "--folder", str(folder))
    profiles["columns"] = [each for each in profiles["columns"] if each["name"] != "email"]
    path.write_text(json.dumps(manifest))
    assert "as they were dumped" in await desk("verify", "--folder", str(folder))
    with pytest.raises(SystemExit, match="profiles has other columns in the dump than in this"):
        await desk("restore", "--folder", str(folder), "--into", empty_url)


async def test_a_restore_that_was_cut_off_begins_again(
    desk: Desk, folder: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, loaded = parquet.read, list[Path]()

    def cut_off(path: Path, *arguments: Any) -> object:
        loaded.append(path)
        if path.name == "profile_headshots.parquet" and loaded.count(path) == 2:
            raise KeyboardInterrupt
        return read(path, *arguments)

    again = ("restore", "--folder", str(folder), "--into", empty_url)
    with monkeypatch.context() as patched:
        patched.setattr(parquet, "read", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await desk(*again)
    assert "equal" in await desk(*again)


async def test_archiving_deletes_the_period_and_nothing_else(
    desk: Desk, thawed: Database, year: Find, empty_url: str
) -> None:
    await desk("run", "2025", *ADA)
    with pytest.raises(SystemExit, match="never restored"):
        await desk("archive", "2025", *ADA)
    await desk("run", "2025", *ADA, "--into", empty_url)
    assert "is archived" in await desk("archive", "2025", *ADA)
    assert await number(thawed, PROFILES) == await number(thawed, HEADSHOTS) == 2
    assert (await year()).state is State.ARCHIVED
    assert "is archived" in await desk("archive", "2025", *ADA)
    with pytest.raises(SystemExit, match="cannot become open"):
        await desk("reopen", "2025", *BOB)
    removing = select(PERIODS.c.removing)
    assert (await thawed.reads.execute(removing)).scalars().all() == [False]


@pytest.mark.parametrize("table", [PROFILES, HEADSHOTS])
async def test_what_is_not_as_it_was_dumped_is_not_deleted(
    desk: Desk, thawed: Database, empty_url: str, year: Find, table: Table
) -> None:
    await desk("run", "2025", *ADA, "--into", empty_url)
    inside = Profile.created_at >= (await year()).begins_at
    async with thawed.writes() as session:
        # Somebody goes around the triggers.
        await session.execute(update(PERIODS).values(state="open"))
        if table is PROFILES:
            await session.execute(update(Profile).where(inside).values(department="X"))
        else:
            values = {"media_type": "X"}
            of = Headshot.profile_id.in_(select(Profile.id).where(inside))
            await session.execute(update(Headshot).where(of).values(values))
        await session.execute(update(PERIODS).values(state="closed"))
    with pytest.raises(SystemExit, match="are not what was dumped"):
        await desk("archive", "2025", *ADA)
    assert await number(thawed, PROFILES) == 30


async def test_a_row_that_the_dump_has_not_is_kept_with_all_that_it_belongs_to(
    desk: Desk, thawed: Database, empty_url: str, year: Find
) -> None:
    await desk("run", "2025", *ADA, "--into", empty_url)
    async with thawed.writes() as session:
        await session.execute(update(PERIODS).values(state="open"))
        await session.execute(insert(PROFILES), row(30))
        await session.execute(update(PERIODS).values(state="closed"))
    with pytest.raises(SystemExit, match="1 rows of profiles belong to 2025"):
        await desk("archive", "2025", *ADA)
    assert (await year()).state is State.CLOSED


async def test_reopening_needs_somebody_else_and_forgets_the_dump(
    desk: Desk, folder: Path, thawed: Database, year: Find
) -> None:
    with pytest.raises(SystemExit, match="somebody else has to reopen it"):
        await desk("reopen", "2025", *ADA)
    await desk("reopen", "2025", *BOB)
    period = await year()
    assert (period.state, period.folder, period.verified_at) == (State.OPEN, None, None)
    await add(thawed, row(30))
    await desk("run", "2025", *ADA)
    assert str((await year()).folder) != folder.name


async def test_what_is_in_the_way_is_told_and_nothing_is_frozen(
    desk: Desk, thawed: Database, year: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with thawed.writes() as session:
        await outbox.enqueue(session, "bills.send")
        inside = Profile.created_at >= (await year()).begins_at
        some = select(Profile.id).where(inside).limit(1)
        one = (await session.execute(some)).scalar_one()
        changed = update(Headshot).where(Headshot.profile_id == one)
        await session.execute(changed.values(thumbnail=None))
    with pytest.raises(SystemExit) as refused:
        await desk("run", "2025", *ADA)
    assert "1 jobs of bills.send are not finished" in str(refused.value)
    assert "it is not so that every headshot has its thumbnail" in str(refused.value)
    assert (await year()).state is State.OPEN
    async with thawed.writes() as session:
        await session.execute(update(Headshot).values(thumbnail=b"thumbnail"))
    monkeypatch.setenv("PERIODS_HARMLESS_JOBS", '["bills.send"]')
    assert "nothing is in the way" in await desk("preflight", "2025")
    monkeypatch.setattr(triggers, "names", lambda *_: {"another"})
    found = await preflight.problems(thawed, await year(), ["bills.send"])
    assert [each.partition(":")[0] for each in found] == [
        "the database freezes no rows of profile_headshots",
        "the database freezes no rows of profiles",
    ]


async def test_what_freezes_is_missed_where_it_does_not_work(thawed: Database, year: Find) -> None:
    async with thawed.writes() as session:
        dialect = session.get_bind().dialect.name
    statements = triggers.Statements(frozen()["profiles"], dialect).freeze()
    name = min(triggers.names("profiles", dialect)).rpartition("_")[2]
    guard = (f"DROP TABLE period_guard_{name}", statements[:2])
    harm, mend = {
        "sqlite": (f"DROP TRIGGER period_insert_{name}", statements[:1]),
        "postgresql": (
            f"ALTER TABLE profiles DISABLE TRIGGER period_truncate_{name}",
            [f"ALTER TABLE profiles ENABLE TRIGGER period_truncate_{name}"],
        ),
    }.get(dialect, guard)
    async with thawed.writes() as session:
        await session.execute(text(harm))
    try:
        (found,) = await preflight.problems(thawed, await year(), [])
    finally:
        async with thawed.writes() as session:
            for statement in mend:
                await session.execute(text(statement))
    assert found.startswith("the database freezes no rows of profiles:")
    assert await preflight.problems(thawed, await year(), []) == []


async def test_a_period_that_is_not_over_is_not_closed(desk: Desk, thawed: Database) -> None:
    await desk("open", "2999", *ADA)
    with pytest.raises(SystemExit, match="is not over"):
        await desk("close", "2999", *ADA)
    assert (await closing.find(thawed.reads, "2999")).state is State.OPEN
    with pytest.raises(SystemExit, match="only one that is closing is dumped"):
        await desk("dump", "2999")
