"""What operators see of exports."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from app import __main__
from app.commands import transfers as command
from app.core.database import Database
from app.features.transfers import desk_commands
from app.settings import Settings
from tests.features.transfers.conftest import URL, add, ended, row


async def run(settings: Settings, *words: str) -> None:
    await desk_commands.serve(parsed(*words), settings)


def parsed(*words: str) -> Namespace:
    parser = ArgumentParser()
    command.declare(parser)
    return parser.parse_args(words)


async def test_a_file_is_asked_for_and_waited_for(
    committing: Database,
    api: httpx.AsyncClient,
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await add(committing, row(1), row(2, department="Letters"))
    to = tmp_path / "here.csv"
    where = ("--where", "department=Letters")
    async with asyncio.timeout(60):
        await run(settings, "export", "profiles", *where, "--to", str(to))
    export = capsys.readouterr().out.strip()
    assert to.read_bytes() == (await api.get(f"{URL}/{export}/file")).content
    assert len(to.read_bytes().splitlines()) == 2
    await run(settings, "list", "--json")
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["requester"], listed["state"]) == (export, "command", "ready")
    await run(settings, "list")
    assert "profiles.csv ready, 1 of 1 rows" in capsys.readouterr().out


async def test_an_export_is_cancelled(
    committing: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await add(committing, row(1))
    await run(settings, "export", "profiles", "--format", "xlsx")
    export = capsys.readouterr().out.strip()
    await run(settings, "cancel", export)
    await run(settings, "cancel", export)
    await run(settings, "list")
    assert "profiles.xlsx cancelled" in capsys.readouterr().out


async def test_what_cannot_be_done_is_told(
    committing: Database,  # noqa: ARG001
    api: httpx.AsyncClient,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="No module declares a transfer 'people': profiles do"):
        await run(settings, "export", "people")
    with pytest.raises(SystemExit, match=r"^sort: Input should be"):
        await run(settings, "export", "profiles", "--where", "sort=email")
    with pytest.raises(SystemExit, match=r"nowhere/here\.csv: No such file or directory"):
        await run(settings, "export", "profiles", "--to", "nowhere/here.csv")
    with pytest.raises(SystemExit, match="There is no export"):
        await run(settings, "cancel", str(uuid4()))
    with pytest.raises(SystemExit):
        parsed("export", "profiles", "--where", "department")
    capsys.readouterr()
    await run(settings, "export", "profiles")
    export = capsys.readouterr().out.strip()
    await ended(api, str(UUID(export)))
    with pytest.raises(SystemExit, match="the export is ready"):
        await run(settings, "cancel", export)


def test_whoever_waits_no_longer_sees_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["app", "transfers", "list"])
    monkeypatch.setattr(desk_commands, "serve", interrupt)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == __main__.INTERRUPTED
