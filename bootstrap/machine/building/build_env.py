"""The variables a build runs with: an allow-list, and a PATH without what has poisoned builds."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootstrap.machine.facts.platform import PlatformFact

_KEPT = {
    *("HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TZ", "DEVELOPER_DIR"),
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    *("MAKE_OPTS", "MAKEOPTS", "PYENV_ROOT", "PYENV_HOOK_PATH", "CCACHE_DIR"),
    # These are addressed to the build by their names; nobody has them by accident.
    *("PYTHON_CONFIGURE_OPTS", "PYTHON_CFLAGS", "PYTHON_CPPFLAGS", "PYTHON_LDFLAGS"),
    *("PYTHON_MAKE_OPTS", "PYTHON_MAKE_INSTALL_OPTS", "PYTHON_MAKE_INSTALL_TARGET"),
}
_KEPT_PREFIXES = ("LC_", "PYTHON_BUILD_", "HOMEBREW_", "ac_cv_")
# What changes a build unasked, and is named when it is left out.
POISONS = {
    *("CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "LIBS", "CONFIGURE_OPTS", "CC", "CXX", "CPP"),
    *("LD", "AR", "RANLIB", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "LD_LIBRARY_PATH"),
    *("LD_PRELOAD", "SDKROOT", "PKG_CONFIG_PATH", "PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX"),
    *("DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "DYLD_FALLBACK_LIBRARY_PATH"),
}
_POISONED_PATH = re.compile(
    r"conda|mambaforge|miniforge|/gnubin(?:/|$)|/binutils(?:/|$)|/Cellar/gcc|/opt/gcc"
    r"|/(?:opt|Cellar)/llvm(?:@\d+)?(?:/|$)|/\.?linuxbrew/|/\.?pyenv/shims/?$|/opt/local/"
)


def clean(inherited: Mapping[str, str], platform: PlatformFact) -> dict[str, str]:
    """The variables for a build on `platform`; every other one is left out."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return kept | {"PATH": os.pathsep.join(clean_path(inherited, platform))}


def clean_path(inherited: Mapping[str, str], platform: PlatformFact) -> tuple[str, ...]:
    """PATH without other people's compilers, and with no Homebrew but that of this chip.

    pyenv asks the first `brew` on PATH where its libraries are.
    """
    venv = inherited.get("VIRTUAL_ENV") or "\0"
    of_others = _of_others(platform)
    entries = inherited.get("PATH", os.defpath).split(os.pathsep)
    kept = [
        entry
        for entry in entries
        if entry
        and not _POISONED_PATH.search(entry)
        and not entry.startswith(venv)
        and not f"{entry}/".startswith(of_others)
    ]
    own = (str(each.program.parent) for each in platform.brews[:1])
    usual = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
    return tuple(dict.fromkeys((*kept, *own, *usual)))


def _of_others(platform: PlatformFact) -> tuple[str, ...]:
    """The folders of Homebrews that are for another architecture."""
    others = [each for each in platform.brews if each.architecture not in {"", platform.machine}]
    return tuple(f"{at}/" for each in others for at in (each.prefix, each.program.parent))


def left_out(inherited: Mapping[str, str], platform: PlatformFact) -> tuple[str, ...]:
    """The names of what would have changed the build, for people."""
    variables = sorted(name for name in POISONS & inherited.keys() if inherited[name])
    before = [entry for entry in inherited.get("PATH", "").split(os.pathsep) if entry]
    kept = set(clean_path(inherited, platform))
    entries = [entry for entry in dict.fromkeys(before) if entry not in kept]
    return (*variables, *(f"PATH entry {entry}" for entry in entries if "shims" not in entry))
