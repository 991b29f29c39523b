"""The syntax of files: whether a text is valid, and whether two differ in formatting alone.

Two good changes can make one bad file, so merged texts are parsed. Two texts are the same when what
a parser reads is the same, types and order included, and every comment is at its place. A doubt is
a difference: then a person is asked.
"""

import ast
import io
import json
import re
import tokenize
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import yaml

_INVALID = (ValueError, SyntaxError, tokenize.TokenError, yaml.YAMLError, RecursionError)


# -- validity --------------------------------------------------------------------------------------


class _UniqueKeys(yaml.SafeLoader):
    """Loads YAML whose mappings have each key only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        named = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _refuse_twice([self.construct_object(key, deep=True) for key in named])
        built: dict[object, object] = super().construct_mapping(node, deep=deep)
        return built


def is_known(path: str) -> bool:
    """Whether the syntax of a file with that name is known."""
    return PurePosixPath(path).suffix in _PARSERS


def complaint(path: str, content: bytes) -> str:
    """Why the content is not valid; empty if it is, or if its syntax is unknown."""
    parse = _PARSERS.get(PurePosixPath(path).suffix)
    if parse is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse(content.decode("utf-8"))
    except _INVALID as error:
        return " ".join(str(error).split())
    return ""


# A tag of a file's own reader, such as compose's !reset, is no mistake.
_UniqueKeys.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def _check_yaml(text: str) -> None:
    for _ in yaml.load_all(text, Loader=_UniqueKeys):
        pass


def _check_json(text: str) -> None:
    json.loads(text, object_pairs_hook=lambda pairs: _refuse_twice([key for key, _ in pairs]))


def _refuse_twice(keys: list[object]) -> None:
    twice = [key for number, key in enumerate(keys) if key in keys[:number]]
    if twice:
        raise ValueError(f"the key {twice[0]!r} is there twice")


_PARSERS: dict[str, Callable[[str], object]] = {
    ".json": _check_json,
    ".py": ast.parse,
    ".toml": tomllib.loads,
    ".yaml": _check_yaml,
    ".yml": _check_yaml,
}


# -- formatting ------------------------------------------------------------------------------------


class Comment(NamedTuple):
    """A comment: how many words come before it, whether it has its line for itself, and how deep.

    Words are what no formatter adds or removes; the depth is that of Python's blocks.
    """

    words: int
    text: str
    alone: bool
    depth: int = 0


def same_content(path: str, before: bytes, after: bytes) -> bool:
    """Whether two contents of a file differ in nothing but formatting."""
    if before == after:
        return True
    essence = _ESSENCES.get(PurePosixPath(path).suffix, _lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return essence(_text(before)) == essence(_text(after))
    except _INVALID:
        return False


def _text(content: bytes) -> str:
    text = content.decode("utf-8").replace("\r\n", "\n")
    if "\0" in text:
        raise ValueError("it is no text")
    return text


def _lines(text: str) -> object:
    """Of an unknown text only how its lines end: a blank at their end may mean something.

    Two of them break a line in Markdown, one is part of a value in a Makefile.
    """
    return text.rstrip("\n")


# -- Python ----------------------------------------------------------------------------------------

# What formatters add and remove; where one of them matters, the syntax tree is another.
_OPTIONAL = frozenset("(),;")
_STRING = "''"  # its value is in the syntax tree, its quotes are formatting


def _python(text: str) -> object:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.kind = None  # the u of u"text"
    parsed = _PythonText()
    for token in _whole_strings(text):
        parsed.add(token)
    return ast.dump(tree), parsed.words, parsed.comments


@dataclass
class _PythonText:
    """The words and comments of a Python text."""

    words: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    _blocks: list[int] = field(default_factory=lambda: [0])
    _brackets: int = 0
    _after_string: bool = False

    def add(self, token: tokenize.TokenInfo) -> None:
        if token.type in {tokenize.NL, tokenize.ENDMARKER}:
            return
        if token.type == tokenize.INDENT:
            self._blocks.append(_width(token.string))
        elif token.type == tokenize.DEDENT:
            self._blocks.pop()
        elif token.type == tokenize.COMMENT:
            self.comments.append(self._comment(token))
        elif token.type != tokenize.NEWLINE:
            self._add_word(token)
        self._after_string = token.type == tokenize.STRING

    def _add_word(self, token: tokenize.TokenInfo) -> None:
        text = token.string
        self._brackets += (text in set("([{")) - (text in set(")]}"))
        if token.type == tokenize.STRING:
            # "a" "b" is one text, in however many parts.
            self.words += [] if self._after_string else [_STRING]
        elif text not in _OPTIONAL:
            self.words.append(text.lower() if token.type == tokenize.NUMBER else text)

    def _comment(self, token: tokenize.TokenInfo) -> Comment:
        before = token.line[: token.start[1]]
        depth = 0 if self._brackets else sum(width <= _width(before) for width in self._blocks)
        alone = not before.strip()
        text = re.sub(r"^#(?=[^\s!:#])", "# ", token.string.rstrip())
        return Comment(len(self.words), text, alone, depth if alone else 0)


def _whole_strings(text: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens; as before Python 3.12, an f-string is one of them."""
    inside = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):
            inside += 1
        elif kind.endswith("STRING_END"):
            inside -= 1
            if not inside:
                yield token._replace(type=tokenize.STRING)
        elif not inside or token.type == tokenize.COMMENT:
            yield token


def _width(indentation: str) -> int:
    return len(indentation.expandtabs())


# -- TOML, YAML, JSON ------------------------------------------------------------------------------

_TOML = re.compile(
    r'(?P<word>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
    r"|[^\s\"'#\[\]{}=,.]+)|(?P<comment>#[^\n]*)",
    re.DOTALL,
)


def _toml(text: str) -> object:
    data = repr(tomllib.loads(text))  # 1, 1.0 and true are equal, and their words are not
    words, comments = 0, []
    for match in _TOML.finditer(text):
        if match["comment"] is None:
            words += 1
        else:
            comments.append(_comment(text, match.start(), match["comment"], words))
    return data, comments


def _yaml(text: str) -> object:
    known: dict[int, int] = {}
    documents = [_node(node, known) for node in yaml.compose_all(text, Loader=yaml.SafeLoader)]
    return documents, list(_yaml_comments(text))


def _node(node: yaml.Node | None, known: dict[int, int]) -> object:
    """A node as plain values; an alias is the number of its anchor's node."""
    if node is None:
        return None
    if id(node) in known:
        return ("alias", known[id(node)])
    known[id(node)] = len(known)
    if isinstance(node, yaml.MappingNode):
        held = [(_node(key, known), _node(value, known)) for key, value in node.value]
        return (node.tag, held)
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, [_node(each, known) for each in node.value])
    return (node.tag, node.value)


_YAML_WORDS = (yaml.ScalarToken, yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)


def _yaml_comments(text: str) -> Iterator[Comment]:
    """The comments between the tokens, and behind the | of a block."""
    words, end = 0, 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        start = token.start_mark.index
        yield from _comments_between(text, end, start, words)
        end = max(end, token.end_mark.index)
        if isinstance(token, _YAML_WORDS):
            words += 1
        if isinstance(token, yaml.ScalarToken) and token.style in {"|", ">"}:
            header = text.find("\n", start)
            yield from _comments_between(text, start, end if header < 0 else header, words)
    yield from _comments_between(text, end, len(text), words)


def _comments_between(text: str, start: int, end: int, words: int) -> Iterator[Comment]:
    for match in re.finditer(r"#[^\n]*", text[start:end]):
        yield _comment(text, start + match.start(), match[0], words)


def _comment(text: str, at: int, comment: str, words: int) -> Comment:
    alone = not text[text.rfind("\n", 0, at) + 1 : at].strip()
    return Comment(words, comment.rstrip(), alone)


def _json(text: str) -> object:
    def number(written: str) -> object:
        return ("number", written)

    return json.loads(
        text,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=number,
        parse_float=number,
        parse_constant=number,
    )


_ESSENCES: dict[str, Callable[[str], object]] = {
    ".json": _json,
    ".py": _python,
    ".pyi": _python,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
