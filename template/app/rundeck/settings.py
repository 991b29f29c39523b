"""Where Rundeck is; only `python -m app rundeck import` asks for it."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from app.settings import Settings


class RundeckSettings(BaseSettings):
    model_config = Settings.model_config

    # https://rundeck.example.com
    rundeck_url: str
    rundeck_token: SecretStr
    # Rundeck's project, which has the nodes and `project.globals.app_exec`.
    rundeck_project: str
