"""The settings of telemetry. Those of traces have the names that OpenTelemetry gave them."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings import read_project


class TelemetrySettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    # Serve /metrics.
    metrics: bool = False
    # A worker has no api: its metrics are served here, and nowhere without a port.
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"

    # Send traces to this collector, by OTLP over HTTP: http://127.0.0.1:4318
    otel_exporter_otlp_endpoint: str | None = None
    otel_service_name: str = Field(default_factory=lambda: read_project().name)
    # The part of all traces that is kept; what a caller has decided for its trace holds here too.
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)
