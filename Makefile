# The virtual environment is .venv, built from a lock and rebuilt when the lock changes.
#   make demo      generate a project in ./demo, bring this machine up for it, verify it
#   make test      run the test suite (ARGS="-m 'not slow'": the fast part)
#   make nightly   what takes too long for every run (CASES=3000 random cases); a release needs its record
#   make install   put headstart into $(PREFIX)/bin
#   make bench     measure a render beside what others would pick (ROUNDS=7; tests/bench/README.md)
#   make picture   record docs/session.svg, the session that README.md shows
#   make check     ruff and mypy over the package, its tests and the template
#   make lock      bring the locks up to pyproject.toml (UPGRADE=--upgrade: with the newest versions)
#   make template-locks   the locks that every project's are cut from (UPGRADE=--upgrade)
#   make release VERSION=0.5.0   add the template as it is to the released ones (FROM=commit, AGAIN=1)
#   make publish-check           say what of bootstrap/publisher.py does not answer yet (publish-fill: write it)
#   make clean     remove everything that can be made again

SHELL := /bin/sh
RUNTIME_LOCK := bootstrap/requirements.lock
TEST_LOCK := tests/requirements.lock
PIP := .venv/bin/python -m pip --disable-pip-version-check -qq
INSTALL := $(PIP) install --no-input

# The first Python that is new enough; the environment or the command line may name another.
NEWEST_PYTHON = for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done
PYTHON ?= $(shell $(NEWEST_PYTHON))

PREFIX ?= $(HOME)/.local

.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:
.PHONY: demo test nightly bench picture install check lock template-locks release clean \
	publish-check publish-fill

demo: .venv/runtime.stamp
	@if test -f demo/.copier-answers.yml; \
	then .venv/bin/headstart up --verify --project demo; \
	else .venv/bin/headstart new demo --preset minimal --defaults --up; fi

test: .venv/test.stamp
	@.venv/bin/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder $(ARGS)

# Writes tests/nightly.json, for a release of this tree: commit it (tests/README.md).
CASES ?= 3000
nightly: .venv/test.stamp
	@HEADSTART_CASES=$(CASES) .venv/bin/python -m tests.nightly run $(ARGS)

# One project is rendered and brought up for all of it, and the other workers get a venv beside it.
ROUNDS ?= 3
bench: .venv/test.stamp
	@ROUNDS=$(ROUNDS) .venv/bin/python -m tests.bench

picture: .venv/test.stamp
	@.venv/bin/python -m tests.documents.session

install: .venv/runtime.stamp
	@HEADSTART_BIN="$(PREFIX)/bin" sh bootstrap/install.sh --command-on "$(CURDIR)/.venv/bin/python"

# Two stamps in one environment: what `headstart` needs to run, and what its tests need besides.
# Each is written last, so an interrupted build is simply built again.
.venv/runtime.stamp: $(RUNTIME_LOCK) pyproject.toml
	@$(if $(PYTHON),:,echo "Headstart needs Python 3.11 or newer: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1)
	@echo "Building .venv with $(PYTHON)"
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) --require-hashes --requirement $(RUNTIME_LOCK)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test.stamp: .venv/runtime.stamp $(TEST_LOCK)
	@$(INSTALL) --require-hashes --requirement $(TEST_LOCK)
	@touch $@

check: .venv/test.stamp
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

# The locks are universal: one file for every platform and every Python from 3.11.
COMPILE = .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command "make lock" $(UPGRADE) pyproject.toml

lock: .venv/test.stamp
	$(COMPILE) --group build --output-file $(RUNTIME_LOCK)
	$(COMPILE) --group build --group test --constraint $(RUNTIME_LOCK) --output-file $(TEST_LOCK)

template-locks: .venv/test.stamp
	@.venv/bin/python -m tests.template_locks $(UPGRADE)

# What CHANGELOG.md describes becomes a version in bootstrap/template.bundle, and the package's own.
# The check says which commit FROM is, so that no other one is released.
release: .venv/runtime.stamp
	@commit=$$(.venv/bin/python -m tests.nightly check $(if $(FROM),--from '$(FROM)')) && \
	.venv/bin/python -m tests.release $(VERSION) $${commit:+--from $$commit} $(if $(AGAIN),--again)

publish-check publish-fill: .venv/runtime.stamp
	@.venv/bin/python -m tests.publish $(@:publish-%=%)

clean:
	rm -rf .venv dist demo .build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find bootstrap tests template -name __pycache__ -type d -prune -exec rm -rf {} +
