UV ?= uv
# Where nothing is locked yet, each package begins at the version that it was tested with.
FIRST = $(if $(wildcard uv.lock),,$(shell sed -n 's/^\([a-z0-9-]*==[^ ;]*\).*/--upgrade-package \1/p' constraints.txt))

lock: ## Pin every package again, after a change of pyproject.toml
	@command -v "$(UV)" >/dev/null || { \
		echo "There is no uv on PATH: pipx install uv=={{ installer_version }}" >&2; exit 1; }
	@$(UV) lock --quiet $(FIRST)
