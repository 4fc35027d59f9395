"""Restores of the database, which are settled before it is served."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_restores"),
        if_not_exists=True,  # `keydesk restore` of an older backup makes it, in the transaction of the restore
    )


def downgrade() -> None:
    op.drop_table("restores")
