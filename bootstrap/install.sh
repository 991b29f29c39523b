#!/bin/sh
# Headstart on a bare machine: a compiler, on a Mac Homebrew, a Python to run on, and the command
# itself in a private place, from its hash-locked requirements. Then `headstart up`.
#
#   sh install.sh              asks before it installs Homebrew; then brings the project here up
#   sh install.sh --yes        asks nothing
#   sh install.sh --no-up      only the command
#
# Safe to repeat: what is there already is kept. It never calls sudo. What it takes from its
# surroundings:
#   HEADSTART_SOURCE   a checkout of Headstart, or the archive of one (file or URL)
#   HEADSTART_VERSION  the release to take when there is no source, once it is published
#   HEADSTART_HOME     where the command lives           (default: ~/.local/share/headstart)
#   HEADSTART_BIN      where `headstart` is linked to    (default: ~/.local/bin)
set -eu

version=${HEADSTART_VERSION:-0.7.0}
address=  # where it is published (bootstrap/publisher.py); empty until it is
home=${HEADSTART_HOME:-$HOME/.local/share/headstart}
bin=${HEADSTART_BIN:-$HOME/.local/bin}
yes=no
up=yes

say() { printf '%s\n' "$*" >&2; }

# What happened, and what to do next; 4: nothing unsafe was begun, 1: it failed.
refuse() { say "✗ $1"; shift; for line; do say "  next: $line"; done; exit 4; }
fail() { say "✗ $1"; shift; for line; do say "  next: $line"; done; exit 1; }

agreed() {
	[ "$yes" = yes ] && return 0
	[ -t 0 ] || return 1
	printf '%s [y/N] ' "$1" >&2
	read -r answer || return 1
	case $answer in [yY] | [yY][eE][sS]) return 0 ;; *) return 1 ;; esac
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

find_homebrew() {
	for brew in "$(command -v brew 2>/dev/null || true)" /opt/homebrew/bin/brew /usr/local/bin/brew; do
		if [ -n "$brew" ] && [ -x "$brew" ] && "$brew" --prefix >/dev/null 2>&1; then
			PATH="$(dirname "$brew"):$PATH"
			export PATH
			return 0
		fi
	done
	return 1
}

homebrew() {
	if ! find_homebrew; then
		agreed "Homebrew is missing; it asks for your password itself. Install it from brew.sh?" ||
			refuse "Homebrew is missing." "https://brew.sh, then run this again" \
				"or: sh install.sh --yes"
		script=$(mktemp)
		curl -fsSL https://raw.githubusercontent.com/Homebrew/install/HEAD/install.sh -o "$script" ||
			fail "Homebrew's installer could not be downloaded." "check the network, run this again"
		/bin/bash -n "$script" || fail "Homebrew's installer arrived damaged." "run this again"
		NONINTERACTIVE=1 /bin/bash "$script" >&2 ||
			fail "Homebrew's installer failed." "see what it says above, then run this again"
		rm -f "$script"
		find_homebrew || fail "Homebrew was installed, but brew is not found." "open a new terminal"
		say "✓ Homebrew"
	fi
	if [ "$(uname -m)" = arm64 ] && [ "$(brew --prefix)" = /usr/local ]; then
		refuse "The Homebrew on PATH is for Intel, the chip is Apple's." \
			"install the one for Apple silicon from https://brew.sh; it lives in /opt/homebrew"
	fi
}

# -- a Python to run on --------------------------------------------------------------------------

new_enough='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'

find_python() {
	for name in python3.14 python3.13 python3.12 python3.11 python3; do
		if "$name" -c "$new_enough" >/dev/null 2>&1; then
			command -v "$name"
			return 0
		fi
	done
	return 1
}

# Sets $python: one that is here, else one that uv or Homebrew brings.
a_python() {
	python=$(find_python) && return 0
	if command -v uv >/dev/null 2>&1; then
		python=$(uv python find '>=3.11' 2>/dev/null) ||
			{ uv python install 3.13 >&2 && python=$(uv python find '>=3.11'); } && return 0
	fi
	if [ "$system" = Darwin ]; then
		say "Homebrew installs Python 3.13, for Headstart to run on."
		brew install python@3.13 >&2 || fail "brew install python@3.13 failed." "run this again"
		python=$(find_python || echo "$(brew --prefix)/opt/python@3.13/bin/python3.13")
		return 0
	fi
	refuse "Headstart runs on Python 3.11 or newer, and there is none here." "$(python_packages)" \
		"run this again"
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
	beside=$(CDPATH='' cd -- "$(dirname -- "$0")/.." 2>/dev/null && pwd || true)
	if [ -z "$source" ] && [ -f "$beside/bootstrap/requirements.lock" ]; then
		source=$beside
	fi
	if [ -d "$source" ]; then
		checkout=$source
		return 0
	fi
	[ -n "$source$address" ] || refuse "Headstart is not published, and there is no checkout here." \
		"name one, or its archive: HEADSTART_SOURCE=/path/to/headstart"
	temporary=$(mktemp -d)
	trap 'rm -rf "$temporary"' EXIT
	archive=${source:-$address/archive/refs/tags/v$version.tar.gz}
	case $archive in
	http://* | https://*)
		curl -fsSL "$archive" -o "$temporary/source.tar.gz" ||
			fail "$archive could not be downloaded." "check the network, or name a HEADSTART_SOURCE"
		archive=$temporary/source.tar.gz
		;;
	esac
	mkdir "$temporary/source"
	tar -xzf "$archive" -C "$temporary/source" --strip-components 1 ||
		fail "$archive is no archive of Headstart." "name another: HEADSTART_SOURCE=…"
	checkout=$temporary/source
}

pip_install() {
	"$place/bin/python" -m pip --disable-pip-version-check --no-input -q install "$@"
}

# The environment is complete when its stamp is there; an interrupted one is made again.
the_command() {
	lock=$checkout/bootstrap/requirements.lock
	[ -f "$lock" ] || fail "$checkout holds no Headstart." "name another: HEADSTART_SOURCE=…"
	stated=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$checkout/bootstrap/__init__.py")
	digest=$(cat "$lock" "$checkout"/bootstrap/*.py | cksum | tr ' ' '-')
	place=$home/$stated-$digest
	if [ ! -f "$place/complete" ]; then
		say "Headstart $stated goes to $place, on $("$python" -V)."
		rm -rf "$place"
		mkdir -p "$home"
		"$python" -m venv "$place"
		pip_install --require-hashes --requirement "$lock" >&2 ||
			fail "Its packages could not be installed." "see pip's words above, run this again"
		pip_install --no-deps --no-build-isolation "$checkout" >&2 ||
			fail "Headstart itself could not be installed." "see pip's words above, run this again"
		"$place/bin/headstart" --version >/dev/null
		: >"$place/complete"
	fi
	mkdir -p "$bin"
	ln -sfn "$place/bin/headstart" "$bin/headstart"
	say "✓ $("$bin/headstart" --version) in $bin"
	case ":$PATH:" in
	*":$bin:"*) ;;
	*) say "  not on your PATH yet: export PATH=\"$bin:\$PATH\"" ;;
	esac
}

main() {
	for argument; do
		case $argument in
		--yes) yes=yes ;;
		--no-up) up=no ;;
		-h | --help) sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" && exit 0 ;;
		*) say "✗ unknown: $argument (--yes, --no-up, --help)" && exit 64 ;;
		esac
	done
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
