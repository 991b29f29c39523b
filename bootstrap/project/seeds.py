"""What a template seeds once: the patterns of `_skip_if_exists`, as Copier understands them."""

from dataclasses import replace

import yaml

from bootstrap.project import git
from bootstrap.project.merge import Renders
from bootstrap.project.template import Template
from bootstrap.project.trees import Workbench


def marked(bench: Workbench, renders: Renders, source: Template) -> Renders:
    """The renders, with the paths that the newer template seeds once."""
    document = yaml.safe_load(source.config.read_text(encoding="utf-8"))
    patterns = document.get("_skip_if_exists") or []
    if not patterns:
        return renders
    rules = bench.folder / "seeded"
    rules.write_text("".join(f"{pattern}\n" for pattern in patterns), encoding="utf-8")
    words = ("ls-files", "--others", "--ignored", f"--exclude-from={rules}", "-z")
    there = {"GIT_DIR": str(bench.repository.git_dir), "GIT_WORK_TREE": "."}
    environ = {**there, "GIT_INDEX_FILE": str(bench.folder / "no-index")}
    listed = [
        git.run(*git.ISOLATED, *words, cwd=folder, environ=environ)
        for folder in (renders.base, renders.theirs)
    ]
    names = {name for each in listed for name in each.split("\0") if name}
    return replace(renders, seeded=frozenset(names))
