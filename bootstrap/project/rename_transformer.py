"""One rename in one Python file, with libCST; loaded only where there is one to do."""

import re
from collections.abc import Collection, Sequence
from typing import Protocol

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, QualifiedNameProvider

from bootstrap.project.codemods import (
    ArgumentRename,
    Codemod,
    ModuleRename,
    NameRename,
    SettingRename,
)

# Callables whose first argument is the dotted name of a module, or of something in one.
_TAKES_A_NAME = {"import_module", "patch", "setattr", "delattr", "importorskip"}
_TAKES_A_VARIABLE = {"setenv", "delenv", "getenv", "get", "pop"}


def rename(text: str, codemod: Codemod, package: Sequence[str]) -> str:
    """The text after a codemod; `package` is where its relative imports start from."""
    if isinstance(codemod, ModuleRename):
        return rename_modules(text, [codemod], package)[0]
    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        return wrapper.visit(_transformer(codemod, tuple(package))).code
    except (cst.ParserSyntaxError, RecursionError):
        return text


def rename_modules(
    text: str, renames: Sequence[ModuleRename], package: Sequence[str]
) -> tuple[str, frozenset[ModuleRename]]:
    """The text after many renames at once, and those that had something to do."""
    transformer = _Modules(renames, tuple(package), text)
    try:
        module = cst.parse_module(text)
        if transformer.has_expressions:  # what a name means in an expression costs most of the time
            module = MetadataWrapper(module, unsafe_skip_copy=True).visit(transformer)
        else:
            module = module.visit(transformer)
    except (cst.ParserSyntaxError, RecursionError):
        return text, frozenset()
    return module.code, frozenset(transformer.used)


def _transformer(
    codemod: NameRename | SettingRename | ArgumentRename, package: tuple[str, ...]
) -> cst.CSTTransformer:
    match codemod:
        case NameRename():
            return _Names(codemod, package)
        case SettingRename():
            return _Settings(codemod)
        case ArgumentRename():
            return _Arguments(codemod, package)


class _Renamed(Protocol):
    """The new name of a dotted one; None if it stays."""

    def __call__(self, dotted: str, /) -> str | None: ...


def _absolute(name: str, package: tuple[str, ...]) -> str:
    """A qualified name: libCST has a dot in front of relative ones, for each level."""
    levels = len(name) - len(name.lstrip("."))
    if not levels:
        return name
    above = package[: len(package) - levels + 1]
    return ".".join(filter(None, (*above, name.lstrip("."))))


class _Renaming(cst.CSTTransformer):
    """What all have in common: what a node's name means, whatever it is called in this file."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def __init__(self, package: tuple[str, ...]) -> None:
        super().__init__()
        self.package = package

    def meanings(self, node: cst.CSTNode) -> set[str]:
        found = self.get_metadata(QualifiedNameProvider, node, set())
        names = found if isinstance(found, set) else set()
        return {_absolute(each.name, self.package) for each in names}

    def module_of(self, node: cst.ImportFrom) -> str:
        levels = "." * len(node.relative)
        return _absolute(levels + (get_full_name_for_node(node.module or "") or ""), self.package)

    def leave_SimpleStatementLine(  # noqa: N802
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        """An import that became two has two lines."""
        if len(updated_node.body) == len(original_node.body) or len(original_node.body) > 1:
            return updated_node
        first, *rest = updated_node.body
        lines = [cst.SimpleStatementLine([each]) for each in rest]
        return cst.FlattenSentinel([updated_node.with_changes(body=[first]), *lines])

    def split(
        self,
        node: cst.ImportFrom,
        moved: Collection[cst.ImportAlias],
        added: Sequence[cst.Import | cst.ImportFrom],
    ) -> cst.FlattenSentinel[cst.BaseSmallStatement]:
        """The import without what has moved, and the added ones."""
        names = node.names if not isinstance(node.names, cst.ImportStar) else ()
        left = [alias for alias in names if alias not in moved]
        rest = []
        if left:
            left[-1] = left[-1].with_changes(comma=names[-1].comma)
            rest = [node.with_changes(names=left)]
        return cst.FlattenSentinel([*rest, *added])


class _Modules(_Renaming):
    def __init__(
        self, renames: Sequence[ModuleRename], package: tuple[str, ...], text: str
    ) -> None:
        super().__init__(package)
        self.renames = sorted(renames, key=lambda each: len(each.old), reverse=True)
        self.used: set[ModuleRename] = set()
        old = "|".join(re.escape(each.old) for each in renames)
        self.has_expressions = bool(re.search(rf"^\s*import\b.*\b(?:{old})\b", text, re.MULTILINE))
        self.has_strings = bool(re.search(rf"['\"](?:{old})\b", text))

    def renamed(self, dotted: str) -> str | None:
        """The new name of the module, or of what is below it."""
        for each in self.renames:
            is_new = dotted == each.new or dotted.startswith(f"{each.new}.")
            if not is_new and (dotted == each.old or dotted.startswith(f"{each.old}.")):
                self.used.add(each)
                return each.new + dotted[len(each.old) :]
        return None

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:  # noqa: N802
        """Most lines have nothing to rename."""
        imports = any(isinstance(each, cst.Import | cst.ImportFrom) for each in node.body)
        return imports or self.has_expressions or self.has_strings

    def visit_Import(self, _: cst.Import) -> bool:  # noqa: N802 - libCST's names
        return False

    def visit_ImportFrom(self, _: cst.ImportFrom) -> bool:  # noqa: N802
        return False

    def leave_Import(  # noqa: N802
        self, original_node: cst.Import, updated_node: cst.Import
    ) -> cst.Import:
        moved = {a: self.renamed(get_full_name_for_node(a.name) or "") for a in original_node.names}
        names = [a.with_changes(name=_dotted(new)) if new else a for a, new in moved.items()]
        return updated_node.with_changes(names=names)

    def leave_ImportFrom(  # noqa: N802
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        module = self.module_of(original_node)
        if new := self.renamed(module):
            return self.from_module(updated_node, new)
        names = updated_node.names
        if isinstance(names, cst.ImportStar):
            return updated_node
        moved = {a: self.renamed(f"{module}.{a.evaluated_name}") for a in names}
        return self.from_package(updated_node, {a: new for a, new in moved.items() if new})

    def from_package(
        self, node: cst.ImportFrom, moved: dict[cst.ImportAlias, str]
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        """`from package import old`, in which there may be other names beside it."""
        if not moved or isinstance(node.names, cst.ImportStar):
            return node
        here = self.module_of(node)
        places: dict[str, dict[cst.ImportAlias, cst.ImportAlias]] = {}
        for alias, new in moved.items():
            package, _, name = new.rpartition(".")
            places.setdefault(package, {})[alias] = _alias(alias, name)
        stay = places.pop(here, {})
        names = [stay.get(alias, alias) for alias in node.names]
        node = node.with_changes(names=names)
        gone = {alias for aliases in places.values() for alias in aliases}
        if len(places) == 1 and len(gone) == len(names) and "" not in places:
            (package,) = places
            whole = node.with_changes(names=_comma_less(list(places[package].values())))
            return self.from_module(whole, package)
        added = [self.added(node, package, list(places[package].values())) for package in places]
        return self.split(node, gone, added) if added else node

    def added(
        self, node: cst.ImportFrom, package: str, names: list[cst.ImportAlias]
    ) -> cst.Import | cst.ImportFrom:
        if not package:
            return cst.Import(_comma_less(names))
        single = node.with_changes(names=_comma_less(names), lpar=None, rpar=None)
        return self.from_module(single, package)

    def from_module(self, node: cst.ImportFrom, module: str) -> cst.ImportFrom:
        """The same names from another module; a relative import stays one in its package."""
        levels = len(node.relative)
        base = ".".join(self.package[: len(self.package) - levels + 1]) if levels else ""
        if levels and module.startswith(f"{base}."):
            return node.with_changes(module=_dotted(module[len(base) + 1 :]))
        return node.with_changes(module=_dotted(module), relative=())

    def leave_Name(  # noqa: N802
        self, original_node: cst.Name, updated_node: cst.Name
    ) -> cst.BaseExpression:
        """`old` where that is a package at the top, after `import old`."""
        return self.expression(original_node, original_node.value) or updated_node

    def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802
        return not _chain(node)

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """`old.name`, written out after `import old`."""
        return self.expression(original_node, _chain(original_node)) or updated_node

    def expression(self, node: cst.CSTNode, dotted: str) -> cst.BaseExpression | None:
        if not self.has_expressions or dotted not in self.meanings(node):
            return None
        new = self.renamed(dotted)
        return _dotted(new) if new else None

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        return _with_string(original_node, updated_node, _TAKES_A_NAME, self.renamed)


class _Names(_Renaming):
    def __init__(self, codemod: NameRename, package: tuple[str, ...]) -> None:
        super().__init__(package)
        self.old, self.path = codemod.old, codemod.new
        self.short, self.new = (name.rpartition(".")[2] for name in (self.old, self.path))
        self.module = self.path.rpartition(".")[0]
        self.has_moved = self.old.rpartition(".")[0] != self.module
        self.is_taken = False

    def visit_Module(self, node: cst.Module) -> None:  # noqa: N802
        # Where the new name means something here, or a string has the old one, that one is kept.
        strings = m.findall(node, m.SimpleString())
        quoted = any(isinstance(s, cst.SimpleString) and self.short in s.value for s in strings)
        taken = bool(m.findall(node, m.Name(self.new)))
        self.is_taken = self.new != self.short and (quoted or taken)

    def renamed(self, dotted: str) -> str | None:
        is_old = dotted == self.old or dotted.startswith(f"{self.old}.")
        return self.path + dotted[len(self.old) :] if is_old else None

    def visit_ImportAlias(self, _: cst.ImportAlias) -> bool:  # noqa: N802
        return False

    def leave_ImportFrom(  # noqa: N802
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        module, names = self.module_of(original_node), updated_node.names
        if isinstance(names, cst.ImportStar):
            return updated_node
        moved = {
            alias: _alias(alias, self.new, keep=self.is_taken)
            for alias in names
            if f"{module}.{alias.evaluated_name}" == self.old
        }
        if not self.has_moved or not moved:
            return updated_node.with_changes(names=[moved.get(alias, alias) for alias in names])
        added = cst.ImportFrom(_dotted(self.module), _comma_less(list(moved.values())))
        return self.split(updated_node, moved, [added])

    def leave_Name(  # noqa: N802
        self, original_node: cst.Name, updated_node: cst.Name
    ) -> cst.Name:
        means = original_node.value == self.short and self.old in self.meanings(original_node)
        if self.is_taken or not means:
            return updated_node
        return updated_node.with_changes(value=self.new)

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        """`module.old`; where it is in another module now, that would have to be imported first."""
        means = original_node.attr.value == self.short and self.old in self.meanings(original_node)
        if self.has_moved or not means:
            return updated_node.with_changes(attr=original_node.attr)
        return updated_node.with_changes(attr=cst.Name(self.new))

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        return _with_string(original_node, updated_node, _TAKES_A_NAME, self.renamed)


class _Settings(cst.CSTTransformer):
    def __init__(self, codemod: SettingRename) -> None:
        super().__init__()
        self.old, self.new = codemod.old, codemod.new

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        """`settings.old`, whatever has the settings."""
        holder = (get_full_name_for_node(original_node.value) or "").rpartition(".")[2]
        if original_node.attr.value == self.old and holder.lower().endswith("settings"):
            return updated_node.with_changes(attr=cst.Name(self.new))
        return updated_node

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        """`Settings(old=…)`, and `setenv("OLD", …)`."""
        called = (get_full_name_for_node(original_node.func) or "").rpartition(".")[2]
        if called.lower().endswith("settings"):
            updated_node = _with_keyword(updated_node, self.old, self.new)
        return _with_string(original_node, updated_node, _TAKES_A_VARIABLE, self.variable)

    def leave_Subscript(  # noqa: N802
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.Subscript:
        """`os.environ["OLD"]`."""
        holder = (get_full_name_for_node(original_node.value) or "").rpartition(".")[2]
        if holder != "environ" or len(updated_node.slice) != 1:
            return updated_node
        (element,) = updated_node.slice
        if not isinstance(element.slice, cst.Index):
            return updated_node
        value = _string(element.slice.value, self.variable)
        changed = element.with_changes(slice=element.slice.with_changes(value=value))
        return updated_node.with_changes(slice=[changed])

    def variable(self, name: str) -> str | None:
        return self.new.upper() if name == self.old.upper() else None


class _Arguments(_Renaming):
    def __init__(self, codemod: ArgumentRename, package: tuple[str, ...]) -> None:
        super().__init__(package)
        self.codemod = codemod

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        if self.codemod.function not in self.meanings(original_node.func):
            return updated_node
        return _with_keyword(updated_node, self.codemod.old, self.codemod.new)


def _dotted(name: str) -> cst.Name | cst.Attribute:
    above, _, last = name.rpartition(".")
    return cst.Attribute(_dotted(above), cst.Name(last)) if above else cst.Name(last)


def _chain(node: cst.BaseExpression) -> str:
    """The names of `a.b.c`; empty if there is anything else in it."""
    if isinstance(node, cst.Name):
        return node.value
    above = _chain(node.value) if isinstance(node, cst.Attribute) else ""
    return f"{above}.{node.attr.value}" if above and isinstance(node, cst.Attribute) else ""


def _alias(alias: cst.ImportAlias, name: str, *, keep: bool = True) -> cst.ImportAlias:
    """The same import by another name; what it is called here is kept, unless nobody minds."""
    known = alias.evaluated_name
    changed = alias.with_changes(name=_dotted(name))
    if alias.asname or not keep or known == name:
        return changed
    return changed.with_changes(asname=cst.AsName(cst.Name(known)))


def _comma_less(names: list[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """The last one has no comma: it may have had one, or others after it."""
    *rest, last = names
    return [*rest, last.with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def _with_keyword(call: cst.Call, old: str, new: str) -> cst.Call:
    keywords = {argument.keyword.value for argument in call.args if argument.keyword}
    if new in keywords:
        return call
    changed = [
        argument.with_changes(keyword=cst.Name(new))
        if argument.keyword and argument.keyword.value == old
        else argument
        for argument in call.args
    ]
    return call.with_changes(args=changed)


def _with_string(
    original: cst.Call, call: cst.Call, callables: set[str], renamed: _Renamed
) -> cst.Call:
    """A call whose first argument is a name in a string."""
    called = (get_full_name_for_node(original.func) or "").rpartition(".")[2]
    if called not in callables or not call.args or call.args[0].keyword:
        return call
    first, *rest = call.args
    return call.with_changes(args=[first.with_changes(value=_string(first.value, renamed)), *rest])


def _string(value: cst.BaseExpression, renamed: _Renamed) -> cst.BaseExpression:
    if not isinstance(value, cst.SimpleString) or not isinstance(value.evaluated_value, str):
        return value
    new = renamed(value.evaluated_value)
    if new is None:
        return value
    return value.with_changes(value=f"{value.prefix}{value.quote}{new}{value.quote}")
