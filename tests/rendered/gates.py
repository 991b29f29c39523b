"""The gates of a render: what is true of every one, whatever was answered.

The cheap ones take no environment of the render's own: all run in that of the render with
everything, with mypy's cache shared, so that a render costs what is new in it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bootstrap.project.locks import GROUPS
from tests.conftest import ROOT
from tests.rendered.processes import of_render

TEMPLATE = ROOT / "template"
# Types of packages are looked up once, not for each render; workers do not write at once.
TYPES = ROOT / ".build/mypy" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
# What tools call their caches is the same for all, and locks have tests of their own.
NOT_SEARCHED = {".copier-answers.yml", ".gitignore", "constraints.txt"}.union(GROUPS)
# What would betray a feature where it was not chosen: in a file's name or its text.
TRACES = {
    "operations": r"(features|docs).operations|\(operations\.md|\bcron|worker_health|job_runners|"
    r"app jobs|the worker answers /livez",
    "idempotency": r"idempoten",
    "telemetry": r"telemetry|prometheus|otel|(?<!/)\bmetrics(?!:$)",
    "cache": r"(features|docs).cache|\(cache\.md|cache_(entries|timeout|pause)",
    "github": r"workflows.check|github actions",
    "postman": r"postman|newman|http_client|^  files:$|host and port in \.env",
    "ecr": r"(docs|deploy).ecr\b|\(ecr\.md|\baws |image\.yml",
    "rundeck": r"rundeck",
    "gateway": r"(commands|app|tests|docs).gateway\b|\(gateway\.md|app gateway",
    "gitops": r"gitops|argocd|keda",
    "pre_commit": r"pre.commit|detect.secrets|hooks\.mk|revisions and secrets",
    "pycharm": r"pycharm|\.run/|\.idea|\| python interpreter|/bin/python`\.$",
    "safe_migrations": r"migrate.kit\b|\btests.migrate\b|backfill|pause-workers|are journaled|"
    r"sqlglot|alembic.postgresql.enum|\$\(python\) -m migrate lint$",
    "vscode": r"vscode|vs code|recommended extensions",
    "security": r"jwks_(url|keep)|auth_required|rate_limit|\bhs_|profiles:read|"
    r"(features|docs).security|\(security\.md|(commands.|_)clients\.py|token_(issuer|audience)",
    "notifications": r"notif(?!y_(cancel|all))|smtp|app.mails|phonenumbers|jinja2|email-validator>|"
    r"mailpit|^  mail:|mail_(page_)?port|the mail that it is sent|mail is written into",
    "webhooks": r"webhook(?!s\", \"json)",  # which OpenAPI has too
    "keys": r"(features|docs|commands|tests).keys\b|\(keys\.md|master_key|crypto_keys|app keys|"
    r"cryptography>=",
    "transfers": r"transfers|_(ex|im)ports\.py|openpyxl|xlsxwriter|defusedxml|et-xmlfile|"
    r"charset-normalizer>=",
    "statistics": r"(features|docs|commands|tests).statistics\b|\(statistics\.md|"
    r"statistics_|app statistics|\d_statistics\.py",
    "periods": r"(features|docs|commands|tests).periods\b|\(periods\.md|period_|app periods|"
    r"\d_periods\.py",
    "framework_tests": r"tests.core\b",
    "agents": r"agents\.md",
    "devcontainer": r"devcontainer|post-create|container to develop in",
    # an answer, and no feature
    "workflow": r"(?<!/)\bworkflow\b|docs.workflow|\(workflow\.md|\.githooks|codeowners|"
    r"pull_request_template|workflows.rules|commit-msg|pre-push|make --silent|conventional|"
    r"id: (message|names)$|names of branches|\bmain(,| or) develop\b",
}
# What several bring, each of them, and none of the others.
TRACES_OF_ANY = {
    ("container", "ecr", "gitops"): (
        r"(?<!\")docker(file|ignore)|\$\(docker\)|^docker \?=|\bimage check\b|^image:|"
        r"version=\$\$|revision=\$\$|compose\.app|app.probe|test_probe|container\.md"
    ),
    ("safe_migrations", "pre_commit"): (
        r"\bimports revisions\b|^revisions:|\$\(python\) -m migrate check$"
    ),
    ("pycharm", "vscode"): r"^ide:",
    ("pycharm", "vscode", "devcontainer"): r"^## in an ide",
    (
        "operations",
        "idempotency",
        "telemetry",
        "cache",
        "security",
        "notifications",
        "webhooks",
        "keys",
        "transfers",
        "statistics",
        "periods",
    ): r"^tests.features\b",
    ("security", "idempotency"): r"core.endpoints\b",
    ("security", "webhooks"): r"core.jwks\b",
    ("security", "webhooks", "keys"): r"joserfc",
    ("webhooks", "keys"): r"core.sealing\b",
    ("notifications", "transfers"): r"\bbotocore|jmespath|dateutil",
    ("transfers", "periods"): r"core.(snapshots|parquet)\b|pyarrow",
    ("statistics", "periods"): r"business_(day|time_zone)",
    (
        "idempotency",
        "notifications",
        "webhooks",
        "keys",
        "statistics",
        "transfers",
    ): r"core.inserting\b",
    ("idempotency", "webhooks", "transfers"): r"core.pruning\b",
    ("notifications", "webhooks"): r"core.asking\b",
    ("operations", "notifications", "webhooks"): r"core.arguments\b",
    ("operations", "framework_tests"): r"\btests.blocking_jobs\b",
    (
        "telemetry",
        "notifications",
        "webhooks",
        "keys",
        "framework_tests",
    ): r"\btests.claiming\b",
    ("operations", "telemetry", "framework_tests"): r"\btests.unreachable\b",
}
# Some keys are for webhooks, whoever sends those, and statistics have a backfill as migrations do;
# a process that a test starts beside another wants the same master key, where there is one.
FILES_OF = {
    "keys": re.compile(r"tests/features/telemetry/test_tracing\.py"),
    # An editor's name for what it installs there, and the file's own name.
    "vscode": re.compile(r"\.devcontainer/"),
    "container": re.compile(r"\.devcontainer/"),
    "webhooks": re.compile(r"(app/features|app/commands|tests/features|docs)/keys\b"),
    "safe_migrations": re.compile(r"(app/features|app/commands|tests/features|docs)/statistics\b"),
}
# Lines that features add and that tell nothing: the newest revision, which migrations are held to,
# and the beginning of a contract whose other lines tell.
NO_TRACES = re.compile(r"\d{4}|source_modules = .*|[\s\]\[{}(),]*")
# What is told in two ways, with a slice and without it, from the first line to the last.
TWO_FORMS = {"docs/migrations.md"}
JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")  # ${{ }} is GitHub's
# What only looks like it, braces that an f-string doubles, and what a test writes a template of.
NO_JINJA = {
    "app/features/security/keys.py": re.compile(r"\{\{0,8\}\}|\{\{43\}\}"),
    "tests/features/notifications/test_mail.py": re.compile(r"\{% print \w+ %\}"),
}
# Up, compared, all the way down and up again: by Alembic's own commands, in one process.
MIGRATED = """
from alembic.config import main
for command in ("upgrade head", "check", "downgrade base", "upgrade head", "check"):
    main(argv=command.split())
"""
IMPORTED = """
import importlib, pkgutil, app
for each in pkgutil.walk_packages(app.__path__, "app."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
"""


# The tests of a render, in a process that has imported a plug-in's package before pytest came.
PYTEST = ("-m", "pytest", "-q", "-W", "ignore:Module already imported:pytest.PytestWarning")


def run(command: list[str], directory: Path, **settings: str) -> str:
    """Run a command and return what it printed; fail with all of it."""
    done = subprocess.run(
        command,
        cwd=directory,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=os.environ | {"COLUMNS": "100", "MYPY_CACHE_DIR": str(TYPES)} | settings,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def files(project: Path) -> list[Path]:
    """The project's own files: what its first commit holds."""
    return [project / name for name in run(["git", "ls-files"], project).splitlines()]


def traces(shop: Path, *features: str) -> list[str]:
    """The lines with a trace of one of these features."""
    if not features:
        return []
    found = []
    for path in files(shop):
        name = os.fspath(path.relative_to(shop))
        if name not in NOT_SEARCHED:
            own = [each for each in features if each in FILES_OF and FILES_OF[each].match(name)]
            pattern = pattern_of(*(each for each in features if each not in own))
            lines = [name, *path.read_text("utf-8").splitlines()]
            found += [f"{name}: {line}" for line in lines if pattern.search(line)]
    return found


@cache
def pattern_of(*features: str) -> re.Pattern[str]:
    """What is in no line of a project that has none of these features."""
    of_any = [told for group, told in TRACES_OF_ANY.items() if set(group) <= set(features)]
    alone = [TRACES[feature] for feature in features if feature in TRACES]
    return re.compile("|".join([*alone, *of_any]) or r"(?!)", re.IGNORECASE)


def untraceable(minimal: Path, shop: Path, *features: str) -> list[str]:
    """Lines that these features add to files that are always there, and no pattern would find."""
    pattern = pattern_of(*features)
    found = []
    for name in sorted(names(minimal) & names(shop) - NOT_SEARCHED - TWO_FORMS):
        before = set((minimal / name).read_text("utf-8").splitlines())
        added = [
            line for line in (shop / name).read_text("utf-8").splitlines() if line not in before
        ]
        told = (line for line in added if not pattern.search(line))
        found += [f"{name}: {line}" for line in told if not NO_TRACES.fullmatch(line)]
    return found


def names(shop: Path) -> set[str]:
    """The names of the project's own files."""
    return {os.fspath(path.relative_to(shop)) for path in files(shop)}


def residue(shop: Path) -> list[str]:
    """What a template leaves behind: empty files, Jinja, the place it was rendered from."""
    found = []
    for name in sorted(names(shop)):
        text = (shop / name).read_text("utf-8")
        own = NO_JINJA[name].sub("", text) if name in NO_JINJA else text
        wrong = {
            "is empty": Path(name).name != "__init__.py" and not text.strip(),
            "still has Jinja in it": JINJA.search(own) or JINJA.search(name),
            "knows where it was rendered": str(ROOT) in text,
        }
        found += [f"{name} {what}" for what, is_so in wrong.items() if is_so]
    return found


def spelled_alike(shop: Path) -> list[str]:
    """Names that a Mac takes for one another: capitals differ, or how accents are made."""
    relative = (str(path.relative_to(shop)) for path in files(shop))
    spelled = [unicodedata.normalize("NFC", name).casefold() for name in relative]
    return [name for name, count in Counter(spelled).items() if count > 1]


def settings_shown(shop: Path) -> list[str]:
    """The settings that the example shows."""
    example = (shop / ".env.example").read_text("utf-8")
    return re.findall(r"^(?:# )?([A-Z_]+)=", example, flags=re.MULTILINE)


def settings_missing(shop: Path) -> list[str]:
    """Those of them that do not exist."""
    sources = "".join(path.read_text("utf-8") for path in shop.glob("app/**/settings.py"))
    compose = shop / "compose.yaml"
    composed = compose.read_text("utf-8") if compose.exists() else ""
    return [
        name
        for name in settings_shown(shop)
        if f"    {name.lower()}:" not in sources and f"${{{name}:-" not in composed
    ]


def documents_mistaken(shop: Path) -> set[str]:
    """Documents that the README names and that are not there, and the other way round."""
    named = set(re.findall(r"docs/[\w-]+\.md", (shop / "README.md").read_text("utf-8")))
    return named ^ {f"docs/{path.name}" for path in (shop / "docs").iterdir()}


def undeclared(shop: Path, everything: Path) -> set[str]:
    """Packages that the project's code imports, and its own pyproject.toml does not ask for."""
    project = tomllib.loads((shop / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    known = distributions(everything)
    imported = {name for path in sources(shop) for name in imports(path)} & known.keys()
    return {name for name in imported if not known[name] & (asked | INDIRECT)}


# Imported, and brought by what is asked for: FastAPI, Dramatiq, Pydantic.
INDIRECT = {"anyio", "pydantic-core", "redis", "starlette"}


def sources(shop: Path) -> Iterator[Path]:
    """The code that runs in production."""
    for folder in ("app", "migrate"):
        yield from (shop / folder).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    """The top-level names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def distributions(everything: Path) -> dict[str, set[str]]:
    """Which packages bring an import name, as the environment with everything has them."""
    program = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    told: dict[str, list[str]] = json.loads(
        of_render(everything).run("-c", program, cwd=everything, env=os.environ).stdout
    )
    return {name: {canonicalize_name(each) for each in brought} for name, brought in told.items()}


def pass_cheap_gates(shop: Path, everything: Path) -> None:
    """Lint, format, types, contracts; migrations on SQLite; every import; tests are collected."""
    assert residue(shop) == []
    assert spelled_alike(shop) == []
    assert settings_missing(shop) == []
    assert documents_mistaken(shop) == set()
    assert undeclared(shop, everything) == set()
    venv = f"VENV={everything / '.venv'}"
    # Secrets are looked for in a render of each database, not in every row.
    caches = {"RUFF_NO_CACHE": "true", "BLACK_CACHE_DIR": str(shop.parent / "black")}
    run(["make", "check", "SINCE=HEAD", venv], shop, **caches)
    settings = {"DATABASE_URL": f"sqlite:///{shop / 'gate.db'}", "LOG_LEVEL": "WARNING"}
    for program in (["-c", MIGRATED], ["-c", IMPORTED], [*PYTEST, "--collect-only"]):
        environment = os.environ | settings
        done = of_render(everything).run(*program, cwd=shop, env=environment, merged=True)
        assert done.returncode == 0, done.stdout
