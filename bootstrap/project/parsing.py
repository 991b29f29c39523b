"""Whether a merged text is still valid: two good changes can make one bad file."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable
from pathlib import PurePosixPath

import yaml


class _Once(yaml.SafeLoader):
    """YAML whose mappings have each key once, as everybody who reads it takes for granted."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        named = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        _refuse_twice([self.construct_object(key, deep=True) for key in named])
        built: dict[object, object] = super().construct_mapping(node, deep=deep)
        return built


def is_known(path: str) -> bool:
    """Whether a file of that name can be valid or not."""
    return PurePosixPath(path).suffix in _PARSERS


def complaint(path: str, content: bytes) -> str:
    """Why the content is not valid for a file of that name; empty where it is, or nobody knows."""
    parse = _PARSERS.get(PurePosixPath(path).suffix)
    if parse is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse(content.decode("utf-8"))
    except (ValueError, SyntaxError, yaml.YAMLError, RecursionError) as error:
        return " ".join(str(error).split())
    return ""


def _yaml(text: str) -> None:
    for _ in yaml.load_all(text, Loader=_Once):
        pass


def _json(text: str) -> None:
    json.loads(text, object_pairs_hook=lambda pairs: _refuse_twice([key for key, _ in pairs]))


def _refuse_twice(keys: list[object]) -> None:
    twice = [key for number, key in enumerate(keys) if key in keys[:number]]
    if twice:
        raise ValueError(f"the key {twice[0]!r} is there twice")


_PARSERS: dict[str, Callable[[str], object]] = {
    ".json": _json,
    ".py": ast.parse,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
