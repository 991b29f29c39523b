"""The imports of a tree of Python files, resolved without running any of them.

Only what is certain counts as missing: a module that computes its names, a compiled one, a link and
whatever may be installed are unknown, and an import that may fail is not looked at.
"""

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import PurePosixPath
from typing import NamedTuple

SUFFIX = ".py"
_COMPILED = (".pyi", ".so", ".pyd", ".pyx")
_ROOTS = ("", "src/")  # of the tree: where a project's packages are imported from
# What lets a package have modules that are elsewhere; that it reads its `__path__` does not.
_COMPUTED_PATH = re.compile(
    r"__path__\s*(?:\[[^\n]*\]|:[^=\n]*)?\s*\+?=(?!=)|__path__\.\w+\(|sys\.modules|extend_path"
)
_OPTIONAL = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_WITHIN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)  # with a scope of its own
_TARGETS = (ast.Tuple, ast.List, ast.Starred)


class Import(NamedTuple):
    """An import of a module, or of a name in it (or of a submodule: Python decides by trying).

    A relative one has the path of its module in the tree, with dots.
    """

    module: str
    name: str
    line: int
    relative: bool = False

    @property
    def target(self) -> str:
        return ".".join(filter(None, (self.module, self.name)))


class Resolution(Enum):
    """What an import leads to; a doubtful one may lead to something installed."""

    FOUND = auto()
    MISSING = auto()
    DOUBTFUL = auto()
    FOREIGN = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class Modules:
    """The modules of a tree: its paths, those that are no plain files, and how one is read."""

    paths: Collection[str]
    opaque: Collection[str]
    read: Callable[[str], str]
    _folders: set[str] = field(default_factory=set)
    _compiled: set[str] = field(default_factory=set)
    _names: dict[str, frozenset[str] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.paths:
            if path.endswith((SUFFIX, *_COMPILED)):
                self._folders.update(f"{folder}" for folder in PurePosixPath(path).parents)
            if path.endswith(_COMPILED):
                folder, _, name = path.rpartition("/")
                self._compiled.add(_joined(folder, name.partition(".")[0]))

    def find(self, each: Import, importer: str) -> Resolution:
        """Resolve an import that stands in the file `importer`."""
        if each.relative:
            return self._walk("", each)
        top = each.module.partition(".")[0]
        findings = [
            self._walk(root, each, certain=root in _ROOTS and self._is_regular(root + top))
            for root in self._roots(importer)
            if self._is_there(root + top)
        ]
        if not findings:
            return Resolution.FOREIGN
        order = (Resolution.FOUND, Resolution.UNKNOWN, Resolution.DOUBTFUL)
        return next((kind for kind in order if kind in findings), Resolution.MISSING)

    def names(self, path: str) -> frozenset[str] | None:
        """The names that a module binds; None where they cannot be known."""
        if path not in self._names:
            self._names[path] = bound_names(self.read(path))
        return self._names[path]

    def _roots(self, importer: str) -> Iterator[str]:
        """Where Python may look: also beside a script, and where pytest begins to import tests."""
        yield from _ROOTS
        for folder in map(str, PurePosixPath(importer).parents):
            if folder != "." and not self._is_package(folder):
                yield f"{folder}/"

    def _walk(self, root: str, each: Import, *, certain: bool = True) -> Resolution:
        missing = Resolution.MISSING if certain else Resolution.DOUBTFUL
        at = root.rstrip("/")
        parts = each.module.split(".") if each.module else []
        for part in parts:
            above, at = at, _joined(at, part)
            if self._is_opaque(at):
                return Resolution.UNKNOWN
            if not self._is_there(at):
                return self._unless_computed(above, missing)
        return self._find_name(at, each.name, missing) if each.name else Resolution.FOUND

    def _find_name(self, at: str, name: str, missing: Resolution) -> Resolution:
        below = _joined(at, name)
        if self._is_opaque(below) or at in self._compiled:
            return Resolution.UNKNOWN
        if self._is_there(below) or (name.startswith("__") and name.endswith("__")):
            return Resolution.FOUND
        module = self._module(at)
        if not module:
            return missing
        names = self.names(module)
        if names is None:
            return Resolution.UNKNOWN
        return Resolution.FOUND if name in names else missing

    def _unless_computed(self, package: str, missing: Resolution) -> Resolution:
        """Whether a package can have modules that are elsewhere."""
        text = self.read(module) if (module := self._module(package)) else ""
        is_computed = package in self._compiled or _COMPUTED_PATH.search(text)
        return Resolution.UNKNOWN if is_computed else missing

    def _module(self, at: str) -> str:
        """The file of a module; empty for a folder without one."""
        candidates = (_joined(at, "__init__.py"), at + SUFFIX)
        return next((path for path in candidates if path in self.paths), "")

    def _is_package(self, folder: str) -> bool:
        return f"{folder}/__init__.py" in self.paths

    def _is_regular(self, at: str) -> bool:
        return bool(self._module(at)) or at in self._compiled

    def _is_there(self, at: str) -> bool:
        return self._is_regular(at) or at in self._folders

    def _is_opaque(self, at: str) -> bool:
        return at in self.opaque or at + SUFFIX in self.opaque


def parse(text: str) -> ast.Module | None:
    """Parse a file; None if this Python cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def imports(path: str, text: str) -> tuple[Import, ...]:
    """The imports of a file that must succeed, wherever they stand in it."""
    tree = parse(text)
    return tuple(_imports(tree.body, path)) if tree else ()


def imports_at_once(text: str) -> frozenset[int]:
    """The lines of the imports without which a file cannot be imported itself."""
    tree = parse(text)
    nodes = (
        [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        if tree
        else []
    )
    return frozenset(
        line for node in nodes for line in range(node.lineno, (node.end_lineno or 0) + 1)
    )


def _imports(nodes: Iterable[ast.AST], path: str) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _imports_from(node, path)
        elif not _is_optional(node):
            yield from _by_name(node)
            yield from _imports(ast.iter_child_nodes(node), path)


def _imports_from(node: ast.ImportFrom, path: str) -> Iterator[Import]:
    module, relative = node.module or "", node.level > 0
    if relative:
        folders = PurePosixPath(path).parent.parts
        if node.level - 1 > len(folders):
            return
        above = folders[: len(folders) - node.level + 1]
        if any("." in folder for folder in above):
            return
        module = ".".join((*above, *filter(None, (module,))))
    for alias in node.names:
        yield Import(module, "" if alias.name == "*" else alias.name, alias.lineno, relative)


def _by_name(node: ast.AST) -> Iterator[Import]:
    """`importlib.import_module("app.x")`."""
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    called = node.func.id if isinstance(node.func, ast.Name) else called
    (name,) = node.args
    stated = name.value if isinstance(name, ast.Constant) else ""
    is_absolute = isinstance(stated, str) and all(map(str.isidentifier, stated.split(".")))
    if called == "import_module" and is_absolute:
        yield Import(str(stated), "", node.lineno)


def _is_optional(node: ast.AST) -> bool:
    """Whether imports in it may fail."""
    if isinstance(node, ast.Try | ast.TryStar):
        return any(
            handler.type is None or _OPTIONAL & _named_in(handler.type) for handler in node.handlers
        )
    if isinstance(node, ast.With | ast.AsyncWith):
        return any(_named_in(item.context_expr) & (_OPTIONAL | {"raises"}) for item in node.items)
    return False


def _named_in(node: ast.AST) -> set[str]:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


# -- names -----------------------------------------------------------------------------------------


def bound_names(text: str) -> frozenset[str] | None:
    """The names that a module has once it is imported; None where they cannot be known."""
    tree = parse(text)
    if tree is None or any(map(_is_computing, ast.walk(tree))):
        return None
    found: set[str] = set()
    for node in _top_level(tree.body):
        found |= _bound(node)
    found |= {name for node in ast.walk(tree) for name in _bound_elsewhere(node)}
    return None if found & {"*", "__getattr__"} else frozenset(found)


def _is_computing(node: ast.AST) -> bool:
    """Whether a module with this may have any name."""
    match node:
        case ast.Name(id="globals" | "exec"):
            return True
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            return True
        case ast.Call(func=ast.Name(id="locals" | "vars"), args=[]):
            return True
    return False


def _top_level(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements that run with the module, branches and blocks included."""
    for node in nodes:
        yield node
        if not isinstance(node, _WITHIN) or isinstance(node, _TARGETS):
            yield from _top_level(ast.iter_child_nodes(node))


def _bound(node: ast.AST) -> set[str]:
    names: set[str] = set()
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            names = {node.name}
        case ast.Import():
            names = {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        case ast.ImportFrom():
            names = {alias.asname or alias.name for alias in node.names}
        case ast.Name(id=str(name), ctx=ast.Store()):
            names = {name}
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            names = {name}
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            names = {name}
    return names


def _bound_elsewhere(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Global):
        return set(node.names)
    named = isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name)
    return {node.target.id} if named else set()  # type: ignore[attr-defined]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and folder != "." else name
