"""The folder of what gateways are told: what follows from the api, and what its people fill in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.gateway import azure, wso2
from app.gateway.openapi import Document, for_gateways, identity, operations, violations
from app.settings import Project

ENVIRONMENTS = ("dev", "prod")
IDENTITIES = "operations.txt"
GONE = """\
These operations are published, and would be deleted with their policies: {}
If they were renamed, give them their former operation_id; if they are to go: --drop"""


class Unpublishable(Exception):
    """An importer would refuse it, or would lose what it has."""


class Folder:
    """`root`/azure and `root`/wso2, and the ids of operations that both are held to."""

    def __init__(self, root: Path, project: Project) -> None:
        self._root = root
        self._project = project

    def write(self, document: Document, *, may_drop: bool = False) -> list[Path]:
        """Write what is missing or another one; raises Unpublishable before anything is written."""
        told = self._told(document)
        dropped = self._known() - self._named(told)
        if dropped and not may_drop:
            raise Unpublishable(GONE.format(", ".join(sorted(dropped))))
        once = {path: text for path, text in self._once(told) if not (self._root / path).exists()}
        made = {**dict(self._made(told)), **once}
        return [path for path, text in made.items() if _put(self._root / path, text)]

    def differing(self, document: Document) -> list[Path]:
        """What is not what follows from the api; nothing where none was written yet."""
        if not (self._root / IDENTITIES).exists():
            return []
        made = self._made(self._told(document))
        return [path for path, text in made if _text(self._root / path) != text]

    def _told(self, document: Document) -> Document:
        told = for_gateways(document)
        if wrong := list(violations(told)):
            raise Unpublishable("\n".join(wrong))
        return told

    def _made(self, told: Document) -> Iterator[tuple[Path, str]]:
        for name, gateway in (("azure", azure), ("wso2", wso2)):
            made = gateway.files(self._project, told)
            yield from ((Path(name, path), text) for path, text in made)
        yield Path(IDENTITIES), "".join(f"{name}\n" for name in sorted(self._named(told)))

    def _once(self, told: Document) -> Iterator[tuple[Path, str]]:
        for each in ENVIRONMENTS:
            of_azure = azure.configuration(self._project, told, each)
            yield Path("azure", f"configuration.{each}.yaml"), of_azure
            yield Path("wso2", f"api_params.{each}.yaml"), wso2.configuration(self._project, each)

    def _named(self, told: Document) -> set[str]:
        return {identity(each) for each in operations(told)}

    def _known(self) -> set[str]:
        return set(_text(self._root / IDENTITIES).split())


def _put(path: Path, text: str) -> bool:
    if _text(path) == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return True


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
