"""Migrations: Alembic's environment, made safe, and the revisions."""
