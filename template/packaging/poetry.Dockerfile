ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Poetry installs into the environment that is active, and is not in the image.
RUN python -m pip install --quiet --no-cache-dir poetry=={{ installer_version }} && python -m venv --without-pip /opt/venv
WORKDIR /tmp/locked
COPY poetry.lock pyproject.toml ./
# The cache is a mount, and in no layer.
RUN --mount=type=cache,target=/root/.cache/pypoetry \
{% if package_index %}
    --mount=type=secret,id=netrc,target=/root/.netrc,required=true \
{% endif %}
    VIRTUAL_ENV=/opt/venv poetry install --quiet --no-interaction --only main
