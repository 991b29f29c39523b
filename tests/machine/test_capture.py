"""Pins are read from what is there, and a foreign repository is adopted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap import pyenv
from bootstrap.errors import Refused
from bootstrap.machine import declared
from bootstrap.machine.capture import Captured, capture, write
from bootstrap.machine.toolchain import checked
from tests.conftest import package_index
from tests.machine.conftest import LOCK, PYTHON, Shop


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, on a machine with three Pythons."""
    for version in ("3.9.18", "3.11.7", "3.12.1"):
        python = tmp_path / "pyenv" / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HEADSTART_STATE_DIR", str(tmp_path / "state"))
    root = tmp_path / "Their Shop"
    root.mkdir()
    return root


def captured(root: Path, files: dict[str, str] | None = None, **environ: str) -> Captured:
    for name, text in (files or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    here = {"PYENV_ROOT": os.environ["PYENV_ROOT"], "UV_PYTHON_INSTALL_DIR": "/nowhere"}
    return capture(root, None, here | {"PATH": ""} | environ)


def make_venv(at: Path, version: str, pip: str) -> None:
    (at / "lib" / "python3" / "site-packages" / f"pip-{pip}.dist-info").mkdir(parents=True)
    (at / "pyvenv.cfg").write_text(f"version_info = {version}.final.0\n")


def test_the_working_environment_decides_and_what_contradicts_it_is_shown(foreign: Path) -> None:
    make_venv(foreign / ".venv", "3.9.18", "23.2.1")
    (foreign / "README.md").write_text("![](https://img.shields.io/badge/python-3.11-blue)\n")
    (foreign / "Dockerfile").write_text("FROM --platform=x docker.io/library/python:3.12.1-slim\n")
    found = captured(foreign, {".python-version": "3.11.7\n"})
    assert (found.python, found.pip) == ("3.9.18", "23.2.1")
    told = "\n".join(found.contradictions)
    for each in (".python-version says 3.11.7", "Dockerfile says 3.12.1", "README.md says 3.11"):
        assert each in told


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('[project]\nrequires-python = ">=3.9,<3.12"\n', "3.11.7"),
        ('[tool.poetry.dependencies]\npython = "^3.9"\n', "3.12.1"),
        ('[tool.poetry.dependencies]\npython = "~3.11"\n', "3.11.7"),
        ('[tool.poetry.dependencies]\npython = "3.9.18"\n', "3.9.18"),
        ('[tool.poetry.dependencies]\npython = "~3.9 || ~3.11"\n', "3.11.7"),
        ('[tool.poetry.dependencies]\npython = ">=3.9 <3.12"\n', "3.11.7"),
        ('[project]\nrequires-python = ">=3.14"\n', ""),
    ],
)
def test_a_constraint_is_met_by_the_newest_python_here(
    foreign: Path, written: str, expected: str
) -> None:
    found = captured(foreign, {"pyproject.toml": written})
    assert found.python == expected
    assert ("the exact Python" in "".join(found.unknown)) == (expected in {"3.11.7", "3.12.1"})


def test_where_nothing_names_a_python_that_is_said(foreign: Path) -> None:
    found = captured(foreign, {"requirements.txt": "a\n"})
    assert found.python == "3.12.1"
    assert found.unknown[0] == "which Python: nothing says one; pinned 3.12.1, the newest here"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("setup.cfg", "[options]\npython_requires = >=3.8,<3.12\n", "3.11.7"),
        ("setup.py", "from setuptools import setup\nsetup(python_requires='<3.10')\n", "3.9.18"),
        ("Pipfile", '[requires]\npython_version = "3.11"\n', "3.11.7"),
        ("Pipfile", '[requires]\npython_full_version = "3.11.2"\n', "3.11.2"),
        ("environment.yml", "dependencies: [python=3.11, pip, {pip: [toolz]}]\n", "3.11.7"),
        ("environment.yml", "dependencies: ['conda-forge::python=3.9.*']\n", "3.9.18"),
        ("environment.yml", "dependencies: ['python>=3.9,<3.12']\n", "3.11.7"),
        (".python-version", "3.9\n", "3.9.18"),
        (".tool-versions", "nodejs 20\npython 3.11\n", "3.11.7"),
        ("uv.lock", 'version = 1\nrequires-python = "==3.9.*"\n', "3.9.18"),
        ("Dockerfile", "FROM python:3.11-slim AS base\n", "3.11.7"),
        (".python-version", "cpython-3.9.18\n", "3.9.18"),
        (".python-version", ">=3.9,<3.12\n", "3.11.7"),
        ("README.rst", "First: pyenv install 3.5.2\n", "3.12.1"),
        ("README.md", "pyenv install 3.11.7\n", "3.12.1"),
    ],
)
def test_every_place_that_says_a_python_is_read(
    foreign: Path, name: str, text: str, expected: str
) -> None:
    assert captured(foreign, {name: text}).python == expected


def test_a_series_that_is_not_here_is_found_in_what_can_be_installed(
    foreign: Path, tmp_path: Path
) -> None:
    definitions = tmp_path / "pyenv/plugins/python-build/share/python-build"
    definitions.mkdir(parents=True)
    for name in ("3.14.0", "3.14.4", "3.14-dev", "3.15.0a1", "3.14.4t"):
        (definitions / name).touch()
    found = captured(foreign, {".python-version": "3.14\n"})
    assert found.python == "3.14.4"
    assert "the newest that can be installed" in found.unknown[0]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pyproject.toml", "[project]\nrequires-python = 'banana'\n", 'pyproject.toml:2: "banana"'),
        ("pyproject.toml", "[project]\nrequires-python = 3.11\n", 'pyproject.toml:2: "3.11" must'),
        ("setup.cfg", "[options]\n\npython_requires = three\n", 'setup.cfg:3: "three"'),
        ("Pipfile", "[requires]\npython_version = 3.11\n", 'Pipfile:2: "3.11" must be a text'),
        ("environment.yml", "dependencies:\n- python>=x\n", 'environment.yml:2: ">=x"'),
        ("uv.lock", "requires-python = '?'\n", 'uv.lock:1: "?"'),
        (".python-version", "# ours\nshop-env\n", '.python-version:2: "shop-env" is no version'),
        (".tool-versions", "python system\n", '.tool-versions:1: "system" is no version'),
    ],
)
def test_what_is_said_of_python_and_not_understood_is_told_with_its_place(
    foreign: Path, name: str, text: str, told: str
) -> None:
    found = captured(foreign, {name: text, "requirements.txt": "a\n"})
    assert told in "\n".join(found.contradictions)
    assert found.refused == ""


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {".python-version": "pypy3.10-7.3.15\n"},
            ".python-version:1 says pypy3.10-7.3.15, another",
        ),
        ({".tool-versions": "python miniconda3-4.7\n"}, ".tool-versions:1 says miniconda3-4.7"),
        ({"runtime.txt": "pypy-7.3\n"}, "another Python than CPython"),
        ({".python-version": "3.13.0t\n"}, "final releases of CPython alone"),
        ({".python-version": "3.15-dev\n"}, "final releases of CPython alone"),
        ({".python-version": "2.7.18\n"}, "Headstart sets up Python 3 alone"),
        ({"pyproject.toml": "not toml ["}, "pyproject.toml is no TOML: Expected"),
        ({"uv.lock": "version = \n"}, "uv.lock is no TOML: Invalid value (at line 1"),
        ({"environment.yml": "a: [\n"}, "environment.yml is no YAML"),
        ({"Pipfile.lock": "{"}, "Pipfile.lock is no JSON"),
        ({"setup.cfg": "[options\n"}, "setup.cfg cannot be read"),
        (
            {
                ".python-version": "3.12.1\n",
                "pyproject.toml": "[project]\nname = 'a'\nrequires-python = '>=3.13'\n",
            },
            ".python-version says 3.12.1, and pyproject.toml says >=3.13: no Python is both",
        ),
        (
            {"requirements.txt": "-r more.txt\n", "more.txt": "-c requirements.txt\nb\n"},
            "in a circle: requirements.txt → more.txt → requirements.txt",
        ),
    ],
)
def test_what_cannot_be_brought_up_is_refused_in_true_words(
    foreign: Path, files: dict[str, str], told: str
) -> None:
    found = captured(foreign, {"requirements.txt": "a\n"} | files)
    assert told in found.refused
    with pytest.raises(Refused):
        write(foreign, found)
    assert not (foreign / "toolchain.yml").exists()


def test_what_contradicts_an_environment_that_works_is_only_shown(foreign: Path) -> None:
    make_venv(foreign / ".venv", "3.9.18", "23.2.1")
    files = {".python-version": "pypy3.9\n", "setup.cfg": "[options]\npython_requires = >=3.11\n"}
    found = captured(foreign, files | {"requirements.lock": "a==1 --hash=sha256:0\n"})
    assert (found.python, found.refused) == ("3.9.18", "")
    told = "\n".join(found.contradictions)
    assert "says pypy3.9" in told
    assert "setup.cfg says >=3.11" in told


def test_a_badge_never_beats_what_is_here_and_allowed(foreign: Path) -> None:
    """It may be years old; what is a constraint has the word."""
    badge = {"README.md": "![](https://img.shields.io/badge/python-3.7-blue)\n"}
    alone = captured(foreign, badge | {"requirements.txt": "a\n"})
    assert (alone.python, alone.pip) == ("3.12.1", "26.3")
    assert "only a README says one; pinned 3.12.1, the newest here" in alone.unknown[0]
    (foreign / "requirements.txt").unlink()
    files = {
        "README.md": "![](https://img.shields.io/badge/python-3.9.2-blue)\n",
        "setup.cfg": "[metadata]\nname = it\n[options]\npython_requires = >=3.8\n",
    }
    found = captured(foreign, files)
    assert found.python == "3.12.1"
    assert "README.md says 3.9.2" in found.contradictions[0]


def test_a_shared_environment_keeps_its_place(foreign: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venvs" / "their-shop_3.11.7"
    make_venv(venv, "3.11.7", "24.0")
    found = captured(foreign, VIRTUAL_ENV=str(venv))
    assert found.venv_root == str(tmp_path / "venvs")
    assert "layout: shared" in found.files["toolchain.yml"]


@pytest.mark.parametrize(
    ("files", "installer", "lock", "sources"),
    [
        ({"uv.lock": "version = 1\n"}, "uv", "uv.lock", ()),
        ({"pdm.lock": "", "requirements.txt": "a"}, "pdm", "pdm.lock", ()),
        ({"Pipfile": "", "Pipfile.lock": "{}"}, "pipenv", "Pipfile.lock", ()),
        ({"poetry.lock": ""}, "poetry", "poetry.lock", ()),
        ({"requirements.txt": "a\n"}, "pip", "requirements.lock", ("requirements.txt",)),
        (
            {"requirements/base.txt": "a\n", "requirements/dev.txt": "-r base.txt\nb\n"},
            *("pip", "requirements.lock", ("requirements/dev.txt",)),
        ),
        (
            {"requirements.txt": "a\n", "requirements-dev.txt": "b\n"},
            *("pip", "requirements.lock", ("requirements.txt", "requirements-dev.txt")),
        ),
        ({"setup.cfg": "[metadata]\nname = it\n"}, "pip", "requirements.lock", ("setup.cfg",)),
        ({"setup.py": "setup(name='it')\n"}, "pip", "requirements.lock", ("setup.py",)),
        (
            {"pyproject.toml": "[project]\nname = 'it'\n[build-system]\n"},
            *("pip", "requirements.lock", ("pyproject.toml",)),
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\npython = '>=3.9'\n"},
            *("poetry", "poetry.lock", ("pyproject.toml",)),
        ),
        ({"Pipfile": ""}, "pipenv", "Pipfile.lock", ("Pipfile",)),
        ({"requirements.lock": "a==1 --hash=sha256:0\n"}, "pip", "requirements.lock", ()),
        (
            {"requirements.lock": "a==1\n"},
            *("pip", "headstart-requirements.lock", ("requirements.lock",)),
        ),
    ],
)
def test_every_form_is_known_with_its_tool(
    foreign: Path, files: dict[str, str], installer: str, lock: str, sources: tuple[str, ...]
) -> None:
    found = captured(foreign, files)
    assert (found.installer, found.lock, found.refused) == (installer, lock, "")
    assert (found.locks.sources if found.locks else ()) == sources


def test_packages_of_conda_are_refused_in_true_words(foreign: Path) -> None:
    listed = "dependencies: [python=3.11, numpy, 'scipy>=1', pip]\n"
    with pytest.raises(Refused) as refused:
        write(foreign, captured(foreign, {"environment.yml": listed}))
    assert "conda (numpy, scipy>=1)" in refused.value.why[0]
    assert "micromamba create --file environment.yml" in refused.value.why[0]


def test_what_an_environment_has_for_pip_is_locked(foreign: Path) -> None:
    listed = "dependencies:\n- python=3.11\n- pip=24.0\n- pip:\n  - toolz>=0.12\n"
    found = captured(foreign, {"environment.yml": listed})
    assert found.locks
    assert (found.python, found.locks.lines) == ("3.11.7", ("toolz>=0.12",))
    assert found.pip == "24.0"
    ranged = captured(foreign, {"environment.yml": listed.replace("pip=24.0", "pip>=23")})
    assert "environment.yml says pip >=23; pinned the newest" in "\n".join(ranged.unknown)
    assert "sources: [environment.yml]" in found.files["toolchain.yml"]


def test_groups_that_only_their_tool_knows_are_wanted_too(foreign: Path) -> None:
    project = (
        "[project]\nname = 'it'\ndependencies = ['toolz']\n[dependency-groups]\ndocs = ['a']\n"
        "[tool.pdm.dev-dependencies]\ntest = ['b', '-e file:///${PROJECT_ROOT}/sub#egg=c']\n"
        "[tool.uv]\ndev-dependencies = ['d>=1']\n"
    )
    found = captured(foreign, {"pyproject.toml": project})
    assert found.locks
    assert (found.locks.groups, found.locks.hashed) == (("test", "dev"), False)
    assert "  groups: [test, dev]\n" in found.files["toolchain.yml"]
    asked = declared.requirements(foreign / "pyproject.toml", (), ("test", "dev"))
    assert asked == ("toolz", "b", "-e ./sub", "d>=1")


def test_a_backend_in_a_folder_is_named(foreign: Path) -> None:
    files = {"backend/uv.lock": "version = 1\n", "frontend/package.json": "{}"}
    with pytest.raises(Refused) as refused:
        write(foreign, captured(foreign, files))
    assert "headstart capture --project backend" in refused.value.why[0]
    assert captured(foreign / "backend").lock == "uv.lock"


def test_what_is_no_repository_is_said_in_true_words(foreign: Path) -> None:
    with pytest.raises(Refused) as refused:
        write(foreign, captured(foreign))
    assert refused.value.why == ("there is no lock, no list of requirements and no package here",)
    assert list(foreign.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"poetry.lock": "# generated by Poetry 1.8.3 and\n"}, "1.8.3"),
        (
            {
                "poetry.lock": "# generated by Poetry 1.8.3\n",
                "Dockerfile": "ENV POETRY_VERSION=2.1.4\n",
            },
            "2.1.4",
        ),
        ({"poetry.lock": "", "Dockerfile": "RUN pip install 'poetry==1.8.5' wheel\n"}, "1.8.5"),
        (
            {"uv.lock": "", "Dockerfile": "COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin\n"},
            "0.5.11",
        ),
        ({"pdm.lock": "", "Dockerfile": "RUN pip install pdm==2.20.1\n"}, "2.20.1"),
    ],
)
def test_the_exact_version_of_the_tool_is_pinned(
    foreign: Path, files: dict[str, str], version: str
) -> None:
    found = captured(foreign, files)
    assert f'  version: "{version}"\n' in found.files["toolchain.yml"]


COMPOSE = """\
services:
  db:
    image: docker.io/library/mysql:8
    ports: ["3307:3306"]
    environment: {MYSQL_DATABASE: shop, MYSQL_ROOT_PASSWORD: "${PW:-secret}"}
  store:
    image: postgres:16-alpine
    ports: ["127.0.0.1:${PG:-5544}:5432"]
    environment: [POSTGRES_USER=me, POSTGRES_PASSWORD=pw]
  cache: {image: redis, ports: ["6379"]}
  hidden: {image: "mariadb:11"}
  web: {build: ., ports: ["8000:8000"]}
"""


def test_services_of_compose_and_of_the_example_are_pinned(foreign: Path) -> None:
    files = {
        "compose.yml": COMPOSE,
        ".env.example": "CACHE=redis://localhost:6380/1\nDB=mysql+pymysql://u:p@db:3306/x\n",
        "requirements.txt": "a\n",
    }
    pinned = captured(foreign, files).files["toolchain.yml"]
    assert "  - mysql://root:secret@127.0.0.1:3307/shop\n" in pinned
    assert "  - postgresql://me:pw@127.0.0.1:5544/me\n" in pinned
    assert "  - redis://localhost:6380/1\n" in pinned
    assert pinned.count("://") == 3
    assert "  example: .env.example\n" in pinned
    assert isinstance(checked(pinned), dict)


def test_migrations_and_tests_are_pinned(foreign: Path) -> None:
    files = {
        "alembic.ini": "[alembic]\nscript_location = %(here)s/db/migrations\n",
        "db/migrations/versions/1.py": "",
        "tests/test_it.py": "",
        "requirements-dev.txt": "pytest\n",
    }
    pinned = captured(foreign, files).files["toolchain.yml"]
    assert "  versions: db/migrations/versions\n" in pinned
    assert "  command: python -m alembic upgrade head\n" in pinned
    assert "pytest --collect-only" in pinned


def test_a_toolchain_of_yours_is_not_replaced(foreign: Path) -> None:
    found = captured(foreign, {".python-version": "3.11.7", "requirements.txt": "a==1\n"})
    (foreign / "toolchain.yml").write_text("mine\n")
    with pytest.raises(Refused):
        write(foreign, found)
    assert (foreign / "toolchain.yml").read_text() == "mine\n"


@pytest.mark.slow
def test_a_pip_repository_is_adopted(shop: Shop) -> None:
    for name in ("toolchain.yml", "requirements-dev.lock", ".env.example"):
        (shop.root / name).unlink()
    shutil.rmtree(shop.root / "migrate")
    locked = [line.split()[0] for line in LOCK.read_text().splitlines() if line[:1].isalpha()]
    (shop.root / "requirements.txt").write_text("\n".join([*locked, "pytest", ""]))
    (shop.root / "tests").mkdir()
    (shop.root / "tests" / "test_it.py").write_text("import pluggy\ndef test_it(): pass\n")
    done = shop.headstart("capture", "--write", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(json.loads(done.stdout)["written"]) == {"toolchain.yml", "requirements.lock"}
    shop.up()
    tests = [str(shop.root / ".venv/bin/python"), "-m", "pytest", "-q", "tests"]
    subprocess.run(tests, cwd=shop.root, check=True)
    assert json.loads(shop.headstart("up", "--json").stdout)["outcome"] == "nothing-to-do"
    assert json.loads(shop.headstart("capture", "--json").stdout)["unknown"] != []


@pytest.mark.slow
@pytest.mark.xdist_group("poetry")
def test_a_poetry_repository_is_adopted(shop: Shop, poetry: Path) -> None:
    for name in ("toolchain.yml", "requirements-dev.lock", ".env.example", ".python-version"):
        (shop.root / name).unlink()
    shutil.rmtree(shop.root / "migrate")
    (shop.root / "shop").mkdir()
    (shop.root / "shop" / "__init__.py").write_text("import pluggy\n")
    (shop.root / "README.md").write_text("")
    (shop.root / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "shop"\nversion = "1"\ndescription = ""\nauthors = []\n'
        f'[tool.poetry.dependencies]\npython = "~{PYTHON.rpartition(".")[0]}"\npluggy = "*"\n'
        f'[[tool.poetry.source]]\nname = "simple"\nurl = "{package_index()}"\n'
    )
    off = os.environ | {"POETRY_VIRTUALENVS_CREATE": "false"}
    subprocess.run([poetry, "lock", "--no-interaction"], cwd=shop.root, env=off, check=True)
    path = os.pathsep.join((str(poetry.parent), os.environ["PATH"]))
    done = shop.headstart("capture", "--write", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["installer"] == "poetry"
    here = pyenv.final_versions(pyenv.root(os.environ))
    assert (shop.root / ".python-version").read_text().strip() in here
    done = shop.headstart("up", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    own = [str(shop.root / ".venv/bin/python"), "-c", "import shop"]
    subprocess.run(own, cwd="/", check=True)
