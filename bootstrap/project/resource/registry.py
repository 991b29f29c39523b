"""The one line of a project's own that a new module changes: its name in MODULES."""

from collections.abc import Sequence

import libcst as cst

_LIST = "MODULES"
_Names = cst.Tuple | cst.List


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
        if len(original_node.targets) == 1 and _is_list(original_node.targets[0].target):
            return updated_node.with_changes(value=self._longer(updated_node.value))
        return updated_node

    def leave_AnnAssign(  # noqa: N802
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.AnnAssign:
        if _is_list(original_node.target) and updated_node.value:
            return updated_node.with_changes(value=self._longer(updated_node.value))
        return updated_node

    def _longer(self, value: cst.BaseExpression) -> cst.BaseExpression:
        if not isinstance(value, _Names):
            return value
        strings = [each.value for each in value.elements]
        if not all(isinstance(each, cst.SimpleString) for each in strings):
            return value
        self.found = [
            str(each.evaluated_value) for each in strings if isinstance(each, cst.SimpleString)
        ]
        self.is_done = True
        return _with_element(value, self.module)


def _is_list(target: cst.BaseExpression) -> bool:
    return isinstance(target, cst.Name) and target.value == _LIST


def _with_element(value: _Names, module: str) -> _Names:
    if not value.elements:
        comma = cst.Comma() if isinstance(value, cst.Tuple) else cst.MaybeSentinel.DEFAULT
        return value.with_changes(elements=[_element(f'"{module}"', comma)])
    *before, last = value.elements
    quote = last.value.quote if isinstance(last.value, cst.SimpleString) else '"'
    new = _element(f"{quote}{module}{quote}", last.comma)
    opening, closing = _brackets(value)
    if not isinstance(opening, cst.ParenthesizedWhitespace):  # all on one line
        space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        if not before:  # then the comma is what makes it a tuple
            new = new.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return value.with_changes(elements=[*before, last.with_changes(comma=space), new])
    plain = cst.TrailingWhitespace()
    next_line = opening.with_changes(first_line=plain, empty_lines=[])
    if isinstance(closing, cst.ParenthesizedWhitespace):  # a comment stays where it stands
        next_line = next_line.with_changes(first_line=closing.first_line)
        value = _closed_by(value, closing.with_changes(first_line=plain))
    last = last.with_changes(comma=cst.Comma(whitespace_after=next_line))
    return value.with_changes(elements=[*before, last, new])


def _element(literal: str, comma: cst.Comma | cst.MaybeSentinel) -> cst.Element:
    return cst.Element(cst.SimpleString(literal), comma=comma)


def _brackets(
    value: _Names,
) -> tuple[cst.BaseParenthesizableWhitespace, cst.BaseParenthesizableWhitespace]:
    """The space after the opening and before the closing bracket."""
    if isinstance(value, cst.List):
        return value.lbracket.whitespace_after, value.rbracket.whitespace_before
    if not value.lpar:
        return cst.SimpleWhitespace(""), cst.SimpleWhitespace("")
    return value.lpar[-1].whitespace_after, value.rpar[-1].whitespace_before


def _closed_by(value: _Names, space: cst.ParenthesizedWhitespace) -> _Names:
    if isinstance(value, cst.List):
        return value.with_changes(rbracket=value.rbracket.with_changes(whitespace_before=space))
    last = value.rpar[-1].with_changes(whitespace_before=space)
    return value.with_changes(rpar=[*value.rpar[:-1], last])
