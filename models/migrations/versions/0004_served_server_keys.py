"""The ids of the server keys of the server process that started last."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "served_server_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_served_server_keys"),
    )


def downgrade() -> None:
    op.drop_table("served_server_keys")
