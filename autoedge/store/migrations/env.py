"""Run by Alembic for each migration; the connection comes from the store."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="autoedge_version",  # Optuna keeps its own version table in the same file
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
