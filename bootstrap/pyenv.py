"""Which Pythons pyenv has built on this machine, read from its folder without running it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootstrap.versions import minor, numbers


def root(environ: Mapping[str, str]) -> Path:
    """Where pyenv keeps its versions: `PYENV_ROOT`, else `~/.pyenv`."""
    configured = environ.get("PYENV_ROOT")
    return Path(configured) if configured else Path.home() / ".pyenv"


def executable(prefix: Path, version: str) -> Path | None:
    """The interpreter of `version` under its prefix, where there is one to run."""
    path = prefix / "bin" / f"python{minor(version)}"
    return path if _runs(path) else None


def prefix_of(interpreter: Path) -> Path:
    """Where the build of an interpreter was installed; a framework has a layout of its own in it.

    python-build makes PREFIX/Library/Frameworks/Python.framework/Versions/3.13/bin, Homebrew the
    same without Library.
    """
    framework = next((at for at in interpreter.parents if at.suffix == ".framework"), None)
    if framework is None:
        return interpreter.parents[1]
    around = (at for at in framework.parents if at.name not in {"Frameworks", "Library"})
    prefix = next(around)
    return prefix if prefix.name else framework


def marker(prefix: Path) -> Path:
    """The file that says a prefix is half made; pyenv does not list it among its versions."""
    return prefix.with_name(f".{prefix.name}.building")


def aside(prefix: Path) -> tuple[Path, ...]:
    """Earlier prefixes that wait for the present one to verify, oldest first."""
    return tuple(sorted(prefix.parent.glob(f"{prefix.name}.aside-" + "[0-9]" * 14)))


def final_versions(folder: Path) -> tuple[str, ...]:
    """The final releases under `folder` that have a Python to run, newest first."""
    try:
        entries = list((folder / "versions").iterdir())
    except OSError:
        return ()
    return newest_first(entry.name for entry in entries if _runs(entry / "bin" / "python"))


def newest_first(names: Iterable[str]) -> tuple[str, ...]:
    """Only the `X.Y.Z` among the names: pre-releases, other Pythons and aliases are left out."""
    final = [name for name in names if len(numbers(name)) == 3]  # noqa: PLR2004
    return tuple(sorted(final, key=lambda name: (numbers(name), name), reverse=True))


def _runs(python: Path) -> bool:
    return python.is_file() and os.access(python, os.X_OK)
