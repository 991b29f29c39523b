"""profiles and outbox

Revision ID: 0001
Revises:
Create Date: 2026-11-22 09:00:00+00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
SORT_KEY = (
    sa.String(length=100)
    .with_variant(sa.String(length=100, collation="C"), "postgresql")
    .with_variant(sa.String(length=100, collation="utf8mb4_bin"), "mysql", "mariadb")
)


def upgrade() -> None:
    """Bring the database to this revision."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("began_at", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_queue_due_at"), "outbox", ["queue", "due_at"])
    op.create_table(
        "profiles",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("employee_number", sa.String(length=20), nullable=False),
        sa.Column("full_name", sa.String(length=100), nullable=False),
        sa.Column("name_key", SORT_KEY, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("department", sa.String(length=100), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("employee_number", name=op.f("uq_profiles_employee_number")),
    )
    op.create_index("ix_profiles_created_at_id", "profiles", ["created_at", "id"])
    op.create_index("ix_profiles_name_key_id", "profiles", ["name_key", "id"])
    op.create_index("ix_profiles_employee_number_id", "profiles", ["employee_number", "id"])
    op.create_index(
        "ix_profiles_department_created_at_id", "profiles", ["department", "created_at", "id"]
    )
    op.create_table(
        "profile_headshots",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.String(length=50), nullable=False),
        sa.Column("image", BLOB, nullable=False),
        sa.Column("thumbnail", BLOB, nullable=True),
        sa.ForeignKeyConstraint(
            ["profile_id"],
            ["profiles.id"],
            name=op.f("fk_profile_headshots_profile_id_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_profile_headshots")),
    )


def downgrade() -> None:
    """Bring the database back to the revision before."""
    op.drop_table("profile_headshots")
    op.drop_table("profiles")
    op.drop_table("outbox")
