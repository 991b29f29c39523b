"""Renames of modules in one Python file, with libCST: many at once."""

import re
from collections.abc import Sequence

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper

from bootstrap.project.codemods import ModuleRename
from bootstrap.project.syntax_nodes import (
    TAKES_A_NAME,
    Renaming,
    alias_of,
    chain,
    comma_less,
    dotted_node,
    with_string,
)


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


class _Modules(Renaming):
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
        names = [a.with_changes(name=dotted_node(new)) if new else a for a, new in moved.items()]
        return updated_node.with_changes(names=names)

    def leave_ImportFrom(  # noqa: N802
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        module, names = self.module_of(original_node), updated_node.names
        if not isinstance(names, cst.ImportStar):
            dotted = {f"{module}.{alias.evaluated_name}" for alias in names}
            below = (each.new for each in self.renames if each.new.startswith(f"{each.old}."))
            if any(new in dotted for new in below):  # it is done
                return updated_node
        if new := self.renamed(module):
            return self.from_module(updated_node, new)
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
            places.setdefault(package, {})[alias] = alias_of(alias, name)
        stay = places.pop(here, {})
        names = [stay.get(alias, alias) for alias in node.names]
        node = node.with_changes(names=names)
        gone = {alias for aliases in places.values() for alias in aliases}
        if len(places) == 1 and len(gone) == len(names) and "" not in places:
            (package,) = places
            whole = node.with_changes(names=comma_less(list(places[package].values())))
            return self.from_module(whole, package)
        added = [self.added(node, package, list(places[package].values())) for package in places]
        return self.split(node, gone, added) if added else node

    def added(
        self, node: cst.ImportFrom, package: str, names: list[cst.ImportAlias]
    ) -> cst.Import | cst.ImportFrom:
        if not package:
            return cst.Import(comma_less(names))
        single = node.with_changes(names=comma_less(names), lpar=None, rpar=None)
        return self.from_module(single, package)

    def from_module(self, node: cst.ImportFrom, module: str) -> cst.ImportFrom:
        """The same names from another module; a relative import stays one in its package."""
        levels = len(node.relative)
        base = ".".join(self.package[: len(self.package) - levels + 1]) if levels else ""
        if levels and module.startswith(f"{base}."):
            return node.with_changes(module=dotted_node(module[len(base) + 1 :]))
        return node.with_changes(module=dotted_node(module), relative=())

    def leave_Name(  # noqa: N802
        self, original_node: cst.Name, updated_node: cst.Name
    ) -> cst.BaseExpression:
        """`old` where that is a package at the top, after `import old`."""
        return self.expression(original_node, original_node.value) or updated_node

    def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802
        return not chain(node)

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """`old.name`, written out after `import old`."""
        return self.expression(original_node, chain(original_node)) or updated_node

    def expression(self, node: cst.BaseExpression, dotted: str) -> cst.Name | cst.Attribute | None:
        """The new expression, if its first name is that of an imported package."""
        if not self.has_expressions:
            return None
        first = node
        while isinstance(first, cst.Attribute):
            first = first.value
        if dotted.partition(".")[0] not in self.meanings(first):
            return None
        new = self.renamed(dotted)
        return dotted_node(new) if new else None

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        return with_string(original_node, updated_node, TAKES_A_NAME, self.renamed)
