"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "autoedge_run",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "autoedge_session",
        sa.Column("session", sa.String(32), primary_key=True),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("finished", sa.Float),
    )
    op.create_table(
        "autoedge_candidate",
        sa.Column("candidate_id", sa.String(96), primary_key=True),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("configuration", sa.JSON, nullable=False),
    )
    texts = ["candidate_id", "config_id", "target", "fingerprint", "runtime_version", "variant_hash"]
    texts += ["variant_key", "data_hash"]
    lengths = {"candidate_id": 96, "config_id": 32, "fingerprint": 32}
    identity = ("candidate_id", "fingerprint", "runtime_version", "variant_hash", "variant_key", "data_hash")
    op.create_table(
        "autoedge_measurement",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String(lengths.get(name, 64)), nullable=False) for name in texts),
        sa.Column("protocol_id", sa.String(96), nullable=False),
        sa.Column("session", sa.String(32), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("replicate", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("flags", sa.JSON, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.UniqueConstraint(
            *identity, "protocol_id", "session", "phase", "replicate", name="autoedge_measurement_once"
        ),
    )
    op.create_table(
        "autoedge_value",
        sa.Column(
            "measurement", sa.Integer, sa.ForeignKey("autoedge_measurement.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("metric", sa.String(32), primary_key=True),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("value", "low", "high")),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("estimator", sa.String(96), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
    )
    op.create_table(
        "autoedge_scores",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
    )
