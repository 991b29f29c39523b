"""The subjects of commits, as a project's own hook takes them (its docs/workflow.md)."""

from pathlib import Path

_MESSAGES = "workflow/messages.py"  # by which the hook judges them


def subject(project: Path, kind: str, said: str) -> str:
    """What was done, with the kind of change before it where the project asks for that."""
    if not (project / _MESSAGES).is_file():
        return said
    return f"{kind}: {said[:1].lower()}{said[1:]}"
