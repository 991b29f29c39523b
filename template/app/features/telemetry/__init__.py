"""Telemetry: metrics for Prometheus and traces for OpenTelemetry, each off until it is configured.

What is off is not even imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features import read_settings
from app.features.telemetry.settings import TelemetrySettings
from app.settings import Settings

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Serve `/metrics` and trace every request, where the settings ask for it."""
    settings = read_settings(TelemetrySettings, app.state.settings)
    if settings.metrics:
        from app.features.telemetry import scrape  # noqa: PLC0415 - who is off pays nothing

        scrape.install(app)
    if settings.otel_exporter_otlp_endpoint:
        from app.features.telemetry import tracing  # noqa: PLC0415 - who is off pays nothing

        tracing.install(app, settings)


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Serve the metrics of a worker on their own port and trace its jobs, where asked for."""
    own = read_settings(TelemetrySettings, settings)
    if own.metrics and own.metrics_port is not None:
        from app.features.telemetry import scrape  # noqa: PLC0415 - who is off pays nothing

        scrape.install_worker(broker, own.metrics_host, own.metrics_port)
    if own.otel_exporter_otlp_endpoint:
        from app.features.telemetry import tracing  # noqa: PLC0415 - who is off pays nothing

        tracing.install_worker(broker, own)
