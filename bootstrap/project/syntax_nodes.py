"""What codemods have in common: what a name means in a file, and nodes with other names."""

from collections.abc import Collection, Sequence
from typing import Protocol

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import QualifiedNameProvider

# Callables whose first argument is the dotted name of a module, or of something in one.
TAKES_A_NAME = {"import_module", "patch", "setattr", "delattr", "importorskip"}


class Renamed(Protocol):
    """The new name of a dotted one; None if it stays."""

    def __call__(self, dotted: str, /) -> str | None: ...


def absolute(name: str, package: tuple[str, ...]) -> str:
    """A qualified name: libCST has a dot in front of relative ones, for each level."""
    levels = len(name) - len(name.lstrip("."))
    if not levels:
        return name
    above = package[: len(package) - levels + 1]
    return ".".join(filter(None, (*above, name.lstrip("."))))


class Renaming(cst.CSTTransformer):
    """What all have in common: what a node's name means, whatever it is called in this file."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def __init__(self, package: tuple[str, ...]) -> None:
        super().__init__()
        self.package = package

    def meanings(self, node: cst.CSTNode) -> set[str]:
        found = self.get_metadata(QualifiedNameProvider, node, set())
        names = found if isinstance(found, set) else set()
        return {absolute(each.name, self.package) for each in names}

    def module_of(self, node: cst.ImportFrom) -> str:
        levels = "." * len(node.relative)
        return absolute(levels + (get_full_name_for_node(node.module or "") or ""), self.package)

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


def dotted_node(name: str) -> cst.Name | cst.Attribute:
    above, _, last = name.rpartition(".")
    return cst.Attribute(dotted_node(above), cst.Name(last)) if above else cst.Name(last)


def chain(node: cst.BaseExpression) -> str:
    """The names of `a.b.c`; empty if there is anything else in it."""
    if isinstance(node, cst.Name):
        return node.value
    above = chain(node.value) if isinstance(node, cst.Attribute) else ""
    return f"{above}.{node.attr.value}" if above and isinstance(node, cst.Attribute) else ""


def alias_of(alias: cst.ImportAlias, name: str, *, keep: bool = True) -> cst.ImportAlias:
    """The same import by another name; what it is called here is kept, unless nobody minds."""
    known = alias.evaluated_name
    changed = alias.with_changes(name=dotted_node(name))
    if alias.asname or not keep or known == name:
        return changed
    return changed.with_changes(asname=cst.AsName(cst.Name(known)))


def comma_less(names: list[cst.ImportAlias]) -> list[cst.ImportAlias]:
    """The last one has no comma: it may have had one, or others after it."""
    *rest, last = names
    return [*rest, last.with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def with_keyword(call: cst.Call, old: str, new: str) -> cst.Call:
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


def with_string(
    original: cst.Call, call: cst.Call, callables: set[str], renamed: Renamed
) -> cst.Call:
    """A call whose first argument is a name in a string."""
    called = (get_full_name_for_node(original.func) or "").rpartition(".")[2]
    if called not in callables or not call.args or call.args[0].keyword:
        return call
    first, *rest = call.args
    return call.with_changes(
        args=[first.with_changes(value=renamed_string(first.value, renamed)), *rest]
    )


def renamed_string(value: cst.BaseExpression, renamed: Renamed) -> cst.BaseExpression:
    if not isinstance(value, cst.SimpleString) or not isinstance(value.evaluated_value, str):
        return value
    new = renamed(value.evaluated_value)
    if new is None:
        return value
    return value.with_changes(value=f"{value.prefix}{value.quote}{new}{value.quote}")
