"""Tables of the measurement store, as the newest migration leaves them."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

RUN = sa.Table(
    "autoedge_run",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

SESSION = sa.Table(
    "autoedge_session",
    METADATA,
    sa.Column("session", sa.String(32), primary_key=True),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("finished", sa.Float),
)

CANDIDATE = sa.Table(
    "autoedge_candidate",
    METADATA,
    sa.Column("candidate_id", sa.String(96), primary_key=True),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Column("configuration", sa.JSON, nullable=False),
)

# One row a measurement; the columns up to ``replicate`` say what was measured under which conditions.
IDENTITY = (
    "candidate_id",
    "fingerprint",
    "runtime_version",
    "variant_hash",
    "variant_key",
    "data_hash",
    "protocol_id",
    "session",
    "phase",
    "replicate",
)

MEASUREMENT = sa.Table(
    "autoedge_measurement",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("candidate_id", sa.String(96), nullable=False),
    sa.Column("config_id", sa.String(32), nullable=False),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Column("fingerprint", sa.String(32), nullable=False),
    sa.Column("runtime_version", sa.String(64), nullable=False),
    sa.Column("variant_hash", sa.String(64), nullable=False),
    sa.Column("variant_key", sa.String(64), nullable=False),
    sa.Column("data_hash", sa.String(64), nullable=False),
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
    sa.UniqueConstraint(*IDENTITY, name="autoedge_measurement_once"),
)

VALUE = sa.Table(
    "autoedge_value",
    METADATA,
    sa.Column(
        "measurement", sa.Integer, sa.ForeignKey("autoedge_measurement.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("metric", sa.String(32), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("low", sa.Float, nullable=False),
    sa.Column("high", sa.Float, nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("estimator", sa.String(96), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
)

# Outputs on the evaluation set, once for all candidates that share everything that decides them.
SCORES = sa.Table(
    "autoedge_scores",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
)
