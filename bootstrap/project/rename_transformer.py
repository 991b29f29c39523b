"""One rename in one Python file, with libCST; loaded only where there is one to do."""

from collections.abc import Sequence

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper

from bootstrap.project.codemods import (
    ArgumentRename,
    Codemod,
    ModuleRename,
    NameRename,
    SettingRename,
)
from bootstrap.project.module_transformer import rename_modules
from bootstrap.project.syntax_nodes import (
    TAKES_A_NAME,
    Renaming,
    alias_of,
    comma_less,
    dotted_node,
    renamed_string,
    with_keyword,
    with_string,
)

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


class _Names(Renaming):
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
            alias: alias_of(alias, self.new, keep=self.is_taken)
            for alias in names
            if f"{module}.{alias.evaluated_name}" == self.old
        }
        if not self.has_moved or not moved:
            return updated_node.with_changes(names=[moved.get(alias, alias) for alias in names])
        added = cst.ImportFrom(dotted_node(self.module), comma_less(list(moved.values())))
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
        return with_string(original_node, updated_node, TAKES_A_NAME, self.renamed)


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
            updated_node = with_keyword(updated_node, self.old, self.new)
        return with_string(original_node, updated_node, _TAKES_A_VARIABLE, self.variable)

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
        value = renamed_string(element.slice.value, self.variable)
        changed = element.with_changes(slice=element.slice.with_changes(value=value))
        return updated_node.with_changes(slice=[changed])

    def variable(self, name: str) -> str | None:
        return self.new.upper() if name == self.old.upper() else None


class _Arguments(Renaming):
    def __init__(self, codemod: ArgumentRename, package: tuple[str, ...]) -> None:
        super().__init__(package)
        self.codemod = codemod

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.Call:
        if self.codemod.function not in self.meanings(original_node.func):
            return updated_node
        return with_keyword(updated_node, self.codemod.old, self.codemod.new)
