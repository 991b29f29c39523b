"""Imports are resolved without running anything, and only what is certain is called missing."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import copier
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.project import questions, releases, template
from bootstrap.project.imports import Modules, Resolution, bound_names, imports
from tests.lifecycle.conftest import Files
from tests.lifecycle.test_every_version import new

OF_THE_TREE: Files = {
    "app/__init__.py": "",
    "app/core/__init__.py": "from app.core.pages import Page\n",
    "app/core/pages.py": "class Page: ...\nSIZE = 1\n",
    "app/core/computed.py": "def __getattr__(name): ...\n",
    "app/core/all.py": "from app.core.pages import *\n",
    "app/fast.cpython-311-x86_64-linux-gnu.so": "",
    "app/typed.pyi": "x: int\n",
    "app/broken.py": "def\n",
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "def fill(): ...\n",
    "space/inner/leaf.py": "LEAF = 1\n",
    "tests/helper.py": "def help(): ...\n",
}


def modules(files: Files) -> Modules:
    return Modules(files.keys(), ["app/linked"], lambda path: str(files[path]))


def missing(path: str, text: str, files: Files = OF_THE_TREE) -> list[str]:
    tree = modules({**files, path: text})
    found = imports(path, text)
    return [each.target for each in found if tree.find(each, path) is Resolution.MISSING]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("import app.core.pages", []),
        ("import app.core.gone", ["app.core.gone"]),
        ("import app.gone.pages as p", ["app.gone.pages"]),
        ("import app.core.pages.Page", ["app.core.pages.Page"]),
        ("from app.core import pages, Page", []),
        ("from app.core import gone", ["app.core.gone"]),
        ("from app.core.pages import Page, SIZE as S", []),
        ("from app.core.pages import (\n    Page,\n    Gone,\n)", ["app.core.pages.Gone"]),
        ("from app.core.pages import *", []),
        ("from app.core.gone import *", ["app.core.gone"]),
        ("from . import core, fast, typed", []),
        ("from . import gone", ["app.gone"]),
        ("from .core.pages import Gone", ["app.core.pages.Gone"]),
        ("from .. import anything", ["anything"]),
        ("from ..... import beyond", []),
        ("from app.core.computed import anything", []),
        ("from app.core.all import anything", []),
        ("from app.fast import anything", []),
        ("from app.typed import anything", []),
        ("from app.broken import anything", []),
        ("from app.linked.far import anything", []),
        ("from app.core.pages import __doc__, __wrapped__", []),
        ("import sqlalchemy.gone", []),
        ("from shop.cart import fill", []),
        ("from shop.cart import spill", ["shop.cart.spill"]),
        ("from space.inner.gone import x", []),  # may be installed as well
        ("def f():\n    from app import gone", ["app.gone"]),
        ("if TYPE_CHECKING:\n    from app import gone", ["app.gone"]),
        ("try:\n    import app.gone\nexcept ImportError:\n    import app.missing", []),
        ("try:\n    import app.gone\nexcept (KeyError, ModuleNotFoundError): ...", []),
        ("try:\n    import app.gone\nexcept KeyError: ...", ["app.gone"]),
        ("with suppress(ImportError):\n    import app.gone", []),
        ("with pytest.raises(ImportError):\n    import app.gone", []),
        ("x = importlib.import_module('app.gone')", ["app.gone"]),
        ("x = import_module(name)\ny = import_module('.gone', 'app')", []),
        ("def", []),
    ],
)
def test_what_an_import_leads_to(text: str, gone: list[str]) -> None:
    assert missing("app/main.py", text) == gone


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("for each in iter_modules(__path__, prefix='x'): ...\n", ["app.core.gone.deep"]),
        ("__path__ = extend()\n", []),
        ("__path__ += ['x']\n", []),
        ("__path__: list[str] = []\n", []),
        ("__path__[:] = []\n", []),
        ("__path__.append('x')\n", []),
        ("sys.modules['app.core.gone'] = x\n", []),
    ],
)
def test_a_package_may_have_modules_that_are_elsewhere(text: str, gone: list[str]) -> None:
    files = {**OF_THE_TREE, "app/core/__init__.py": text}
    assert missing("app/main.py", "import app.core.gone.deep\n", files) == gone


def test_a_script_and_a_test_find_what_is_beside_them() -> None:
    assert missing("tests/test_a.py", "from helper import help\nimport app.core.pages\n") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b = 1\nc, (d, *e) = f()\ng: int\nh += 1\n", "a b c d e g h"),
        ("def a(x):\n    b = 1\nclass C:\n    d = 1\nasync def e(): ...\n", "a C e"),
        ("import a.b\nimport c.d as e\nfrom f import g, h as i\n", "a e g i"),
        ("if x:\n    a = 1\nelif y:\n    b = 1\nelse:\n    c = 1\n", "a b c"),
        (
            "try:\n    a = 1\nexcept E as b:\n    c = 1\nelse:\n    d = 1\nfinally:\n    e = 1\n",
            "a b c d e",
        ),
        (
            "with x as a, y as (b, c):\n    d = 1\nfor e in x:\n    f = 1\nwhile (g := 1): ...\n",
            "a b c d e f g",
        ),
        ("def f():\n    global a\n    a = 1\n", "a f"),
        ("match x:\n    case [a, *b] | {'k': a, **b}:\n        c = 1\n", "a b c"),
        ("[a for a in b]\nx.y = 1\nz[0] = 1\n", ""),
    ],
)
def test_the_names_that_a_module_binds(text: str, names: str) -> None:
    assert bound_names(text) == frozenset(names.split())


@pytest.mark.parametrize(
    "text",
    [
        "globals()['a'] = 1\n",
        "vars()['a'] = 1\n",
        "sys.modules[__name__] = A()\n",
        "exec(text)\n",
        "from a import *\n",
        "if x:\n    def __getattr__(name): ...\n",
        "def\n",
    ],
)
def test_a_module_may_have_any_name(text: str) -> None:
    assert bound_names(text) is None


NAMES = st.sampled_from(["a", "b", "c"])


@given(
    st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.frozensets(NAMES), max_size=6
    ),
    st.lists(NAMES, min_size=1, max_size=3),
    NAMES,
)
def test_what_python_would_import_is_never_missing(
    packages: dict[str, frozenset[str]], module: list[str], name: str
) -> None:
    """Held against a model: a package is there, and binds the name or has it as a module."""
    files = {
        f"{path}/__init__.py": "".join(f"{n} = 1\n" for n in packages[path]) for path in packages
    }
    at = "/".join(module)
    there = all(
        any(path == above or path.startswith(f"{above}/") for path in packages)
        for above in ("/".join(module[: end + 1]) for end in range(len(module)))
    )
    has_it = name in packages.get(at, ()) or any(
        path == f"{at}/{name}" or path.startswith(f"{at}/{name}/") for path in packages
    )
    gone = missing("main.py", f"from {'.'.join(module)} import {name}\n", files)
    if there and has_it:
        assert gone == []
    elif f"{module[0]}/__init__.py" in files:
        assert gone == [".".join([*module, name])]
    else:
        assert gone == [], "a folder without a module may be something installed"


def broken(root: Path, below: str = "") -> list[str]:
    """What is missing in a folder, which is read as a tree."""
    paths = {str(path.relative_to(root)) for path in root.rglob("*") if ".git/" not in f"{path}"}
    tree = Modules(paths, (), lambda path: (root / path).read_text("utf-8", "replace"))
    return [
        f"{path}:{each.line} {each.target}"
        for path in sorted(paths)
        if path.endswith(".py") and path.startswith(below)
        for each in imports(path, tree.read(path))
        if tree.find(each, path) is Resolution.MISSING
    ]


@pytest.mark.parametrize("package", ["copier", "sqlalchemy", "typer", "rich", "hypothesis"])
def test_no_import_of_a_large_package_is_called_missing(package: str) -> None:
    assert Path(copier.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert broken(Path(sysconfig.get_path("purelib")), f"{package}/") == []


@pytest.mark.slow
@pytest.mark.parametrize("version", [each.version for each in releases.released()])
def test_no_import_of_a_render_is_called_missing(tmp_path: Path, version: str) -> None:
    asked = questions.load(template.find(f"v{version}").config).questions
    offered = [str(c.value) for each in asked if each.name == "features" for c in each.choices]
    every: tuple[str, ...] = ()
    if offered:
        every = ("preset=custom", "database=postgresql", f"features=[{', '.join(offered)}]")
    for folder, data in (("minimal", ()), ("everything", every)):
        assert broken(new(tmp_path / folder, version, *data)) == []
