"""Projects from before the kit had a folder: their own modules go on, and their gates pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import headstart, nightly_but
from tests.rendered.gates import PYTEST, pass_cheap_gates, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("migrate")]

MINE = '''"""What we look at in our own migrations."""

from __future__ import annotations

{imports}

DIFFERENT = (MigrationUnsafe, make_engine)
'''
# What each had, and where: what was moved since by the releases, and by this template.
IMPORTS = {
    "0.1.0": ["migrate.engine import make_engine", "migrate.runtime import MigrationUnsafe"],
    "0.2.0": ["migrate.engine import make_engine", "migrate.errors import MigrationUnsafe"],
    "0.3.0": ["migrate.engine import make_engine", "migrate.errors import MigrationUnsafe"],
    "0.4.0": ["migrate.engine import make_engine", "migrate.errors import MigrationUnsafe"],
}
LATER = ["migrate.autogenerate import is_managed", "migrate.journal import Journal"]
SOMEBODY = ("-c", "user.name=a", "-c", "user.email=a@example.com")


@pytest.mark.parametrize("version", nightly_but("0.4.0", of=("0.1.0", "0.2.0", "0.3.0", "0.4.0")))
def test_the_gates_of_an_updated_project_pass(
    tmp_path: Path, everything: Path, version: str
) -> None:
    words = ("new", "shop", "--defaults", "--version", version)
    headstart(*words, cwd=tmp_path, state=tmp_path / "state")
    shop = tmp_path / "shop"
    own = IMPORTS[version] + (LATER if version != "0.1.0" else [])
    names = "".join(f", {line.rpartition(' ')[2]}" for line in own[2:])
    text = MINE.format(imports="\n".join(f"from {line}" for line in sorted(own)))
    (shop / "tests/mine.py").write_text(text.replace("make_engine)", f"make_engine{names})"))
    env, renames = shop / "migrate/env.py", shop / "migrate/renames.py"
    env.write_text(env.read_text().replace("annotations\n", "annotations  # ours\n", 1))
    if has_renames := renames.exists():  # since 0.3.0
        renames.write_text(f"{renames.read_text()}\n\n# ours\n")
    run(["git", "add", "--all"], shop)
    run(["git", *SOMEBODY, "commit", "-qm", "ours"], shop)
    headstart("update", "--no-verify", "--to", "HEAD", cwd=shop, state=tmp_path / "state")
    run([str(everything / ".venv/bin/ruff"), "check", "--fix", "--select", "I", "-q", "."], shop)
    pass_cheap_gates(shop, everything)
    assert "# ours" in (shop / "migrate/env.py").read_text()
    assert not has_renames or "# ours" in (shop / "migrate/kit/renames.py").read_text()
    tests = ["tests/test_migrations.py", "tests/migrate", "tests/mine.py"]
    run([str(everything / ".venv/bin/python"), *PYTEST, *tests], shop)
