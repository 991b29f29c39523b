ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_PYTHON_DOWNLOADS=never
# uv installs into the environment from outside, and is not in the image.
RUN python -m pip install --quiet --no-cache-dir uv=={{ installer_version }} && python -m venv --without-pip /opt/venv
WORKDIR /tmp/locked
COPY uv.lock pyproject.toml ./
# The cache is a mount, and in no layer.
RUN --mount=type=cache,target=/root/.cache/uv \
    UV_PROJECT_ENVIRONMENT=/opt/venv uv sync --quiet --locked --no-dev --link-mode=copy
