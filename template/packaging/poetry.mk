POETRY ?= poetry

lock: ## Pin every package again, after a change of pyproject.toml
	@command -v "$(POETRY)" >/dev/null || { \
		echo "There is no poetry on PATH: pipx install poetry=={{ installer_version }}" >&2; exit 1; }
	@$(POETRY) lock --no-interaction
