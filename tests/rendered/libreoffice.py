"""LibreOffice, unpacked from Debian beside this machine's own programs, and without a screen."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests import debian
from tests.conftest import unavailable

PACKAGE = "libreoffice-calc-nogui"
# How it ends once it has made its profile; the script that usually starts it does so again.
AGAIN = 81
# In a space of mounts of its own, which goes with it: its root, and the folder it works in.
INSIDE = """
set -e
mount --rbind /proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount --bind "$FOLDER" "$ROOT/mnt"
cd /
exec chroot "$ROOT" /usr/lib/libreoffice/program/soffice.bin "$@"
"""
# Comma, quotes, UTF-8, from the first line, no formats of columns; texts are quoted as they are.
CSV = "44,34,76,1,,0,false,true,false"


def convert(file: Path, kind: str) -> Path:
    """Let it open a file of CSV or XLSX, and save it as the other in a folder beside it."""
    if os.getuid() != 0:
        unavailable("root, for LibreOffice in a root of its own")
    saved = f"csv:Text - txt - csv (StarCalc):{CSV}" if kind == "csv" else kind
    opened = [f"--infilter=CSV:{CSV}"] if file.suffix == ".csv" else []
    told = ["--headless", "--norestore", "-env:UserInstallation=file:///mnt/profile", *opened]
    told += ["--convert-to", saved, "--outdir", "/mnt/saved", f"/mnt/{file.name}"]
    environment = os.environ | {"HOME": "/mnt", "ROOT": str(root()), "FOLDER": str(file.parent)}
    run = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", *told]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    while done.returncode == AGAIN:
        done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    result = file.parent / "saved" / f"{file.stem}.{kind}"
    assert result.is_file(), done.stdout + done.stderr
    return result


def root() -> Path:
    """Return its root, as its package's script would have left it."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    unpacked = debian.unpacked(suite, PACKAGE)
    for name in ("proc", "dev", "mnt", "tmp"):
        (unpacked / name).mkdir(exist_ok=True)
    (unpacked / "etc/passwd").write_text("root:x:0:0:root:/mnt:/bin/sh\n", "ascii")
    registry = unpacked / "etc/libreoffice/registry"
    shutil.copytree(unpacked / "usr/lib/libreoffice/share/.registry", registry, dirs_exist_ok=True)
    return unpacked
