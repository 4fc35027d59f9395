"""The ids that clients gave to their creations of keys."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_requests",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("input_digest", sa.String(length=64), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_client_requests_api_key_id"),
        sa.PrimaryKeyConstraint("actor_id", "request_id", name="pk_client_requests"),
    )
    op.create_index("ix_client_requests_created_at", "client_requests", ["created_at"])


def downgrade() -> None:
    op.drop_table("client_requests")
