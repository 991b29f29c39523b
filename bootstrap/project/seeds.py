"""What a template seeds once: the patterns of `_skip_if_exists`, as Copier understands them."""

from dataclasses import replace

import yaml

from bootstrap.project.merge import Renders
from bootstrap.project.template import Template
from bootstrap.project.trees import ScratchRepository


def marked(scratch: ScratchRepository, renders: Renders, source: Template) -> Renders:
    """The renders, with the paths that the newer template seeds once."""
    document = yaml.safe_load(source.config.read_text(encoding="utf-8"))
    patterns = document.get("_skip_if_exists") or []
    if not patterns:
        return renders
    return replace(renders, seeded=scratch.matching(patterns, {**renders.base, **renders.theirs}))
