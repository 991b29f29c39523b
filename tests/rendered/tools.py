"""The tools of the field, as a pipeline runs them: what each finds in a file, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
YAMLLINT = {
    "extends": "default",
    "rules": {
        "braces": {"max-spaces-inside": 1},
        "comments": {"min-spaces-from-content": 1},
        "document-start": "disable",
        "line-length": {"max": 130},
        "truthy": {"check-keys": False},  # `on:` is GitHub's
    },
}

Command = list[str]


def hadolint(dockerfile: Path) -> Command:
    return ["hadolint", "--no-color", str(dockerfile)]


def of_schema(schema: str, *files: Path) -> Command:
    """By a schema that check-jsonschema brings, or by one of ours."""
    kind = "--schemafile" if schema.startswith("/") else "--builtin-schema"
    return ["check-jsonschema", kind, schema, *map(str, files)]


def yamllint(*files: Path) -> Command:
    return ["yamllint", "--strict", "--config-data", json.dumps(YAMLLINT), *map(str, files)]


def findings(command: Command) -> str:
    """What a tool says about its files; empty where it finds nothing."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout or not done.returncode, f"{command[0]} ends with {done.returncode}"
    return done.stdout if done.returncode else ""


def actionlint(*workflows: Path) -> Command:
    """With shellcheck, for the lines that a workflow gives to a shell."""
    return ["actionlint", "-no-color", "-shellcheck", str(BIN / "shellcheck"), *map(str, workflows)]


def zizmor(folder: Path) -> Command:
    """Unpinned actions, injections, permissions and credentials that are too wide."""
    return ["zizmor", "--offline", "--no-progress", "--color=never", str(folder)]


def kubernetes(*manifests: Path) -> Command:
    """By the schemas of Kubernetes 1.34: no word that it does not know; custom ones pass."""
    return ["kubernetes-validate", "--strict", "-k", "1.34", *map(str, manifests)]


def openapi(*documents: Path) -> Command:
    """By the specification of the version that a document names."""
    return ["openapi-spec-validator", *map(str, documents)]
