"""Periods: closed, frozen by the database, dumped, verified, restored and archived.

    INVOICES = Frozen(Invoice.issued_at)
    LINES = Frozen(Invoice.issued_at, of=InvoiceLine.invoice_id)
    BALANCED = Check("every invoice is the sum of its lines", unbalanced)

These are in a module's `periods.py`; a revision brings the triggers (docs/periods.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.features.periods import models, refusal
from app.features.periods.declared import Check, Frozen
from app.features.periods.refusal import PeriodClosed

if TYPE_CHECKING:
    import dramatiq
    from fastapi import FastAPI

    from app.settings import Settings

__all__ = ["Check", "Frozen", "PeriodClosed", "install", "install_worker", "models", "refusal"]


def install(app: FastAPI) -> None:
    """Nothing of the api is the feature's: what it freezes is refused by the database."""


def install_worker(broker: dramatiq.Broker, settings: Settings) -> None:
    """Nothing of a worker is either."""
