#!/bin/sh
# Headstart on a bare machine. `sh install.sh --help` says what it does (`usage`, below).
set -eu

version=${HEADSTART_VERSION:-0.9.0}
address=  # where it is published (bootstrap/publisher.py); empty until it is
home=${HEADSTART_HOME:-$HOME/.local/share/headstart}
bin=${HEADSTART_BIN:-$HOME/.local/bin}
yes=no
up=yes

# Homebrew's installer as it was read and tried; what it installs is Homebrew's newest all the same.
homebrew_installer=https://raw.githubusercontent.com/Homebrew/install/ca0130bd52235f2fcb2bf23cfdda004bc5d250c1/install.sh
homebrew_digest=8ff338091a5e10bb5fc040b38316648110f42feff057ecf9feaab51fd0a13ef9

usage() {
	cat <<-'END'
		Headstart on a bare machine: a compiler, on a Mac Homebrew, a Python to run on, and the command
		itself in a private place, from its hash-locked requirements. Then `headstart up`.

		  sh install.sh              asks before it installs Homebrew; then brings the project here up
		  sh install.sh --yes        asks nothing but a password, where Homebrew's installer needs one
		  sh install.sh --no-up      only the command

		Safe to repeat: what is there already is kept. It takes from its surroundings:
		  HEADSTART_SOURCE   a checkout of Headstart, or the archive of one (file or https URL)
		  HEADSTART_SHA256   the digest of that archive; a download needs one
		  HEADSTART_VERSION  the release to take when there is no source, once it is published
		  HEADSTART_HOME     where the command lives           (default: ~/.local/share/headstart)
		  HEADSTART_BIN      where `headstart` is put          (default: ~/.local/bin)
	END
}

say() { printf '%s\n' "$*" >&2; }

# What happened, and what to do next; 4: nothing unsafe was begun, 1: it failed.
refuse() { say "✗ $1"; shift; for line; do say "  next: $line"; done; exit 4; }
fail() { say "✗ $1"; shift; for line; do say "  next: $line"; done; exit 1; }

# -- what is cleaned up, whatever ends this ------------------------------------------------------

temporary=
unfinished=

clean_up() {
	if [ -n "$temporary" ]; then rm -rf "$temporary"; fi
	if [ -n "$unfinished" ]; then rm -rf "$unfinished"; fi
}

# Sets $temporary: a private folder, made once.
a_temporary_folder() {
	if [ -z "$temporary" ]; then temporary=$(mktemp -d); fi
}

# -- the person ----------------------------------------------------------------------------------

# Sets $terminal: where a person can type, also when this script itself is what is read.
find_terminal() {
	terminal=
	if [ -t 0 ]; then
		terminal=/dev/stdin
	elif (exec </dev/tty) 2>/dev/null; then
		terminal=/dev/tty
	fi
}

agreed() {
	[ "$yes" = yes ] && return 0
	[ -n "$terminal" ] || return 1
	printf '%s [y/N] ' "$1" >&2
	read -r answer <"$terminal" || return 1
	case $answer in [yY] | [yY][eE][sS]) return 0 ;; *) return 1 ;; esac
}

# -- downloads -----------------------------------------------------------------------------------

digest_of() {
	if command -v sha256sum >/dev/null 2>&1; then
		sha256sum <"$1"
	else
		shasum -a 256 <"$1"
	fi | sed 's/ .*//'
}

# fetch URL FILE: only by https, with nobody's own settings.
fetch() {
	curl --disable --proto '=https' --tlsv1.2 --fail --silent --show-error --location "$1" --output "$2" ||
		fail "$1 could not be downloaded." "see curl's words above, check the network, run this again"
}

# verified FILE DIGEST NAME
verified() {
	found=$(digest_of "$1")
	[ "$found" = "$2" ] || fail "$3 is not the file that it should be: its SHA-256 is $found, not $2." \
		"run this again; if it stays so, somebody has changed the file"
}

# -- the machine ---------------------------------------------------------------------------------

on_a_mac() {
	if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then
		refuse "This shell runs under Rosetta on an Apple chip." \
			"arch -arm64 zsh -l, and run this again there"
	fi
	command_line_tools
	homebrew
}

command_line_tools() {
	xcode-select -p >/dev/null 2>&1 && return 0
	say "The Command Line Tools are missing. macOS shows a window that installs them: click Install."
	xcode-select --install >/dev/null 2>&1 || true
	waited=0
	until xcode-select -p >/dev/null 2>&1; do
		[ "$waited" -lt "${HEADSTART_WAIT:-3600}" ] || fail "They are still not there." \
			"finish that installation, then run this again"
		sleep 5
		waited=$((waited + 5))
	done
	say "✓ Command Line Tools"
}

# The first that is not for another chip; a Mac that was migrated has two.
find_homebrew() {
	brew=$(homebrew_of_this_chip) || return 1
	PATH="$(dirname "$brew"):$PATH"
	export PATH
}

homebrew_of_this_chip() (
	chip=$(uname -m)
	IFS=:
	set -f
	for folder in $PATH /opt/homebrew/bin /usr/local/bin; do
		prefix=$([ -x "$folder/brew" ] && "$folder/brew" --prefix 2>/dev/null) || continue
		case $chip:$prefix in arm64:/usr/local | x86_64:/opt/homebrew) continue ;; esac
		echo "$folder/brew"
		return 0
	done
	return 1
)

homebrew() {
	if ! find_homebrew; then
		if [ "$(uname -m)" = arm64 ] && command -v brew >/dev/null 2>&1; then
			refuse "The Homebrew here is for Intel, the chip is Apple's." \
				"install the one for Apple silicon from https://brew.sh; it lives in /opt/homebrew"
		fi
		agreed "Homebrew is missing, and its installer asks for your password. Install it from brew.sh?" ||
			refuse "Homebrew is missing." "https://brew.sh, then run this again" \
				"or: sh install.sh --yes"
		install_homebrew
		find_homebrew || fail "Homebrew was installed, but brew is not found." "open a new terminal"
		say "✓ Homebrew"
	fi
}

# It makes a folder as an administrator. NONINTERACTIVE forbids it to ask for the password, so that
# it fails for whoever has to type one: that is only for where sudo asks for none.
install_homebrew() {
	by_hand="/bin/bash -c \"\$(curl -fsSL https://raw.githubusercontent.com/Homebrew/install/HEAD/install.sh)\""
	case " $(id -Gn) " in
	*" admin "*) ;;
	*)
		refuse "Homebrew is missing, and this user may not administer this Mac." \
			"an administrator runs, in Terminal: $by_hand" "then run this again"
		;;
	esac
	a_temporary_folder
	if sudo -n true 2>/dev/null; then
		asks=no
	elif [ -n "$terminal" ]; then
		asks=yes
		say "Your password, for sudo:"
		sudo -v || fail "sudo did not accept it." "run this again"
	else
		refuse "Homebrew is missing, and nobody can type the password that its installer needs." \
			"in Terminal: $by_hand" "then run this again"
	fi
	fetch "$homebrew_installer" "$temporary/homebrew.sh"
	verified "$temporary/homebrew.sh" "$homebrew_digest" "Homebrew's installer"
	if [ "$asks" = yes ]; then
		/bin/bash "$temporary/homebrew.sh" <"$terminal" >&2
	else
		NONINTERACTIVE=1 /bin/bash "$temporary/homebrew.sh" </dev/null >&2
	fi || fail "Homebrew's installer failed." "see what it says above, then run this again"
}

# -- a Python to run on --------------------------------------------------------------------------

# New enough and whole, and neither of a virtual environment nor of conda, which come and go.
usable='
import os, sys, venv, ensurepip
own = sys.prefix == sys.base_prefix and not os.path.isdir(os.path.join(sys.prefix, "conda-meta"))
sys.exit(not (own and sys.version_info >= (3, 11)))'

is_usable() { [ -x "$1" ] && "$1" -I -c "$usable" >/dev/null 2>&1; }

# pyenv's shims are whatever the folder here has pinned.
find_python() (
	IFS=:
	set -f
	for name in python3.14 python3.13 python3.12 python3.11 python3; do
		for folder in $PATH; do
			case $folder in */shims | '') continue ;; esac
			if is_usable "$folder/$name"; then
				echo "$folder/$name"
				return 0
			fi
		done
	done
	return 1
)

# The last resort: they are there for projects.
find_python_of_pyenv() {
	for name in 3.14 3.13 3.12 3.11; do
		for candidate in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$name".*/bin/python3; do
			if is_usable "$candidate"; then
				echo "$candidate"
				return 0
			fi
		done
	done
	return 1
}

find_python_of_uv() {
	command -v uv >/dev/null 2>&1 || return 1
	found=$(uv python find --no-project --managed-python '>=3.11' 2>/dev/null) ||
		{ uv python install 3.13 >&2 && found=$(uv python find --no-project --managed-python '>=3.11'); } ||
		return 1
	is_usable "$found" && echo "$found"
}

# Sets $python: one that is here, else one that uv or Homebrew brings.
a_python() {
	python=$(find_python || find_python_of_uv) && return 0
	if [ "$system" = Darwin ]; then
		say "Homebrew installs Python 3.13, for Headstart to run on."
		brew install python@3.13 >&2 || fail "brew install python@3.13 failed." \
			"see what it says above, then run this again"
		python=$(find_python || echo "$(brew --prefix)/opt/python@3.13/bin/python3.13")
		return 0
	fi
	python=$(find_python_of_pyenv) && return 0
	refuse "Headstart runs on Python 3.11 or newer, and there is none here that is no project's or conda's." \
		"$(python_packages)" "run this again"
}

python_packages() {
	for tool in apt-get dnf apk pacman zypper; do
		command -v "$tool" >/dev/null 2>&1 || continue
		case $tool in
		apt-get) echo "sudo apt-get install -y python3 python3-venv" ;;
		dnf) echo "sudo dnf install -y python3.12" ;;
		apk) echo "sudo apk add python3" ;;
		pacman) echo "sudo pacman -S --needed python" ;;
		zypper) echo "sudo zypper install -y python312" ;;
		esac
		return 0
	done
	echo "https://docs.astral.sh/uv brings one without root: curl -LsSf https://astral.sh/uv/install.sh | sh"
}

# -- the command ---------------------------------------------------------------------------------

# Sets $checkout: the folder that holds Headstart's own source.
a_checkout() {
	source=${HEADSTART_SOURCE:-}
	if [ -z "$source" ]; then
		source=$(beside_this_script)
	fi
	if [ -d "$source" ]; then
		checkout=$(CDPATH='' cd -- "$source" && pwd)
		return 0
	fi
	[ -n "$source$address" ] || refuse "Headstart is not published, and there is no checkout here." \
		"name one, or its archive: HEADSTART_SOURCE=/path/to/headstart"
	archive=${source:-$address/archive/refs/tags/v$version.tar.gz}
	a_temporary_folder
	case $archive in
	https://*)
		[ -n "${HEADSTART_SHA256:-}" ] || refuse "A download is only used when its digest is known." \
			"name the SHA-256 of $archive: HEADSTART_SHA256=…"
		fetch "$archive" "$temporary/source.tar.gz"
		file=$temporary/source.tar.gz
		;;
	*://*) refuse "$archive is no https address." "name a folder, a file or an https address" ;;
	*) file=$archive ;;
	esac
	[ -f "$file" ] || fail "There is no $file." "name another: HEADSTART_SOURCE=…"
	if [ -n "${HEADSTART_SHA256:-}" ]; then verified "$file" "$HEADSTART_SHA256" "$archive"; fi
	mkdir -p "$temporary/source"
	tar -xzf "$file" -C "$temporary/source" --strip-components 1 ||
		fail "$archive is no archive of Headstart." "name another: HEADSTART_SOURCE=…"
	checkout=$temporary/source
}

# The checkout that this file is in. Piped into a shell it is in none, whatever lies around there.
beside_this_script() {
	case $0 in install.sh | */install.sh) ;; *) return 0 ;; esac
	beside=$(CDPATH='' cd -- "$(dirname -- "$0")/.." 2>/dev/null && pwd) || return 0
	if [ -f "$beside/bootstrap/install.sh" ] && [ -f "$beside/bootstrap/requirements.lock" ]; then
		echo "$beside"
	fi
}

# Every file that becomes part of the command, by name and content.
digest_of_package() (
	cd -- "$checkout"
	find bootstrap pyproject.toml hatch_build.py README.md CHANGELOG.md LICENSE -type f ! -name '*.py[co]' \
		-exec cksum {} + 2>/dev/null | LC_ALL=C sort | cksum | tr ' ' '-'
)

# With those settings of pip that say where packages come from, as every installation of Headstart.
as_headstart='
import os, sys
sys.path.insert(0, sys.argv[1])
from bootstrap.machine.pip_settings import pip_settings
kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
kept["PYTHONDONTWRITEBYTECODE"] = "1"  # what builds it leaves nothing in the checkout
pip = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
os.execve(pip[0], [*pip, *sys.argv[2:]], kept | pip_settings(os.environ))'

pip_install() { "$place/bin/python" -I -B -c "$as_headstart" "$checkout" install "$@"; }

# The environment is complete when its stamp is there; an interrupted one is made again.
the_command() {
	lock=$checkout/bootstrap/requirements.lock
	[ -f "$lock" ] || fail "$checkout holds no Headstart." "name another: HEADSTART_SOURCE=…"
	stated=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$checkout/bootstrap/__init__.py")
	place=$home/$stated-$(digest_of_package)
	if [ ! -f "$place/complete" ] || ! "$place/bin/python" -I -m bootstrap --version >/dev/null 2>&1; then
		say "Headstart $stated goes to $place, on $("$python" -I -V)."
		rm -rf "$place"
		mkdir -p "$home"
		unfinished=$place
		"$python" -I -m venv "$place"
		pip_install --require-hashes --requirement "$lock" >&2 ||
			fail "Its packages could not be installed." "see pip's words above, run this again"
		pip_install --no-deps --no-build-isolation "$checkout" >&2 ||
			fail "Headstart itself could not be installed." "see pip's words above, run this again"
		"$place/bin/python" -I -m bootstrap --version >/dev/null ||
			fail "Headstart was installed, and does not run." "report what is said above"
		: >"$place/complete"
		unfinished=
	fi
	put_command "$place/bin/python"
}

# The command runs on this Python, isolated: pip's own script would import before it could be.
put_command() {
	mkdir -p "$bin"
	launcher=$bin/.headstart.$$
	printf '#!/bin/sh\nexec %s -I -m bootstrap "$@"\n' "$(quoted "$1")" >"$launcher"
	chmod 755 "$launcher"
	mv -f "$launcher" "$bin/headstart"
	say "✓ $("$bin/headstart" --version) in $bin"
	case ":$PATH:" in
	*":$bin:"*) ;;
	*) say "  not on your PATH yet: export PATH=\"$bin:\$PATH\"" ;;
	esac
}

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

main() {
	# What `make install` of a checkout does, in an environment of its own.
	if [ $# = 2 ] && [ "$1" = --command-on ]; then
		put_command "$2"
		exit 0
	fi
	for argument; do
		case $argument in
		--yes) yes=yes ;;
		--no-up) up=no ;;
		-h | --help) usage && exit 0 ;;
		*) say "✗ unknown: $argument (--yes, --no-up, --help)" && exit 64 ;;
		esac
	done
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	find_terminal
	system=$(uname -s)
	case $system in
	Darwin) on_a_mac ;;
	Linux) ;;
	*) refuse "Headstart knows macOS and Linux (also under WSL), not $system." "use WSL on Windows" ;;
	esac
	a_python
	a_checkout
	the_command
	if [ "$up" = yes ] && [ -f toolchain.yml ]; then
		if [ "$yes" = yes ]; then "$bin/headstart" up --yes; else "$bin/headstart" up; fi
	fi
}

# Everything is in functions until here: a download that was cut off does nothing.
main "$@"
