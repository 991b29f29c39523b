"""How the command line speaks: help, errors, exit codes and JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from bootstrap.machine.steps import all_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.machine.conftest import Shop


def test_help_teaches(shop: Shop) -> None:
    told = shop.headstart("--help")
    assert told.returncode == 0
    assert all(word in told.stdout for word in ("up", "plan", "doctor", "Exit codes", "--json"))
    assert shop.headstart().stdout == told.stdout


@pytest.mark.parametrize("command", ["up", "plan", "doctor"])
def test_every_command_explains_itself(shop: Shop, command: str) -> None:
    told = shop.headstart(command, "--help")
    assert told.returncode == 0
    assert "--project" in told.stdout


def test_the_version_is_told(shop: Shop) -> None:
    assert shop.headstart("--version").stdout.startswith("headstart 0.")


@pytest.mark.parametrize("arguments", [["upp"], ["up", "--fast"], ["up", "--only"]])
def test_wrong_usage_is_64(shop: Shop, arguments: list[str]) -> None:
    told = shop.headstart(*arguments)
    assert told.returncode == 64
    assert told.stdout == ""
    assert "headstart --help" in told.stderr


def test_wrong_usage_is_json_for_programs(shop: Shop) -> None:
    told = shop.headstart("plan", "--json", "--fast")
    error = json.loads(told.stdout)["error"]
    assert told.returncode == 64
    assert error["exit_code"] == 64
    assert error["what"]
    assert error["next"] == ["headstart --help"]


def test_an_unknown_step_names_the_known_ones(shop: Shop) -> None:
    told = shop.headstart("up", "--only", "coffee")
    assert told.returncode == 64
    assert "python, venv, pip, packages" in told.stderr


def test_doctor_calls_a_step_what_the_plan_calls_it(shop: Shop) -> None:
    said, planned = shop.headstart("doctor").stdout, shop.headstart("plan").stdout
    for line in ("Virtual environment: .venv does not exist", ".env: does not exist yet"):
        assert f"✗ {line}" in said
        assert f". {line}" in planned


@pytest.mark.parametrize("command", ["up", "plan", "doctor"])
def test_outside_a_project_it_is_said_what_to_do(shop: Shop, tmp_path: Path, command: str) -> None:
    told = shop.headstart(command, "--project", str(tmp_path))
    assert told.returncode == 64
    assert "no Headstart project" in told.stderr
    assert "headstart new" in told.stderr


def test_a_plan_is_one_document_and_touches_nothing(shop: Shop) -> None:
    before = sorted(shop.root.rglob("*"))
    document = json.loads(shop.headstart("plan", "--json").stdout)
    assert document["project"] == "shop"
    assert [step["name"] for step in document["steps"]][:2] == ["venv", "packages"]
    assert document["steps"][0].keys() == {"name", "title", "reason", "commands", "usual_seconds"}
    assert sorted(shop.root.rglob("*")) == before


def test_a_plan_shows_commands_to_people(shop: Shop) -> None:
    told = shop.headstart("plan").stdout
    assert "-m virtualenv" in told or "uv venv" in told
    assert "--require-hashes" in told
    assert "\033[" not in told


def test_where_nothing_has_run_the_journal_says_so(shop: Shop) -> None:
    assert shop.headstart("journal").stdout == "`headstart up` has not run here yet.\n"


def test_doctor_names_a_repair_for_each_finding(shop: Shop) -> None:
    told = shop.headstart("doctor", "--json")
    document = json.loads(told.stdout)
    assert told.returncode == 1
    assert not document["healthy"]
    assert all(each["repair"] and each["problem"] for each in document["findings"])


def test_the_project_is_found_from_below(shop: Shop) -> None:
    inside = str(shop.root / "migrate")
    told = shop.headstart("plan", "--project", inside)
    assert told.returncode == 64, "a folder named outright is taken at its word"


def test_a_traceback_is_shown_on_request_only(shop: Shop, tmp_path: Path) -> None:
    quiet = shop.headstart("plan", "--project", str(tmp_path))
    loud = shop.headstart("plan", "--project", str(tmp_path), "--debug")
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr


COMMANDS = (
    *("new", "presets", "versions", "status", "update", "drift", "feature add", "feature remove"),
    *("fleet status", "fleet update", "up", "plan", "doctor", "vendor", "capture", "check"),
    *("journal", "undo", "explain"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reports_offers_json(shop: Shop, command: str) -> None:
    assert "--json" in shop.headstart(*command.split(), "--help").stdout


def test_the_help_of_up_names_every_step(shop: Shop) -> None:
    words = re.findall(r"[\w-]+", shop.headstart("up", "--help").stdout)
    assert {step.name for step in all_steps()} - {"cleanup"} <= set(words)


def test_an_old_name_of_an_option_is_understood_and_hidden(shop: Shop) -> None:
    told = shop.headstart("up", "--help").stdout
    assert "--verify" in told
    assert "--prove" not in told
    refused = shop.headstart("up", "--prove", "--only", "coffee")
    assert "coffee" in refused.stderr, "nothing is said of the option"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_goes_away_is_no_error_of_ours(shop: Shop, form: tuple[str, ...]) -> None:
    process = shop.start("plan", *form)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1
