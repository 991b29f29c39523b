"""What stands in a build's way besides its source: Apple, certificates, disks, single faults."""

# ruff: noqa: RUF001 - the quotation marks of a compiler are what they are

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from tests.machine.build_families import APT, Told, built

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_apple() -> Iterator[Told]:
    unlicensed = (
        "You have not agreed to the Xcode license agreements, please run xcodebuild -license",
        "You have not agreed to the Xcode and Apple SDKs license agreements. Please run it",
        "Agreeing to the Xcode/iOS license requires admin privileges, please re-run as root",
        "Error: You have not agreed to the Xcode license. Please resolve this",
        "agreeing to the Xcode and Apple SDKs licence is needed",
    )
    no_compiler = "configure: error: C compiler cannot create executables"
    for line, system in product(unlicensed, ("OS X 10.11.6", "OS X 26.1")):
        for text in (line, f"checking whether the C compiler works... no\n{line}\n{no_compiler}"):
            yield Told("apple-license", text, "xcodebuild -license accept", "xcode-select")
            yield Told("apple-license", built(system, text), "pyenv install", APT)
    gone = (
        'xcrun: error: active developer path ("{}") does not exist',
        'xcode-select: error: active developer path ("{}") does not exist\nUse `sudo xcode-select`',
        "xcode-select: note: x\nxcrun: error: invalid active developer path ({}), missing xcrun",
    )
    for line, app in product(gone, ("Xcode-beta", "Xcode_15.2", "Old/Xcode")):
        text = line.format(f"/Applications/{app}.app/Contents/Developer")
        yield Told("apple-tools-gone", f"{text}\n{no_compiler}", "xcode-select --reset", APT)


def certificates() -> Iterator[Told]:
    refused = (
        "curl: (60) SSL certificate problem: self-signed certificate in certificate chain",
        "curl: (60) SSL certificate problem: self signed certificate",
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        "curl: (60) server certificate verification failed. CAfile: none CRLfile: none",
        "curl: (77) error setting certificate verify locations:",
        "ERROR: cannot verify example.org's certificate, issued by ‘CN=Proxy’:",
        "ERROR: The certificate of ‘example.org’ doesn't have a known issuer.",
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
    )
    for line, archive in product(refused, ("Python-3.12.1.tar.xz", "openssl-3.0.16.tar.gz")):
        lines = (f"Downloading {archive}...", line, f"error: failed to download {archive}")
        yield Told("certificate-untrusted", built("Ubuntu 22.04", *lines), "CURL_CA_BUNDLE=")
        yield Told("certificate-untrusted", built("OS X 14", *lines), "CURL_CA_BUNDLE=", APT)
        yield Told("certificate-untrusted", "\n".join(lines), "", "https_proxy")
    for line in (
        "curl: (60) SSL certificate problem: certificate has expired",
        "ERROR: The certificate of ‘x’ is not trusted: certificate is not yet activated",
    ):
        yield Told("certificate-untrusted", built("Debian 12", line), "date   #", "CURL_CA_BUNDLE")


def full_disks() -> Iterator[Told]:
    """As glibc says it."""
    said = (
        *("Auf dem Gerät ist kein Speicherplatz mehr verfügbar", "デバイスに空き領域がありません"),
        *("No queda espacio en el dispositivo", "Aucun espace disponible sur le périphérique"),
        *(
            "设备上没有空间",
            "裝置上已無多餘空間",
            "장치에 남은 공간이 없음",
            "Spazio esaurito sul device",
        ),
        *("Não há espaço disponível no dispositivo", "Brak miejsca na urządzeniu"),
        *("На устройстве не осталось свободного места", "No space left on device"),
        *(
            "Der zugewiesene Plattenplatz (Quota) ist überschritten",
            "Se ha excedido la cuota de disco",
        ),
    )
    tools = (
        *("cp: Fehler beim Schreiben von '/tmp/x': {}", "/usr/bin/ld: final link failed: {}"),
        *("tar: Python-3.12.1/README: {}", "fatal error: error writing to /tmp/x.s: {}"),
    )
    for line, words in product(tools, said):
        yield Told("disk-full", built("Debian GNU/Linux 12", line.format(words)), "df -h")


def single_faults() -> Iterator[Told]:
    for name, quote in product(("makedev", "major", "gnu_dev_minor"), "`'"):
        line = f"posixmodule.c:(.text+0x7d9): undefined reference to {quote}{name}'"
        text = built("Ubuntu 20.04", line, python="2.7.9")
        yield Told("old-python-new-sdk", text, "-include sys/sysmacros.h")
    for line in (
        "_cursesmodule.c:1:9: error: incomplete definition of type 'struct _win_st'",
        "Modules/_cursesmodule.c:9: error: incomplete typedef 'WINDOW' {aka 'struct _win_st'}",
        "_cursesmodule.c:9:1: error: invalid use of incomplete typedef ‘WINDOW’",
        "_cursesmodule.c:9: error: dereferencing pointer to incomplete type ‘WINDOW’",
    ):
        yield Told("old-python-new-sdk", built("Arch", line, python="2.7.9"), "2.7.15")
    for line in (
        "dyld: Library not loaded: @rpath/libpython3.7m.dylib\n  Reason: image not found",
        "dyld[1]: Library not loaded: '/x/lib/libpython3.12.dylib'\n  Reason: tried: '/x'",
        "python: error while loading shared libraries: libpython3.12.so.1.0: cannot open shared",
        "ImportError: libpython3.6m.so.1.0: cannot open shared object file: No such file",
        "libpython3.13t.so.1.0: cannot open shared object file",
    ):
        yield Told("libpython-missing", line, "PYTHON_CONFIGURE_OPTS=--enable-shared", APT)
    for line in (
        "lto1: fatal error: bytecode stream in file 'x.o' generated with LTO version 7.3",
        "lto1: fatal error: bytecode stream generated with LTO version 6.0 instead of the expected",
    ):
        yield Told("lto-mismatch", f"{line} 6.2", "-fno-lto")
    sane = "checking whether build environment is sane... configure: error: newly created file is"
    text = f"{sane} older than distributed files!\nCheck your system clock"
    yield Told("clock-wrong", text, "date")
    for version, line in product(
        ("3.6.8", "3.12.1"),
        (
            "gcc: internal compiler error: Segmentation fault (program cc1)",
            "Parser/parser.c:3:1: internal compiler error: in build_abbrev, at dwarf2out.c:7478",
            "clang: error: clang frontend command failed with exit code 139 (use -v)",
        ),
    ):
        text = built("Debian GNU/Linux 12", "./python -E -m ensurepip", line, python=version)
        yield Told("compiler-crash", text, "memtest86+", "CFLAGS=-O2")
    killed = "gcc: internal compiler error: Killed (program cc1)"
    yield Told("memory-exhausted", built("Debian 12", killed), "-j1")
    for archive in ("/usr/local/lib/libcrypto.a", "/opt/x/lib/libssl.a"):
        line = f"/usr/bin/ld: {archive}(o.o): relocation R_X86_64_32 can not be used; recompile"
        yield Told("openssl-mismatch", built("Debian 12", line), "./config shared", "libssl-dev")


OBSTACLES = (of_apple, certificates, full_disks, single_faults)
