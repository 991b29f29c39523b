"""What follows a rename: imports in the files of both sides, and the codemods of a release."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.project import releases, template
from bootstrap.project.codemods import (
    DATA,
    ArgumentRename,
    Codemod,
    ModuleRename,
    NameRename,
    SettingRename,
    codemods_between,
    parsed_codemods,
    transformed,
)
from bootstrap.project.questions import load
from tests.lifecycle.conftest import Package, commit, write
from tests.lifecycle.test_broken_imports import ONE, TEXT, both
from tests.lifecycle.test_every_version import new
from tests.project.conftest import REPOSITORY, git, headstart

MAIN = str(ONE["app/main.py"])
MOVED = ModuleRename("app.core.text", "app.web.words")
NEAR = ModuleRename("app.core.text", "app.core.words")
NAME = NameRename("app.core.text.plain", "app.core.text.simple")
FAR = NameRename("app.core.text.plain", "app.web.words.plain")
SETTING = SettingRename("page_limit", "page_size")
ARGUMENT = ArgumentRename("app.core.text.plain", "limit", "size")


@pytest.mark.parametrize(
    ("codemod", "before", "after"),
    [
        (MOVED, "import app.core.text\n", "import app.web.words\n"),
        (MOVED, "import os, app.core.text as t\n", "import os, app.web.words as t\n"),
        (
            MOVED,
            "from app.core.text import (\n    plain,  # é\n    loud as l,\n)\n",
            "from app.web.words import (\n    plain,  # é\n    loud as l,\n)\n",
        ),
        (
            MOVED,
            "from app.core import clock, text  # both\n",
            "from app.core import clock  # both\nfrom app.web import words as text\n",
        ),
        (NEAR, "from app.core import clock, text\n", "from app.core import clock, words as text\n"),
        (NEAR, "from app.core import text, words\n", "from app.core import words as text, words\n"),
        (NEAR, "from .text import plain\r\nx = 1\r\n", "from .words import plain\r\nx = 1\r\n"),
        (MOVED, "from .text import plain\n", "from app.web.words import plain\n"),
        (NEAR, "from . import text as t\n", "from . import words as t\n"),
        (
            NEAR,
            "def f():\n\tfrom app.core import text\n",
            "def f():\n\tfrom app.core import words as text\n",
        ),
        (
            MOVED,
            "import app.core.text\napp.core.text.plain(app.core.clock)\n",
            "import app.web.words\napp.web.words.plain(app.core.clock)\n",
        ),
        (MOVED, "import_module('app.core.text')\n", "import_module('app.web.words')\n"),
        (MOVED, "m.setattr('app.core.text.plain', 1)\n", "m.setattr('app.web.words.plain', 1)\n"),
        (MOVED, "x = 'app.core.text'  # app.core.text\n", "x = 'app.core.text'  # app.core.text\n"),
        (MOVED, "import app.core.texts\ntext = 1\n", "import app.core.texts\ntext = 1\n"),
        (MOVED, "from app.core.text import (\n", "from app.core.text import (\n"),
        (
            ModuleRename("app", "shop"),
            "import app\nimport app.x\nfrom app import y\napp.x()\n",
            "import shop\nimport shop.x\nfrom shop import y\nshop.x()\n",
        ),
        (
            NAME,
            "from app.core.text import plain, loud\nplain(loud)\n",
            "from app.core.text import simple, loud\nsimple(loud)\n",
        ),
        (
            NAME,
            "from app.core.text import plain\nsimple = 1\nplain()\n",
            "from app.core.text import simple as plain\nsimple = 1\nplain()\n",
        ),
        (
            NAME,
            "from app.core import text as t\nt.plain()\nx.plain()\n",
            "from app.core import text as t\nt.simple()\nx.plain()\n",
        ),
        (
            FAR,
            "from app.core.text import (\n    loud,\n    plain,\n)\n",
            "from app.core.text import (\n    loud,\n)\nfrom app.web.words import plain\n",
        ),
        (
            FAR,
            "from app.core.text import plain as p\np()\n",
            "from app.web.words import plain as p\np()\n",
        ),
        (
            FAR,
            "from app.core import text\ntext.plain()\n",
            "from app.core import text\ntext.plain()\n",
        ),
        (NAME, "def plain(): ...\nplain()\n", "def plain(): ...\nplain()\n"),
        (SETTING, "settings.page_limit\nx.page_limit\n", "settings.page_size\nx.page_limit\n"),
        (
            SETTING,
            "Settings(page_limit=1)\nf(page_limit=1)\n",
            "Settings(page_size=1)\nf(page_limit=1)\n",
        ),
        (
            SETTING,
            "m.setenv('PAGE_LIMIT', '1')\nos.environ['PAGE_LIMIT']\n",
            "m.setenv('PAGE_SIZE', '1')\nos.environ['PAGE_SIZE']\n",
        ),
        (
            ARGUMENT,
            "from app.core.text import plain as p\np(limit=1)\nq(limit=1)\n",
            "from app.core.text import plain as p\np(size=1)\nq(limit=1)\n",
        ),
    ],
)
def test_a_codemod_changes_what_it_is_about_and_nothing_else(
    codemod: Codemod, before: str, after: str
) -> None:
    assert transformed("app/core/mine.py", before, [codemod]) == after
    assert transformed("app/core/mine.py", after, [codemod]) == after, "once is enough"


MODULES = st.sampled_from(
    ["app", "app.core", "app.core.text", "app.core.clock", "app.web", "other"]
)
LINES = st.builds(
    lambda kind, module, name: {
        "import": f"import {module}",
        "as": f"import {module} as a_{name}",
        "from": f"from {module} import {name}, {name}_two as b",
        "use": f"{module}.{name}(1)",
        "relative": f"from . import {name}",
        "string": f"patch('{module}.{name}')",
        "comment": f"# {module}",
    }[kind],
    st.sampled_from(["import", "as", "from", "use", "relative", "string", "comment"]),
    MODULES,
    st.sampled_from(["text", "core", "clock", "x"]),
)
RENAMES = st.builds(
    ModuleRename,
    MODULES,
    st.sampled_from(["app.words", "shop", "shop.core.words", "app.core.words"]),
)


@given(st.lists(LINES, max_size=8), RENAMES)
def test_it_is_idempotent_and_stays_valid(lines: list[str], codemod: ModuleRename) -> None:
    lines.sort(key=lambda line: "import" not in line)  # a name is imported before it is used
    text = "".join(f"{line}\n" for line in lines)
    once = transformed("app/core/mine.py", text, [codemod])
    assert transformed("app/core/mine.py", once, [codemod]) == once
    ast.parse(once)
    assert [line for line in once.splitlines() if line.startswith("#")] == [
        line for line in lines if line.startswith("#")
    ]
    if codemod.old.rpartition(".")[2] not in text:
        assert once == text


def test_codemods_are_those_of_the_releases_between(tmp_path: Path) -> None:
    data = tmp_path / "codemods.yml"
    data.write_text(
        "0.10.0:\n- setting: {old: c, new: d}\n0.2.0:\n- module: {old: a, new: b}\n"
        "- name: {old: m.x, new: m.y}\n- argument: {function: f, old: x, new: y}\n"
    )
    two = (ModuleRename("a", "b"), NameRename("m.x", "m.y"), ArgumentRename("f", "x", "y"))
    ten = (SettingRename("c", "d"),)
    assert codemods_between("v0.1.0", "v0.2.0", data) == two
    assert codemods_between("v0.1.0", "v0.10.0", data) == (*two, *ten)
    assert codemods_between("v0.2.0", "1fce894", data) == ten, "a checkout is newer than all"
    assert codemods_between("1fce894", "98e23c9", data) == ()
    assert codemods_between("v0.10.0", "v0.10.0", data) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- a\n", "it must map versions to lists"),
        ("soon: []\n", "soon: a version has a list"),
        ("0.1.0: x\n", "0.1.0: a version has a list"),
        ("0.1.0: [x]\n", "is none of module, name, setting, argument"),
        ("0.1.0:\n- module: {old: a}\n", "module has new, old, which are texts"),
        ("0.1.0:\n- setting: {old: a, new: 1}\n", "setting has new, old, which are texts"),
    ],
)
def test_the_data_is_checked(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed_codemods(text)


@pytest.fixture
def shop(package: Package, tmp_path: Path) -> Path:
    """A project of 1.0.0."""

    def make(package: Package, shop: Path) -> None:
        package.release("1.0.0", ONE)
        package.new(shop, "1.0.0")

    return package.begun(tmp_path / "shop", make)


def test_the_template_s_imports_follow_your_rename(package: Package, shop: Path) -> None:
    git("mv", "app/core/text.py", "app/core/words.py", cwd=shop)
    write(shop / "app/main.py", MAIN.replace("core.text", "core.words"))
    commit(shop)
    new = '"""New."""\n\nfrom app.core.text import loud  # loudly\n\nloud()\n'
    package.release("2.0.0", {"app/new.py": new})
    told = package.told("update", "--preview", cwd=shop)
    (outcome,) = [each for each in told["files"] if each["path"] == "app/new.py"]
    assert outcome["outcome"] == "new"
    assert outcome["reason"] == "its import of app.core.text follows your rename to app.core.words"
    assert (
        "+from app.core.words import loud"
        in package.headstart("update", "--diff", "app/new.py", cwd=shop).stdout
    )
    assert both(package, shop)[0] == []
    assert (shop / "app/new.py").read_text() == new.replace("core.text", "core.words")
    assert package.told("update", cwd=shop)["applied"] is False


def test_a_renamed_package_has_no_conflict_about_its_name(package: Package, shop: Path) -> None:
    """Both sides change the imports of one file; a new module is in the package that has moved."""
    git("mv", "app", "shop", cwd=shop)
    for path in ("shop/main.py", "shop/core/__init__.py"):
        write(shop / path, (shop / path).read_text().replace("app.", "shop."))
    commit(shop)
    main = MAIN.replace("import plain\n", "import plain\nfrom app.extra.deep import deep\n")
    package.release(
        "2.0.0",
        {"app/main.py": main, "app/extra/deep.py": "from app.core import text\ndeep = text\n"},
    )
    told = package.told("update", "--preview", cwd=shop)
    reasons = {each["path"]: each["reason"] for each in told["files"]}
    assert reasons["shop/extra/deep.py"] == (
        "it is in the folder that you moved, "
        "its import of app.core follows your rename to shop.core"
    )
    assert both(package, shop)[0] == []
    assert (shop / "shop/main.py").read_text() == main.replace("app.", "shop.")
    assert (shop / "shop/extra/deep.py").read_text() == "from shop.core import text\ndeep = text\n"
    assert not (shop / "app").exists()
    assert git("status", "--porcelain", cwd=shop) == ""
    assert package.told("update", cwd=shop)["applied"] is False
    package.release("3.0.0", {"app/extra/deep.py": "from app.core import text\ndeep = text.loud\n"})
    package.told("update", cwd=shop)
    assert (
        shop / "shop/extra/deep.py"
    ).read_text() == "from shop.core import text\ndeep = text.loud\n"


def test_a_module_that_is_still_there_was_not_renamed(package: Package, shop: Path) -> None:
    """It became a package of its name, or one that has it from elsewhere."""
    (shop / "app/core/text").mkdir()
    git("mv", "app/core/text.py", "app/core/text/plain.py", cwd=shop)
    write(shop / "app/core/text/__init__.py", "from app.core.text.plain import loud, plain\n")
    commit(shop)
    new = "from app.core.text import loud\n"
    package.release("2.0.0", {"app/new.py": new})
    assert both(package, shop)[0] == []
    assert (shop / "app/new.py").read_text() == new


def test_your_imports_follow_the_template_s_rename(package: Package, shop: Path) -> None:
    mine = "import app.core.text\n\nfrom app.core.text import plain\n\napp.core.text.loud()\n"
    write(shop / "app/mine.py", mine)
    write(
        shop / "app/main.py",
        f"{MAIN}\n\ndef more():\n    from app.core import text\n",
    )
    commit(shop)
    files = {"app/core/text.py": None, "app/core/words.py": TEXT}
    package.release(
        "2.0.0",
        {**files, "app/main.py": MAIN.replace("core.text", "core.words")},
    )
    told = package.told("update", "--preview", cwd=shop)
    reasons = {each["path"]: each["reason"] for each in told["files"]}
    assert (
        reasons["app/mine.py"]
        == "your import of app.core.text follows its rename to app.core.words"
    )
    assert both(package, shop)[0] == []
    assert (shop / "app/mine.py").read_text() == mine.replace("core.text", "core.words")
    assert "    from app.core import words as text\n" in (shop / "app/main.py").read_text()
    assert git("status", "--porcelain", cwd=shop) == ""


def test_a_release_s_codemods_run_on_your_files_alone(package: Package, shop: Path) -> None:
    mine = "from app.core.text import plain\n\nplain(limit=1)\n"
    write(shop / "app/mine.py", mine)
    commit(shop)
    write(
        package.root / "bootstrap/project/codemods.yml",
        "2.0.0:\n- name: {old: app.core.text.plain, new: app.core.text.simple}\n",
    )
    simple = {
        "app/core/text.py": TEXT.replace("def plain", "def simple"),
        "app/main.py": MAIN.replace("plain", "simple"),
    }
    package.release("2.0.0", simple)
    told = package.told("update", cwd=shop)
    outcomes = {each["path"]: (each["outcome"], each["reason"]) for each in told["files"]}
    assert outcomes["app/mine.py"] == ("merged", "app.core.text.plain is app.core.text.simple now")
    assert outcomes["app/main.py"] == ("updated", "")
    assert (shop / "app/mine.py").read_text() == mine.replace("plain", "simple")
    for path, text in simple.items():
        assert (shop / path).read_text() == text
    assert package.told("update", cwd=shop)["applied"] is False


def test_a_rename_is_followed_beside_conflicts_and_in_a_moved_file(
    package: Package, shop: Path
) -> None:
    git("mv", "app/core/text.py", "app/core/words.py", cwd=shop)
    git("mv", "app/sample/models.py", "app/sample/rows.py", cwd=shop)
    write(shop / "app/main.py", "mine\n")
    commit(shop)
    models = '"""Its models."""\n\nfrom app.core.text import plain\n\n\nclass Row: ...\n'
    package.release("2.0.0", {"app/main.py": "theirs\n", "app/sample/models.py": models})
    told = package.told("update", cwd=shop, code=1)
    assert [each["path"] for each in told["files"] if each["outcome"] == "conflict"] == [
        "app/main.py"
    ]
    assert "<<<<<<<" in (shop / "app/main.py").read_text()
    assert (shop / "app/sample/rows.py").read_text() == models.replace("core.text", "core.words")
    write(shop / "app/main.py", "both = 1\n")
    git("add", "app/main.py", cwd=shop)
    package.told("update", "--continue", cwd=shop)
    assert package.told("update", cwd=shop)["applied"] is False


@pytest.mark.slow
def test_the_codemods_of_the_releases_are_about_what_was_there(tmp_path: Path) -> None:
    """What is renamed was in the release before, and is in this one by its new name alone."""
    versions = [*(each.version for each in releases.released()), ""]
    before = dict(zip(versions[1:], versions, strict=False))
    for version, codemods in parsed_codemods(DATA.read_text()).items():
        name = ".".join(map(str, version))
        name = name if name in versions else ""  # it will be the next release
        known, new = (defined(made(tmp_path, each)) for each in (before[name], name))
        for each in codemods:  # in this order: a name can be of a module that has just been renamed
            assert isinstance(each, NameRename | ModuleRename), "the only kinds so far"
            assert each.old in known, each
            assert each.old not in new, each
            assert each.new in new, each
            below = (one for one in known if f"{one}.".startswith(f"{each.old}."))
            known |= {each.new + one.removeprefix(each.old) for one in below}


def made(folder: Path, version: str) -> Path:
    """A project of a release, or of the template as it is here."""
    config = template.find(version).config if version else REPOSITORY / "copier.yml"
    asked = {each.name: each for each in load(config).questions}
    kit = ("safe_migrations=true",) if "safe_migrations" in asked else ()
    offered = [str(each.value) for each in asked["features"].choices] if "features" in asked else []
    features = (f"features=[{', '.join(offered)}]",) if offered else ()
    # Some features need a server, where the question of the database is asked at all.
    server = ("database=postgresql",) if "database" in asked else ()
    return new(folder / (version or "here"), version, *kit, *server, *features)


def defined(shop: Path) -> set[str]:
    """The modules of a project, and what they define themselves."""
    modules = {
        ".".join(path.relative_to(shop).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in ("app", "migrate", "tests")
        for path in (shop / folder).rglob("*.py")
    }
    return {*modules} | {
        f"{module}.{name}"
        for module, path in modules.items()
        for node in ast.parse(path.read_text()).body
        for name in names_of(node)
    }


def names_of(node: ast.stmt) -> list[str]:
    """What a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets += [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.slow
def test_a_first_project_s_own_files_follow_what_the_releases_have_moved(tmp_path: Path) -> None:
    oldest = releases.released()[0].version
    shop = new(tmp_path, oldest)
    mine = "from migrate.runtime import MigrationUnsafe, online\n\nraise MigrationUnsafe(online)\n"
    write(shop / "migrate/mine.py", mine)
    commit(shop)
    run = headstart("update", "--no-verify", cwd=shop)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (shop / "migrate/mine.py").read_text() == (
        "from migrate.kit.runner import online\nfrom migrate.errors import MigrationUnsafe\n\n"
        "raise MigrationUnsafe(online)\n"
    )
    assert "migrate.runtime.MigrationUnsafe is migrate.errors.MigrationUnsafe now" in run.stdout
