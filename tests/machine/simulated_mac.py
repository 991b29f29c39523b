"""A Mac made of shims that behave and fail like the real commands."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import pyenv

if TYPE_CHECKING:
    import subprocess

    from tests.machine.conftest import Shop

# Each answers as recorded in the notes of real Macs; MAC_… variables choose the Mac, and how many
# seconds its long commands take.
SHIMS = {
    "uname": 'case "$1" in -m) echo "$MAC_MACHINE";; *) echo Darwin;; esac',
    "sw_vers": 'echo "$MAC_VERSION"',
    "sysctl": 'case "$*" in *proc_translated*) echo "${MAC_TRANSLATED:-0}";; *) echo 8;; esac',
    "arch": '[ "$1" = -arm64 ] && shift && MAC_TRANSLATED=0 exec "$@"',
    "xcode-select": (
        'if [ "$MAC_TOOLS" = no ]; then echo "xcode-select: error: unable to get active developer'
        ' directory" >&2; exit 2; fi; echo /Library/Developer/CommandLineTools'
    ),
    "xcrun": (
        'if [ -n "$MAC_XCRUN_SAYS" ]; then echo "$MAC_XCRUN_SAYS" >&2; exit 69; fi; echo "$MAC_SDK"'
    ),
    "brew": """
echo "brew $*" >> "$MAC/calls"
case "$1" in
--prefix) echo "$MAC_BREW${2:+/opt/$2}";;
install)
	if [ -n "$MAC_BREW_SAYS" ]; then
		echo "==> Auto-updating Homebrew..."; printf '%s\n' "$MAC_BREW_SAYS" >&2; exit 1
	fi
	sleep "${MAC_SECONDS:-0}"; shift; for formula in "$@"; do
	mkdir -p "$MAC_BREW/opt/$formula/include/openssl" "$MAC_BREW/opt/$formula/include"
	case $formula in
	openssl@3) touch "$MAC_BREW/opt/$formula/include/openssl/ssl.h";;
	xz) touch "$MAC_BREW/opt/$formula/include/lzma.h";;
	pyenv) cp "$MAC/pyenv.shim" "$MAC/bin/pyenv";;
	esac
done;;
uninstall) rm -rf "$MAC_BREW/opt/$2";;
services) sleep "${MAC_SECONDS:-0}"; eval "$MAC_SERVICES" >/dev/null;;
esac""",
    "pyenv": """
env | grep -E '^(PYTHON_CONFIGURE_OPTS|ac_cv_|PATH)' | sort | tr '\\n' ' ' >> "$PYTHON_BUILD_CALLS"
echo "pyenv $*" >> "$PYTHON_BUILD_CALLS"
echo "Installing Python-$2..." >&2
case "$PYTHON_BUILD_FAILS:$PYTHON_CONFIGURE_OPTS" in
plain:*--enable-framework*) framework=Python;;
plain:*) echo "ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?" >&2
	exit 1;;
esac
bin="$PYENV_ROOT/versions/$2/bin"
mkdir -p "$bin"
sleep "${PYTHON_BUILD_SECONDS:-0}"
cat > "$bin/python${2%.*}" <<END
#!/bin/sh
case "\\$1" in -I)
	echo '{"version": "$2", "machine": "'"\\$(uname -m)"'", "missing": [],'\\
	' "openssl": "OpenSSL 3.5.1", "framework": "'"$framework"'",'\\
	' "flags": "'"$PYTHON_CONFIGURE_OPTS"'"}';;
*) exec $PYTHON_BUILD_REAL "\\$@";;
esac
END
chmod +x "$bin/python${2%.*}"
""",
}


@dataclass
class Mac:
    shop: Shop
    folder: Path
    version: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def brew(self) -> Path:
        return Path(self.variables["MAC_BREW"])

    def up(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Agreed to beforehand, unless arguments say otherwise."""
        return self.shop.headstart(
            "up", "--json", *(arguments or ("--yes",)), **self.variables | more
        )

    def plan(self, **more: str) -> dict[str, dict[str, object]]:
        done = self.shop.headstart("plan", "--json", **self.variables | more)
        assert done.returncode == 0, done.stdout + done.stderr
        return {step["name"]: step for step in json.loads(done.stdout)["steps"]}

    def calls(self) -> str:
        path = self.folder / "calls"
        return path.read_text() if path.exists() else ""

    def install(self, formula: str, header: str) -> None:
        path = self.brew / "opt" / formula / "include" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def new_mac(shop: Shop, folder: Path, version: str) -> Mac:
    """A new M3: Command Line Tools, an empty Homebrew with pyenv, no OpenSSL, no xz."""
    shims = folder / "bin"
    shims.mkdir(parents=True)
    for name, body in SHIMS.items():
        (shims / name).write_text(f"#!/bin/sh\n{body}\n")
        (shims / name).chmod(0o755)
    (shop.root / ".python-version").write_text(f"{version}\n")
    real = pyenv.root(os.environ) / "versions" / version / "bin" / "python3"
    mac = Mac(shop, folder, version)
    (folder / "homebrew").mkdir()
    (folder / "tmp").mkdir()
    (folder / "home").mkdir()
    mac.variables = {
        "MAC": str(folder),
        "HOME": str(folder / "home"),
        "SHELL": "/bin/zsh",
        "MAC_MACHINE": "arm64",
        "MAC_VERSION": "26.1",
        "MAC_SDK": "26.1",
        "MAC_BREW": str(folder / "homebrew"),
        "PATH": f"{shims}:/usr/bin:/bin",
        "PYENV_ROOT": str(folder / "pyenv"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHON_BUILD_CALLS": str(folder / "calls"),
        "PYTHON_BUILD_REAL": str(real),
    }
    return mac
