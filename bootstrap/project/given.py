"""What the command line gives as answers: `--data`, `--preset` and `--data-file`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from bootstrap.errors import UsageError
from bootstrap.project.answers import ProvidedAnswers, SourcedValue
from bootstrap.project.questions import Value

# An answers file of another project will do as a data file: these two are Copier's own notes in it.
_COPIERS_OWN = frozenset({"_commit", "_src_path"})


def collect(*, data: Sequence[str], data_file: Path | None, preset: str | None) -> ProvidedAnswers:
    """All given answers: `--data` (the last one wins) before `--preset` before the data file."""
    from_file = read_file(data_file) if data_file else {}
    from_preset = {"preset": SourcedValue(preset, "--preset")} if preset else {}
    return {**from_file, **from_preset, **parse_pairs(data)}


def parse_pairs(pairs: Sequence[str]) -> dict[str, SourcedValue]:
    """The answers in `name=value` arguments."""
    malformed = tuple(pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair)
    if malformed:
        raise UsageError(
            "--data takes name=value.",
            why=tuple(f"{pair!r} has no name and value around a =" for pair in malformed),
            next=("for example: --data project_name=shop",),
        )
    split = (pair.partition("=") for pair in pairs)
    return {name.strip(): SourcedValue(value, "--data") for name, _, value in split}


def read_file(path: Path) -> dict[str, SourcedValue]:
    """The answers in a YAML file, such as the `.copier-answers.yml` of another project."""
    content = _load(path)
    return {
        str(name): SourcedValue(value, path.name)
        for name, value in content.items()
        if name not in _COPIERS_OWN
    }


def _load(path: Path) -> Mapping[str, Value]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except (ValueError, yaml.YAMLError) as error:
        raise _unusable(path, *str(error).splitlines()) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise _unusable(path, "it must hold `name: value` lines")
    return content


def _unusable(path: Path, *why: str) -> UsageError:
    return UsageError(f"The data file {path} cannot be used.", why=why)
