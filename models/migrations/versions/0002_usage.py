"""Limits for single keys, the tables of usage, and the lease for retention."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OUTCOMES = ("allowed", "rate_limited", "quota_exceeded", "agent_not_in_scope", "deleted_key", "replaced_secret")
_LIMITS = ("rate_limit", "monthly_quota")
_OFTEN_CHANGED = ("usage_hours", "usage_months", "callers")


def upgrade() -> None:
    for limit in _LIMITS:
        op.execute(
            f"ALTER TABLE api_keys ADD COLUMN {limit} INTEGER CONSTRAINT ck_api_keys_{limit} CHECK ({limit} >= 1)"
        )
    for table, begin in (("usage_hours", "hour"), ("usage_days", "day")):
        op.create_table(
            table,
            sa.Column("key_id", sa.Uuid(), nullable=False),
            sa.Column(begin, sa.DateTime(timezone=True), nullable=False),
            *(sa.Column(outcome, sa.BigInteger(), nullable=False) for outcome in _OUTCOMES),
            sa.PrimaryKeyConstraint("key_id", begin, name=f"pk_{table}"),
        )
    op.create_table(
        "usage_months",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.DateTime(timezone=True), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_secret_last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", "month", name="pk_usage_months"),
    )
    op.create_table(
        "callers",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=256), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "ip_address", "user_agent", name="pk_callers"),
    )
    op.create_table(
        "refused_requests",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=256), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_refused_requests"),
        sa.UniqueConstraint("request_id", name="uq_refused_requests_request_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_refused_requests_key_id_number", "refused_requests", ["key_id", "number"])
    op.create_table(
        "ledger_writers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_writers"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in _OFTEN_CHANGED:
            # Leaves room on the page for a row's next version, so that updates need no change in an index.
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 70)")


def downgrade() -> None:
    for table in (
        "leases",
        "ledger_writers",
        "refused_requests",
        "callers",
        "usage_months",
        "usage_days",
        "usage_hours",
    ):
        op.drop_table(table)
    for limit in _LIMITS:
        op.execute(f"ALTER TABLE api_keys DROP COLUMN {limit}")
