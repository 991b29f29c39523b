"""jobs: queues, leases, runners, schedules

Revision ID: 0003
Revises: 0001
Create Date: 2026-11-22 12:00:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Bring the database to this revision."""
    op.add_column(
        "outbox", sa.Column("queue", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column("outbox", sa.Column("began_at", INSTANT, nullable=True))
    op.create_index(op.f("ix_outbox_queue_due_at"), "outbox", ["queue", "due_at"])
    op.drop_index(op.f("ix_outbox_due_at"), "outbox")
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "job_runners",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runners")),
    )
    op.create_table(
        "job_schedules",
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("last_tick", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("actor", name=op.f("pk_job_schedules")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("job_schedules")
    op.drop_table("job_runners")
    op.drop_table("leases")
    op.create_index(op.f("ix_outbox_due_at"), "outbox", ["due_at"])
    op.drop_index(op.f("ix_outbox_queue_due_at"), "outbox")
    op.drop_column("outbox", "began_at")
    op.drop_column("outbox", "queue")
