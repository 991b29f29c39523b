"""What fails a build, by families: each in other versions, paths, spellings and languages."""

# ruff: noqa: RUF001 - the quotation marks of a compiler are what they are

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

APT = "apt-get"


@dataclass(frozen=True)
class Told:
    """A text, its cause, what the advice must have and what it must not."""

    cause: str
    text: str
    helps: str = ""
    never: str = ""


def built(system: str, *lines: str, python: str = "") -> str:
    """A build's last lines, as python-build ends them."""
    begun = (f"Downloading Python-{python}.tar.xz...", f"Installing Python-{python}...") * bool(
        python
    )
    return "\n".join((*begun, *lines, "", f"BUILD FAILED ({system} using python-build 2.4.10)"))


def openssl_by_age() -> Iterator[Told]:
    no_ssl = "ERROR: The Python ssl extension was not compiled. Missing the OpenSSL lib?"
    taken = (
        *("openssl@3 from homebrew", "openssl from homebrew", "openssl@4 from homebrew"),
        "openssl3 from MacPorts",
    )
    for version, which, system in product(
        ("2.7.6", "2.7.18", "3.5.10", "3.6.1", "3.6.15"), taken, ("OS X 13.0", "OS X 26.1")
    ):
        text = f"python-build: use {which}\n" + built(system, no_ssl, python=version)
        yield Told("openssl-mismatch", text, "openssl@1.1", "brew install openssl@3")
        yield Told("openssl-mismatch", text, f"pyenv install {version}", APT)
        yield Told("openssl-mismatch", text, "3.9 or newer", APT)
    for version, system in product(
        ("2.7.8", "2.7.12", "3.4.9", "3.5.2"), ("Ubuntu 24.04", "Debian GNU/Linux 12", "Fedora 40")
    ):
        text = built(system, no_ssl, python=version)
        yield Told("openssl-mismatch", text, "3.6.15", "libssl-dev")
    for version in ("3.7.17", "3.8.20"):
        brewed = (
            f"python-build: use openssl@3 from homebrew\n{built('OS X 14', no_ssl, python=version)}"
        )
        yield Told("openssl-mismatch", brewed, "openssl@1.1", APT)
        plain = built("Ubuntu 22.04", no_ssl, python=version)
        yield Told("openssl-missing", plain, "apt-get install -y libssl-dev")
    for version in ("3.9.21", "3.13.1"):
        brewed = built("OS X 14.5", no_ssl, python=version)
        brewed = f"python-build: use openssl@3 from homebrew\n{brewed}"
        yield Told("openssl-missing", brewed, "brew install openssl@3", APT)
        plain = built("Ubuntu 22.04", no_ssl, python=version)
        yield Told("openssl-missing", plain, "apt-get install -y libssl-dev")
    for version, system in (
        *product(("3.10.14", "3.12.1"), ("CentOS Linux 7", "Amazon Linux 2", "Ubuntu 16.04")),
        ("3.7.5", "Ubuntu 14.04"),
    ):
        text = built(system, no_ssl, python=version)
        yield Told("openssl-mismatch", text, "--with-openssl=$HOME/.local", "openssl-devel")
    for version, system in (("3.9.1", "CentOS Linux 7"), ("3.12.1", "Amazon Linux 2023")):
        yield Told("openssl-missing", built(system, no_ssl, python=version), "openssl-devel")
    untold = built("OS X 13.0", no_ssl, python="3.6.15")
    yield Told("openssl-mismatch", untold, "openssl@1.1", "brew install openssl@3")
    # On Linux pyenv builds these with OpenSSL 3, so there its headers are not there.
    plain = built("Debian GNU/Linux 12", no_ssl, python="3.6.15")
    yield Told("openssl-missing", plain, "libssl-dev")
    for version in ("3.5.1", "2.7.9", "3.6.3"):
        line = "./Modules/_ssl.c:299:1: error: redefinition of 'X509_NAME_ENTRY_set'"
        yield Told("openssl-mismatch", built("OS X 10.15", line, python=version), "1.1")


def compilers_by_path() -> Iterator[Told]:
    named = (
        *("/home/u/gcc-linaro/bin/arm-linux-gnueabihf-gcc", "/opt/x/riscv64-unknown-linux-gnu-gcc"),
        *("/opt/sdk/bin/aarch64-poky-linux-gcc --sysroot=/opt/x", "aarch64-linux-gnu-gcc"),
        *("x86_64-w64-mingw32-gcc", "arm-none-eabi-gcc", "/usr/local/bin/gcc-11"),
        *("/home/u/miniconda3/bin/x86_64-conda-linux-gnu-cc", "/usr/lib/ccache/gcc"),
        *("/snap/bin/cc", "/opt/rh/devtoolset-9/root/usr/bin/gcc", "ccache /opt/old/bin/gcc"),
        *("/home/u/my tools/bin/gcc", "(cached) /opt/musl/bin/musl-gcc"),
    )
    ends = (
        "configure: error: cannot run C compiled programs.",
        "configure: error: C compiler cannot create executables",
        "configure: error: cannot compute suffix of object files: cannot compile",
    )
    for compiler, end, asked in product(named, ends, ("gcc", "x86_64-linux-gnu-gcc", "cc")):
        lines = (f"checking for {asked}... {compiler}", "configure: error: in `/tmp/x':", end)
        yield Told("foreign-compiler", built("Ubuntu 20.04", *lines), "unset CC")
        yield Told("foreign-compiler", "\n".join(lines), "unset CC")
        yield Told("foreign-compiler", built("OS X 12.2.1", *lines), "unset CC", APT)
    brewed = "python-build: use readline from homebrew\nchecking for gcc... gcc\n"
    text = f"{brewed}configure: error: C compiler cannot create executables"
    yield Told("foreign-compiler", f"{text}\n{built('Ubuntu 18.04')}", "Homebrew off PATH")
    for build, compiler in (
        ("x86_64-pc-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
        ("x86_64-pc-linux-gnu", "/usr/bin/arm-linux-gnueabihf-gcc-12"),
        ("aarch64-unknown-linux-gnu", "/usr/bin/x86_64-linux-gnu-gcc"),
    ):
        kind = f"checking build system type... {build}\nchecking for gcc... {compiler}"
        yield Told("foreign-compiler", f"{kind}\n{ends[0]}", "unset CC")
    native = "checking build system type... aarch64-unknown-linux-gnu\nchecking for gcc... "
    yield Told("unknown", f"{native}/usr/bin/aarch64-linux-gnu-gcc\n{ends[0]}")
    # Also where it is not the compiler that is told to fail.
    odd = "checking for gcc... /opt/gcc-4/bin/gcc\nfoo.c:1:1: sorry, unimplemented: odd"
    yield Told("foreign-compiler", f"{odd}\n{built('Debian GNU/Linux 12')}", "unset CC")
    known = f"{odd}\nNo space left on device\n{built('Debian GNU/Linux 12')}"
    yield Told("disk-full", known, "df -h")
    own = ("gcc", "cc", "/usr/bin/gcc", "/usr/bin/x86_64-linux-gnu-gcc", "clang")
    for compiler, end in product(own, ends[:1]):
        yield Told("unknown", built("Ubuntu 20.04", f"checking for gcc... {compiler}", end))


def homebrew_on_linux() -> Iterator[Told]:
    lines = (
        "/usr/bin/install: cannot stat 'Modules/_ctypes.cpython-311-x86_64-linux-gnu.so': No such",
        "install: der Aufruf von stat für 'Modules/_crypt.cpython-312-aarch64-linux-gnu.so' ist",
        "[ERROR] nis failed to import: libnsl.so.3: cannot open shared object file",
        "/home/linuxbrew/.linuxbrew/lib/libreadline.so: undefined reference to `tputs'",
        "./python: /lib/libc.so.6: version `GLIBC_2.35' not found (required by /home/linuxbrew/x)",
    )
    used = ("ncurses", "openssl@3", "readline", "tcl-tk")
    systems = ("Ubuntu 23.10", "Linux Mint 21.2", "Debian 11", "Fedora Linux 39")
    for line, formula, system in product(lines, used, systems):
        text = f"python-build: use {formula} from homebrew\n{built(system, line, python='3.12.4')}"
        yield Told("foreign-compiler", text, "PYTHON_BUILD_SKIP_HOMEBREW=1", "brew install")


def loader_messages() -> Iterator[Told]:
    functions = ("utimensat", "clock_gettime", "mkfifoat", "preadv", "getentropy", "brandnew")
    said = (
        "dyld: lazy symbol binding failed: Symbol not found: _{0}",
        "dyld: Symbol not found: _{0}",
        "dyld[812]: Symbol not found: (_{0})",
        "ImportError: dlopen(/x/_posix.cpython-310-darwin.so, 0x0002): Symbol not found: (_{0})",
    )
    expected = (
        "Expected in: /usr/lib/libSystem.B.dylib",
        "Expected in: '/usr/lib/libSystem.B.dylib'",
        "Expected in:     <AB12-34> /usr/lib/libSystem.B.dylib",
        "Expected in: /usr/lib/system/libsystem_kernel.dylib",
    )
    for function, line, where in product(functions, said, expected):
        named = line.format(function)
        text = f"{named}\n  Referenced from: /private/tmp/Python-3.6.2/./python.exe\n  {where}\n"
        yield Told("sdk-newer-than-os", text, f"ac_cv_func_{function}=no", APT)
    versioned = "Symbol not found: _fdopendir$INODE64\n  Referenced from: /x\n  " + expected[0]
    yield Told("sdk-newer-than-os", versioned, "ac_cv_func_fdopendir=no", "INODE64")
    inner = "Symbol not found: ___chkstk_darwin\n  Referenced from: /x\n  " + expected[0]
    yield Told("sdk-newer-than-os", inner, "softwareupdate", "ac_cv")
    both = "dyld[7]: Symbol not found: (_dup3)\n  Referenced from: '/x'\n  " + expected[1]
    yield Told("sdk-newer-than-os", both, "ac_cv_func_dup3=no ac_cv_func_pipe2=no")
    for line in (
        "dyld[5]: symbol not found in flat namespace '_preadv'",
        "dyld[5]: symbol not found in flat namespace (_preadv)",
        "dyld: Symbol not found: _preadv\n  Referenced from: /x\n  Expected in: flat namespace",
        '  "_preadv", referenced from:\n      _os_preadv in posixmodule.o',
    ):
        yield Told("sdk-newer-than-os", line, "ac_cv_func_preadv=no", APT)
    for line in (
        "dyld[88]: symbol not found in flat namespace '_libintl_bindtextdomain'",
        "dyld[1]: symbol not found in flat namespace (_libintl_gettext)",
        "Symbol not found: (_libintl_textdomain)",
    ):
        yield Told("libintl-arch", f"{line}\nAbort trap: 6", "brew install gettext", APT)
    intl = "Library not loaded: /usr/local/opt/gettext/lib/libintl.8.dylib\n  Reason: "
    mixed = f"{intl}tried: '/x' (mach-o file, but is an incompatible architecture (have 'x86_64'"
    yield Told("libintl-arch", mixed, "brew install gettext", APT)
    yield Told("library-missing", f"{intl}tried: '/x' (no such file)", "brew reinstall gettext")
    libraries = (
        "gettext/lib/libintl.8",
        "mpdecimal/lib/libmpdec.3",
        "ncurses/lib/libncursesw.6",
        "gdbm/lib/libgdbm.6",
    )
    for library, prefix, quote in product(libraries, ("/usr/local", "/opt/homebrew"), ("", "'")):
        path = f"{prefix}/opt/{library}.dylib"
        text = f"Library not loaded: {quote}{path}{quote}\n  Referenced from: /Users/a/python"
        yield Told("library-missing", text, f"brew reinstall {library.split('/')[0]}", APT)
    for path in ("/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib", "/usr/local/opt/openssl/lib/x"):
        yield Told("openssl-mismatch", f"dyld[4]: Library not loaded: '{path}'", "", APT)


def newer_compilers() -> Iterator[Told]:
    crashes = (
        "/bin/sh: line 7: 1 Segmentation fault      (core dumped) ./python -E -m ensurepip",
        "sh: Zeile 7: 1 Speicherzugriffsfehler (Speicherabzug geschrieben) ./python -m ensurepip",
        "./python -E -m ensurepip \\\nmake: *** [Makefile:1102: install] Fehler 139",
        "./python -E -m ensurepip \\\nmake: *** [install] エラー 139",
        "Command '['/x/python', '-m', 'ensurepip']' died with <Signals.SIGSEGV: 11>.",
    )
    systems = ("Fedora Linux 36", "Arch Linux", "Ubuntu 22.04", "Debian GNU/Linux 12")
    for version, crash, system in product(("2.7.14", "3.5.9", "3.6.8", "3.7.2"), crashes, systems):
        text = built(system, crash, python=version)
        yield Told("old-python-new-compiler", text, f"CFLAGS=-O2 pyenv install {version}")
    yield Told("unknown", built("Fedora Linux 40", crashes[0], python="3.12.1"))
    c23, common = "-std=gnu17", "-fcommon"
    refused = {
        "asdl.h:9:15: error: cannot use keyword ‘false’ as enumeration constant": c23,
        "./x.h:3: note: 'bool' is a keyword with '-std=c23' onwards": c23,
        "    9 | typedef enum {false, true} bool;": c23,
        "m.c:72:1: error: static declaration of ‘sinpi’ follows non-static declaration": c23,
        "ld: b.o:(.bss+0x0): multiple definition of `core'; a.o: first defined here": common,
        "/usr/bin/ld: b.o: multiple definition of 'x'; a.o: first defined here": common,
    }
    for (line, flag), version in product(refused.items(), ("2.7.18", "3.4.10")):
        text = built("Fedora Linux 42", line, "make: *** [x] Error 1", python=version)
        yield Told("old-python-new-compiler", text, flag)
    for line in (
        "./Modules/posixmodule.c:60:10: fatal error: sys/sysctl.h: No such file or directory",
        "./Modules/posix.c:9:10: schwerwiegender Fehler: stropts.h: Datei oder Verzeichnis",
        "Modules/nismodule.c:17:10: fatal error: rpc/rpc.h: No such file or directory",
        "Modules/_cryptmodule.c:8:10: fatal error: crypt.h: No such file or directory",
        "/usr/include/linux/mount.h:95:6: error: redeclaration of ‘enum fsconfig_command’",
        "Modules/faulthandler.c:1:1: error: variably modified ‘stack’ at file scope",
    ):
        yield Told("old-python-new-sdk", built("Arch rolling", line, python="3.4.10"), "", "xcode")
    pasted = built(
        "OS X 11.6", "        ret = sendfile(in, out, offset, &sbytes, &sf, flags);", python="3.6.7"
    )
    yield Told("old-python-new-sdk", pasted, "brew upgrade pyenv", APT)


def patches_of_ones_own() -> Iterator[Told]:
    given = (
        "$ pyenv install --patch 3.10.1 < fix.patch",
        "pyenv install -v -p 3.8.6 < <(curl -sSL https://github.com/a/b/commit/8ea.patch?full_index=1)",
        "python-build --patch 3.10.1 /Users/t/.asdf/installs/python/3.10.1",
        "with patch file from: https://example.org/8ea6353.patch",
    )
    failed = (
        "patching file configure\nHunk #1 FAILED at 3426.\n1 out of 1 hunk FAILED -- x",
        "can't find file to patch at input line 3",
        "Reversed (or previously applied) patch detected!  Skipping patch.",
        "patching file configure\n1 out of 1 hunks failed--saving rejects to configure.rej",
    )
    for command, line, system in product(given, failed, ("OS X 11.3.1", "Ubuntu 22.04")):
        text = f"{command}\n{built(system, line, python='3.10.1')}"
        yield Told("own-patch", text, "pyenv install 3.10.1   # without --patch", APT)
    for line in (
        "patch: **** Only garbage was found in the patch input.",
        "patch: **** malformed patch at line 12: --",
    ):
        yield Told("own-patch", built("Ubuntu 20.04", line, python="3.8.3"), "without --patch")
    plain = built("Ubuntu 20.04", "Hunk #1 FAILED at 61.", python="3.8.3")
    yield Told("pyenv-outdated", plain, 'git -C "$(pyenv root)" pull')


def windows() -> Iterator[Told]:
    homes = ("/mnt/c/Users/jane/.pyenv", "/mnt/c/Users/Jane Doe/.pyenv", "/mnt/d/tools/choco/lib")
    says = (
        "bash: {}/pyenv-win/bin/pyenv: /bin/sh^M: bad interpreter: No such file or directory",
        "{}/pyenv-win/bin/pyenv: line 3: $'\\r': command not found",
        "{}/pyenv-win/bin/pyenv: 4: cscript: not found",
        "{}/pyenv-win/bin/pyenv: Zeile 1: $'\\r': Kommando nicht gefunden.",
        "zsh: {}/pyenv-win/shims/python: bad interpreter: /bin/sh^M: no such file or directory",
    )
    for home, line in product(homes, says):
        yield Told("windows-pyenv", line.format(home), "$HOME/.pyenv", "autocrlf")
    for line in (
        "/usr/bin/env: ‘bash\\r’: No such file or directory",
        "env: bash\\r: No such file or directory",
        "/usr/bin/env: 'bash\r': No such file or directory",
        "/usr/bin/env: »bash\\r“: Datei oder Verzeichnis nicht gefunden",
        "/home/u/.pyenv/bin/pyenv: line 4: $'\\r': command not found",
        "/opt/pyenv/libexec/pyenv-init: Zeile 4: $'\\r': Kommando nicht gefunden.",
        "/home/u/.pyenv/bin/python-build: line 15: syntax error near unexpected token `$'{\\r''",
        "zsh: /home/u/.pyenv/bin/pyenv: bad interpreter: /usr/bin/env^M: no such file",
        ": invalid optionenv/bin/pyenv: line 2: set: -",
        "$ pyenv\n: No such file or directory",
        "': not a valid identifier/.pyenv/bin/pyenv: line 3: unset: `CDPATH",
    ):
        yield Told("crlf-checkout", line, "core.autocrlf input")


def busybox() -> Iterator[Told]:
    banner = "BusyBox v1.36.1 (2023-07-27 17:12:24 UTC) multi-call binary."
    tools = (
        "sha256sum",
        "tar",
        "sort",
        "wget",
        "patch",
        "cp",
        "mktemp",
        "/bin/tar",
        "/usr/bin/env",
    )
    says = (
        "{}: unrecognized option: quiet",
        "{}: unrecognized option '--quiet'",
        "{}: unrecognized: -q",
    )
    for tool, line in product(tools, says):
        text = f"Downloading Python-3.9.0.tar.xz...\n{line.format(tool)}\n{banner}\n"
        ended = (
            f"{text}error: failed to download Python-3.9.0.tar.xz\n{built('Alpine Linux 3.15.0')}"
        )
        yield Told("tool-too-small", ended, "apk add coreutils")
        yield Told("tool-too-small", text, "apk add coreutils")
    yield Told("tool-too-small", built("Alpine Linux 3.20", "ps: unrecognized option: p"), "procps")
    for line in (
        "env: can't execute 'bash': No such file or directory",
        "env: bash: No such file or x",
    ):
        yield Told("bash-missing", built("Alpine Linux 3.20", line), "apk add bash")
    yield Told("tool-too-small", "xargs: unrecognized option: d", "apk add coreutils findutils")
    yield Told("tool-too-small", built("Alpine Linux 3.20", "install: applet not found"), "apk add")


def profile_tools() -> Iterator[Told]:
    llvm = (
        "/opt/homebrew/opt/llvm/bin",
        "/usr/local/opt/llvm@15/bin",
        "/opt/homebrew/Cellar/llvm/19/bin",
    )
    says = (
        "{}/llvm-profdata merge\nerror: y: unsupported instrumentation profile format version",
        "{}/llvm-profdata: error: x: malformed instrumentation profile data",
        "{}/llvm-profdata merge\nwarning: a.profclangr: raw profile version mismatch: Profile uses",
        "{}/llvm-profdata merge\nUnsupported instrumentation profile format version\nerror: x",
        "{}/llvm-profdata merge\nerror: No profiles could be merged.",
    )
    for folder, line in product(llvm, says):
        text = built("OS X 15.1", line.format(folder), "make: *** [profile-opt] Error 2")
        yield Told("foreign-compiler", text, "grep -v llvm", APT)
    missing = "configure: error: llvm-profdata is required for a --enable-optimizations build but"
    yield Told("foreign-compiler", f"{missing} could not be found.", "grep -v llvm")


def stale_expat() -> Iterator[Told]:
    functions = ("AllocTrackerActivationThreshold", "ReparseDeferralEnabled", "HashSalt16Bytes")
    said = (
        "ImportError: dlopen(/x/pyexpat.cpython-314-darwin.so, 2): Symbol not found: _XML_Set{}",
        "dlopen(/x/pyexpat.so): Symbol not found:    \n_XML_Set{}",
        "dyld[3]: Symbol not found: (_XML_Set{})",
        "pyexpat.cpython-313-darwin.so: symbol not found in flat namespace '_XML_Set{}'",
    )
    for function, line in product(functions, said):
        text = f"{line.format(function)}\n  Expected in:     <4D62> /usr/lib/libexpat.1.dylib"
        yield Told("expat-too-old", text, "brew install expat", APT)
    for function, system in product(functions, ("Rocky Linux 8.9", "Ubuntu 20.04")):
        line = f"ImportError: /x/pyexpat.cpython-312.so: undefined symbol: XML_Set{function}"
        yield Told("expat-too-old", built(system, line), "unset LD_LIBRARY_PATH", "brew")


def spaces() -> Iterator[Told]:
    on_macos = (
        "mkdir: /Users/jane: Permission denied",
        "mkdir: /Users/jane: Keine Berechtigung",
        "install: mkdir /Users/jane: Permission denied",
        "mkdir: /Volumes/Macintosh: Permission denied",
        "/bin/sh: line 1: /Users/jane: is a directory",
        "clang: error: no such file or directory: 'doe/.pyenv/versions/3.8.2/include'",
        "clang: error: no such file or directory: 'Support/pyenv/versions/3.9.1/lib'",
        "Support/pyenv/shims\" ]]; then unset 'paths[i]'; fi; done: unexpected EOF",
    )
    on_linux = (
        "mkdir: cannot create directory ‘/home/jane’: Permission denied\n/home/jane doe/.pyenv/x",
        "mkdir: das Verzeichnis '/home/jane' kann nicht angelegt werden\n=/home/jane doe/.pyenv/x",
        "gcc: error: doe/.pyenv/versions/3.8.2/lib: No such file or directory",
        "gcc: error: doe/.pyenv/versions/3.8.2/lib: Datei oder Verzeichnis nicht gefunden",
        "/usr/bin/install: cannot stat 'doe/.pyenv/versions/3.8.2/bin/x': No such file",
        "make: *** No rule to make target 'doe/.pyenv/versions/3.8.2/lib', needed by 'x'.  Stop.",
        "Creating directory doe/.pyenv/versions/3.8.2/bin\nmake: *** [install] Error 1",
        "bash: line 1: /home/jane: Is a directory",
        "mkdir: cannot create directory '/opt/my': denied\n/opt/my tools/pyenv/versions/3",
        "install: cannot create directory '/srv/b': denied\nprefix: /srv/b c/.pyenv/versions/3",
        "  $ ./configure --prefix=/home/jane doe/.pyenv/versions/3.8.2 --enable-shared",
        "odd\nusing /home/jane van doe/.pyenv/versions/3.8.2",
    )
    for line, version in product(on_macos, ("3.8.2", "3.13.1")):
        text = built("OS X 14.1", line, "make: *** [libinstall] Error 1", python=version)
        yield Told("space-in-path", text, "PYENV_ROOT=/Users/Shared/pyenv", APT)
    for line, system in product(on_linux, ("Ubuntu 22.04", "Fedora Linux 41")):
        text = built(system, line, "make: *** [install] Error 1", python="3.8.2")
        yield Told("space-in-path", text, "PYENV_ROOT=/opt/pyenv", "Shared")
    for path in ("/home/jane/.pyenv/versions/3.8.2", "/home/jane/.pyenv/versions"):
        line = f"install: cannot create directory '{path}': Permission denied"
        yield Told("prefix-not-writable", built("Ubuntu 22.04", line), "chown")


def archives_of_python_build() -> Iterator[Told]:
    for version in ("3.4.0", "1.1.1u", "3.0.16", "4.0.1"):
        archive = f"openssl-{version}.tar.gz"
        for lines in (
            (f"error: failed to download {archive}",),
            (
                "curl: (56) The requested URL returned error: 404",
                f"error: failed to download {archive}",
            ),
            (
                f"checksum mismatch: {archive} (file is corrupt)",
                f"error: failed to download {archive}",
            ),
        ):
            text = built("OS X 15.2", f"Downloading {archive}...", *lines)
            yield Told("openssl-build", text, "brew install openssl@3", APT)
    gone = built("OS X 10.15", "error: failed to download openssl-1.0.2k.tar.gz")
    yield Told("openssl-build", gone, "2.7.18", "brew install openssl@3")
    readline = built("OS X 15.2", "error: failed to download readline-8.2.tar.gz")
    yield Told("readline-build", readline, "brew install readline", APT)
    python = built("OS X 15.2", "error: failed to download Python-3.9.1.tar.xz")
    yield Told("download-failed", python, "", APT)


FAMILIES = (
    *(openssl_by_age, compilers_by_path, homebrew_on_linux, loader_messages, newer_compilers),
    *(patches_of_ones_own, windows, busybox, profile_tools, stale_expat, spaces),
    archives_of_python_build,
)
