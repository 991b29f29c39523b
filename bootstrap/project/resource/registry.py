"""The one line of a project's own that a new module changes: its name in MODULES."""

from collections.abc import Sequence

import libcst as cst
from libcst import matchers as m

_LIST = "MODULES"


def with_module(text: str, module: str) -> str | None:
    """The text with one more module at the end of its list, formatted as the list is.

    None where there is no such list of plain strings at the top of the file.
    """
    try:
        tree = cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None
    transformer = _Listing(module)
    changed = tree.visit(transformer)
    return changed.code if transformer.is_done else None


def listed_modules(text: str) -> Sequence[str] | None:
    """The modules that the list names; None as above."""
    try:
        tree = cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None
    transformer = _Listing("")
    tree.visit(transformer)
    return transformer.found if transformer.is_done else None


class _Listing(cst.CSTTransformer):
    def __init__(self, module: str) -> None:
        super().__init__()
        self.module, self.is_done = module, False
        self.found: list[str] = []

    def visit_FunctionDef(self, _: cst.FunctionDef) -> bool:  # noqa: N802
        return False

    def visit_ClassDef(self, _: cst.ClassDef) -> bool:  # noqa: N802
        return False

    def leave_Assign(  # noqa: N802
        self, original_node: cst.Assign, updated_node: cst.Assign
    ) -> cst.Assign:
        if m.matches(original_node, m.Assign([m.AssignTarget(m.Name(_LIST))])):
            return updated_node.with_changes(value=self._longer(updated_node.value))
        return updated_node

    def leave_AnnAssign(  # noqa: N802
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.AnnAssign:
        if m.matches(original_node.target, m.Name(_LIST)) and updated_node.value:
            return updated_node.with_changes(value=self._longer(updated_node.value))
        return updated_node

    def _longer(self, value: cst.BaseExpression) -> cst.BaseExpression:
        if not isinstance(value, cst.Tuple | cst.List):
            return value
        strings = [each.value for each in value.elements]
        if not all(isinstance(each, cst.SimpleString) for each in strings):
            return value
        self.found = [
            str(each.evaluated_value) for each in strings if isinstance(each, cst.SimpleString)
        ]
        self.is_done = True
        return value.with_changes(elements=_with_element(value, self.module))


def _with_element(value: cst.Tuple | cst.List, module: str) -> Sequence[cst.BaseElement]:
    *before, last = value.elements or (None,)
    if last is None:
        comma = cst.Comma() if isinstance(value, cst.Tuple) else cst.MaybeSentinel.DEFAULT
        return [cst.Element(cst.SimpleString(f'"{module}"'), comma=comma)]
    quote = (
        last.value.raw_value and last.value.quote
        if isinstance(last.value, cst.SimpleString)
        else '"'
    )
    new = cst.Element(cst.SimpleString(f"{quote}{module}{quote}"))
    between = before[-1].comma if before else _comma_between(value)
    trailing = last.comma
    if len(value.elements) == 1 and not _is_split(value):
        trailing = cst.MaybeSentinel.DEFAULT  # the comma that makes one string a tuple
    return [*before, last.with_changes(comma=between), new.with_changes(comma=trailing)]


def _comma_between(value: cst.Tuple | cst.List) -> cst.Comma:
    """The comma between the first two: on a line of its own each, where the first one is."""
    if not _is_split(value):
        return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    bracket = value.lpar[-1] if isinstance(value, cst.Tuple) else value.lbracket
    return cst.Comma(whitespace_after=bracket.whitespace_after)


def _is_split(value: cst.Tuple | cst.List) -> bool:
    """Whether the first of them stands on a line of its own."""
    if isinstance(value, cst.Tuple):
        return bool(value.lpar) and isinstance(
            value.lpar[-1].whitespace_after, cst.ParenthesizedWhitespace
        )
    return isinstance(value.lbracket.whitespace_after, cst.ParenthesizedWhitespace)
