POETRY ?= poetry

lock: ## Pin every package again, after a change of pyproject.toml
	@command -v "$(POETRY)" >/dev/null || { \
		echo "There is no poetry on PATH: pipx install poetry=={{ installer_version }}" >&2; exit 1; }
{% if package_index %}
	@[ -z "$$UV_INDEX_SHARED_PASSWORD" ] || \
		export POETRY_HTTP_BASIC_SHARED_USERNAME="$$UV_INDEX_SHARED_USERNAME" \
			POETRY_HTTP_BASIC_SHARED_PASSWORD="$$UV_INDEX_SHARED_PASSWORD"; \
	$(POETRY) lock --no-interaction
{% else %}
	@$(POETRY) lock --no-interaction
{% endif %}
