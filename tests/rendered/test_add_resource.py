"""What `add resource` adds passes every gate of a project, and comes whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import ROOT, rendered, said
from tests.rendered.conftest import on_every_database
from tests.rendered.gates import MIGRATED, PYTEST, run
from tests.rendered.matrix import features_on
from tests.rendered.processes import Backend, of_render
from tests.rendered.servers import engine_of
from tests.rendered.test_postman import Runner, newman, serve  # noqa: F401 - newman is a fixture

pytestmark = pytest.mark.slow

KINDS = ("str", "text", "int", "decimal", "bool", "date", "datetime", "uuid", "email", "json")
UNIQUE = ("str", "int", "decimal", "date", "datetime", "uuid", "email")
# One of each kind, required and not, and the names that are most likely to be in the way.
ALL = (
    *(f"a_{kind}:{kind}" for kind in KINDS),
    *(f"some_{kind}:{kind}?" for kind in KINDS),
    *(f"only_{kind}:{kind}!" for kind in UNIQUE),
    "maybe_code:str?!",
    "date:date",
    "text:text?",
    "price:decimal(7,2)",
    "mood:enum(in progress,1st,größe,a-b,a b)",
    "state:enum(open,closed)?",
    "customer:ref(customer)",
    "parent:ref(self)?",
    "backup:ref(profiles)?!",
)


ALL_OPTIONAL = tuple(f"some_{kind}:{kind}?" for kind in KINDS)


def headstart(shop: Path, *arguments: str, code: int = 0) -> str:
    """Run the command in a project; return all that it said."""
    state = shop.parent / "state"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HEADSTART_STATE_DIR": str(state)}
    return said([sys.executable, "-m", "bootstrap", *arguments], shop, environment, code)


def with_tools(shop: Path, everything: Path) -> Path:
    """The project with the environment of the one with everything."""
    (shop / ".venv").symlink_to(everything / ".venv")
    exclude = shop / ".git/info/exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text(".venv\n*.db*\n")
    return shop


@pytest.fixture
def shop(tmp_path: Path, everything: Path) -> Path:
    return with_tools(rendered(tmp_path, "features=[]"), everything)


def changes(shop: Path) -> list[str]:
    return run(["git", "status", "--porcelain", "--untracked-files=all"], shop).splitlines()


def commit(shop: Path) -> None:
    run(["git", "add", "--all"], shop)
    run(["git", "commit", "--quiet", "--message", "Mine"], shop)


def pass_gates(shop: Path, url: str, *tests: str, is_checked: bool = True) -> None:
    """The project's own check, its migrations both ways, and the tests that are named."""
    if is_checked:
        run(["make", "check"], shop, RUFF_NO_CACHE="true")
    server = {} if url.startswith("sqlite") else {"TEST_DATABASE_URL": url}
    environment = os.environ | {"DATABASE_URL": url} | server
    for program in (("-c", MIGRATED), (*PYTEST, *tests)):
        done = of_render(shop).run(*program, cwd=shop, env=environment, merged=True)
        assert done.returncode == 0, done.stdout


def backend_of(shop: Path, url: str) -> Backend:
    """The project's processes, on a database at its newest revision."""
    environment = os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}
    environment.pop("REDIS_URL", None)
    backend = Backend(shop, url, environment)
    backend.run("-m", "migrate", "upgrade")
    return backend


@pytest.mark.nightly  # small ones are on SQLite each time
@on_every_database
def test_two_resources_of_all_kinds_pass_every_gate(
    tmp_path: Path, everything: Path, database_url: str
) -> None:
    """With every feature, and the second with a job and a reference to the first."""
    kind = sa.make_url(database_url).get_backend_name()
    answers = ("preset=custom", f"database={kind}", f"features=[{', '.join(features_on(kind))}]")
    shop = with_tools(rendered(tmp_path, *answers), everything)
    headstart(shop, "add", "resource", "Customer", "email:email!", "name:str")
    commit(shop)
    headstart(shop, "add", "resource", "UserOrder", *ALL, "--job")
    tests = (
        "tests/modules",
        "tests/postman",
        "tests/test_migrations.py",
        "tests/features/security",
    )
    pass_gates(shop, database_url, *tests, is_checked=kind in {"postgresql", "mysql"})


def test_a_small_resource_in_a_small_project_passes_every_gate(
    shop: Path, database_url: str
) -> None:
    told = json.loads(headstart(shop, "add", "resource", "Äpfel", "--json").splitlines()[-1])
    assert (told["event"], told["table"], told["fields"]) == ("added", "apfels", ["name"])
    assert {line.split()[-1] for line in changes(shop)} == {
        *(each["path"] for each in told["files"]),
        *told["changed"],
    }
    assert told["changed"] == ["app/modules/__init__.py", "migrate/HEAD"]
    assert len(told["revisions"]) == 1
    pass_gates(shop, database_url, "tests/modules", "tests/test_migrations.py")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_resources_whose_rows_are_all_alike_or_named_as_the_tests_own_pass_every_gate(
    shop: Path, database_url: str
) -> None:
    for words in (
        ("flag", "on_off:bool", "kind:enum(a,b)?"),
        ("node", "parent:ref(self)?"),
        ("loan", "flag:ref(flags)"),
        ("thing", "name:str", "--job"),
    ):
        headstart(shop, "add", "resource", *words)
        commit(shop)
    pass_gates(shop, database_url, "tests/modules", "tests/test_promises.py")


@pytest.mark.parametrize(
    "database_url",
    [pytest.param(each, marks=pytest.mark.nightly) for each in ("postgresql", "mariadb")],
    indirect=True,
)
def test_no_input_breaks_a_resource_and_no_name_is_too_long(
    tmp_path: Path, everything: Path, database_url: str
) -> None:
    """Schemathesis sends what the schemas allow, and what they do not."""
    if database_url.startswith("mysql"):  # MariaDB without its defaults has latin1
        with engine_of(database_url).connect() as connection:
            connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4")
    shop = with_tools(rendered(tmp_path, "features=[]"), everything)
    name = "a_thing_of_the_longest_name_so"
    long = (f"{name}:str!", f"b{name[1:]}:ref(self)?", f"c{name[1:]}:enum(a,b)", "d:email!")
    headstart(shop, "add", "resource", name, *long, *ALL_OPTIONAL, "--plural", name, "--job")
    pass_gates(shop, database_url, "tests/modules", "tests/test_migrations.py")
    backend = backend_of(shop, database_url)
    try:
        _, client = backend.start_api()
        # Half a character, a number that is none, and one that no float can be.
        usual = f'"{name}": "a", "c{name[1:]}": "a", "d": "a@example.com"'
        for value in (r'"\ud800"', "NaN", "1e999"):
            body = f'{{{usual}, "some_json": {{"it": {value}}}}}'
            sent = {"content": body, "headers": {"Content-Type": "application/json"}}
            answer = client.post(f"/v1/{name.replace('_', '-')}", **sent)  # type: ignore[arg-type]
            assert answer.status_code == 422, answer.text
            assert ".some_json" in answer.text
        document = str(client.base_url.join("/openapi.json"))
        told = ["--checks", "not_a_server_error,response_schema_conformance", "--no-color"]
        told += ["--include-path-regex", "^/v1/a-thing", "--continue-on-failure", "--seed", "1"]
        command = [sys.executable, "-m", "schemathesis.cli", "run", document, *told]
        environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.rendered.formats"}
        said([*command, "--max-examples", "40"], ROOT, environment)
    finally:
        backend.stop_all()


def test_newman_finds_what_resources_refer_to(
    tmp_path: Path,
    everything: Path,
    newman: Path,  # noqa: F811
) -> None:
    """The collection makes what has to be there first, and deletes it at last."""
    shop = with_tools(rendered(tmp_path, "features=postman"), everything)
    headstart(shop, "add", "resource", "customer", "email:email!", "profile:ref(profiles)")
    commit(shop)
    references = ("customer:ref(customers)", "seller:ref(profiles)", "previous:ref(self)?")
    headstart(shop, "add", "resource", "sales-order", "number:str!", *references, "--job")
    backend = backend_of(shop, f"sqlite:///{tmp_path / 'app.db'}")
    runner = Runner(newman, backend)
    try:
        serve(runner)
        report = runner.run()
    finally:
        backend.stop_all()
    assert report.failed == set()
    assert report.proves_something
    for table in ("profiles", "customers", "sales_orders"):
        assert backend.count(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


def test_a_second_time_is_refused_and_so_are_changes_that_are_not_committed(shop: Path) -> None:
    headstart(shop, "add", "resource", "news")
    before = changes(shop)
    told = headstart(shop, "add", "resource", "article", code=4)
    assert "There are changes that are not committed." in told
    commit(shop)
    told = headstart(shop, "add", "resource", "News", code=4)
    assert "There are news in this project already." in told
    assert before
    assert changes(shop) == []


def test_it_works_without_the_sample_without_git_and_from_a_folder_below(
    shop: Path, database_url: str
) -> None:
    run(["rm", "-r", "app/modules/profiles", "tests/modules"], shop)
    registry = shop / "app/modules/__init__.py"
    registry.write_text(registry.read_text("utf-8").replace('"profiles",', ""), "utf-8")
    settings = {"DATABASE_URL": database_url}
    (revision,) = (shop / "migrate/versions").glob("*0001_*")
    text = revision.read_text("utf-8")
    revision.write_text(text.replace('"profiles"', '"people"').replace("profiles.id", "people.id"))
    run(["rm", "-r", ".git"], shop)
    told = headstart(shop / "docs", "add", "resource", "user-address", "street:str")
    assert "git does not keep this project" in told
    assert (shop / "app/modules/user_addresses/models.py").is_file()
    assert '"user_addresses",)' in registry.read_text("utf-8")
    run([".venv/bin/python", "-m", "pytest", "-q", "tests/modules"], shop, **settings)


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("migrate/env.py", "raise SystemExit('no env')\n", "own autogenerate failed"),
        ("app/settings.py", "raise ImportError('no settings')\n", "does not start"),
    ],
)
def test_where_the_projects_tools_fail_nothing_stays(
    shop: Path, path: str, text: str, why: str
) -> None:
    (shop / path).write_text(text)
    commit(shop)
    assert why in headstart(shop, "add", "resource", "article", code=1)
    assert changes(shop) == []
    assert not (shop / "app/modules/articles").exists()


def test_what_cannot_be_written_to_its_end_is_taken_away(shop: Path) -> None:
    """A file that git ignores is in the way: it is met when half of the rest is there."""
    (shop / "tests/modules/articles").write_text("mine")
    with (shop / ".git/info/exclude").open("a") as exclude:
        exclude.write("tests/modules/articles\n")
    headstart(shop, "add", "resource", "article", code=1)
    assert changes(shop) == []
    assert not (shop / "app/modules/articles").exists()
    assert (shop / "tests/modules/articles").read_text() == "mine"


def test_models_that_no_revision_has_yet_come_first(shop: Path) -> None:
    model = shop / "app/modules/profiles/models.py"
    column = "    nickname: Mapped[str | None] = mapped_column(String(50))\n    created_at"
    model.write_text(model.read_text("utf-8").replace("    created_at", column, 1), "utf-8")
    commit(shop)
    told = headstart(shop, "add", "resource", "article", code=4)
    assert "The models have changes that no revision has yet." in told
    assert "the table profiles" in told
    assert changes(shop) == []


def test_interrupted_at_any_moment_nothing_stays(shop: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HEADSTART_STATE_DIR": str(shop.parent)}
    command = [sys.executable, "-m", "bootstrap", "add", "resource", "article"]
    for seconds in (0.5, 2.0, 4.0):
        process = subprocess.Popen(
            command,
            cwd=shop,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        # Met inside an `exec`, CPython ends by the signal itself: to a shell that is 130 too.
        assert process.returncode in {130, -signal.SIGINT}, told
        assert changes(shop) == []


def test_what_was_added_survives_what_the_template_brings(tmp_path: Path, everything: Path) -> None:
    """An older project is updated first; then a feature comes, whose revision is an older one."""
    headstart(tmp_path, "new", "shop", "--defaults", "--version", "0.7.0")
    shop = with_tools(tmp_path / "shop", everything)
    told = headstart(shop, "add", "resource", "article", "--job", code=4)
    assert "headstart update" in told
    headstart(shop, "update", "--to", "HEAD", "--no-verify")
    headstart(shop, "add", "resource", "article", "title:str", "author:ref(profiles)", "--job")
    commit(shop)
    folders = ("app/modules/articles", "tests/modules/articles", "docs/modules")
    paths = [path for folder in folders for path in (shop / folder).glob("*.*")]
    mine = {path: path.read_bytes() for path in paths}
    headstart(shop, "feature", "add", "operations", "--no-verify")
    assert {path: path.read_bytes() for path in mine} == mine
    pass_gates(
        shop, f"sqlite:///{tmp_path / 'app.db'}", "tests/modules", "tests/test_migrations.py"
    )
