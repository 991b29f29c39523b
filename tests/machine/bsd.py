"""The BSD tools of a Mac: what GNU's have besides is refused, in the words of the BSD manuals.

Each stand-in reads its options as BSD's getopt does, up to the first word that is none, and lets
the tool of this machine do the work. What macOS does not have at all is not there.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# By the manual pages of macOS 12: the options of each, as getopt(3) has them, and its usage.
_OPTIONS = {
    "cp": ("HLPRXacfinprvx", "cp [-R [-H | -L | -P]] [-fi | -n] [-apvXc] source_file target_file"),
    "date": ("f:jnRr:t:uv:", "date [-jnRu] [-r seconds] [-v[+|-]val[ymwdHMS]] [+format]"),
    "mktemp": ("dqt:u", "mktemp [-d] [-q] [-t prefix] [-u] template ..."),
    "readlink": ("n", "readlink [-n] [file ...]"),
    "sed": ("EI:ae:f:i:lnru", "sed script [-Ealnru] [-i extension] [file ...]"),
    "stat": ("f:FlLnqrst:x", "stat [-FlLnqrsx] [-f format] [-t timefmt] [file ...]"),
    "wc": ("clmw", "wc [-clmw] [file ...]"),
    "xargs": ("0E:I:J:L:n:oP:pR:S:s:tx", "xargs [-0opt] [-E eofstr] [-I replstr] [utility ...]"),
}
_READ = """\
#!/bin/sh
# As BSD's getopt reads it; what is left are the operands.
format= suffix=- kept=
while getopts ":{options}" option; do
	case $option in
	'?') echo "{name}: illegal option -- $OPTARG" >&2; echo "usage: {usage}" >&2; exit 1;;
	:) echo "{name}: option requires an argument -- $OPTARG" >&2; exit 1;;
	{own}
	esac
done
export POSIXLY_CORRECT=1
"""
# Where the options of this machine's tool mean something else.
_OWN = {
    "stat": "f) format=$OPTARG;;",
    "sed": 'i | I) suffix=$OPTARG;;\n\te | f | n | E | r) kept="$kept -$option $OPTARG";;',
    "date": (
        'r) kept="$kept -d @$OPTARG";;\n\tu) kept="$kept -u";;\n'
        '\t*) echo "date: not acted by this stand-in: -$option" >&2; exit 64;;'
    ),
}
_ACT = {
    # Sizes, nanoseconds and the mode have letters of their own.
    "stat": """\
shift $((OPTIND - 1))
format=$(printf %s "$format" | {sed} 's/%Fm/%.9Y/g; s/%Fc/%.9Z/g; s/%z/%s/g; s/%p/%f/g; s/%N/%n/g')
exec {real} -L -c "$format" -- "$@"
""",
    # -i takes the next word as the suffix, whatever it is; the first operand is then the script.
    "sed": """\
[ "$suffix" = - ] && exec {real} --posix "$@"
shift $((OPTIND - 1))
exec {real} --posix $kept -i"$suffix" "$@"
""",
    "wc": """\
{real} "$@" | while read -r count name; do
	printf '%8d%s\\n' "$count" "${{name:+ $name}}"
done
""",
    # It gives a number of seconds, and there are no nanoseconds.
    "date": """\
shift $((OPTIND - 1))
case "$*" in *%N*) exec {real} $kept "$(printf %s "$*" | {sed} 's/%N/N/g')";; esac
exec {real} $kept "$@"
""",
}
_REFUSING = {
    "find": """\
#!/bin/sh
case $1 in
-[!HLPEXdfsx]*) echo "find: illegal option -- $(printf %.1s "${{1#-}}")" >&2; exit 1;;
esac
for word; do
	case $word in -printf | -fprintf | -regextype | -executable | -readable | -writable | -xtype)
		echo "find: $word: unknown primary or operator" >&2; exit 1;;
	esac
done
exec {real} "$@"
""",
    "grep": """\
#!/bin/sh
for word; do
	case $word in
	--) break;;
	--perl-regexp | -[!-]*P* | -P*) echo "grep: invalid option -- P" >&2; exit 2;;
	esac
done
exec {real} "$@"
""",
    "shasum": """\
#!/bin/sh
[ "$1 $2" = "-a 256" ] && shift 2 && exec {sha256sum} "$@"
echo "shasum: this stand-in knows -a 256" >&2; exit 64
""",
}
NOT_THERE = (
    *("sha256sum", "timeout", "nproc", "tac", "realpath", "flock", "setsid", "numfmt", "shuf"),
)
"""What a script may not count on: Homebrew's coreutils bring some of them."""


def install(folder: Path) -> None:
    """Put the stand-ins into a folder that PATH begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*_OPTIONS, *_REFUSING):
        path = folder / name
        path.unlink(missing_ok=True)
        path.write_text(_text(name))
        path.chmod(0o755)
    for name in NOT_THERE:
        (folder / name).unlink(missing_ok=True)


def _text(name: str) -> str:
    real = {each: str(shutil.which(each)) for each in ("sed", "sha256sum")}
    program = str(shutil.which(name))
    if name in _REFUSING:
        return _REFUSING[name].format(real=program, **real)
    options, usage = _OPTIONS[name]
    read = _READ.format(name=name, options=options, usage=usage, own=_OWN.get(name, ""))
    act = _ACT.get(name, 'exec {real} "$@"\n').format(real=program, **real)
    return read + act
