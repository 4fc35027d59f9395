"""
Whether an organization lets the operator's model help with messages that the assistant is not sure about.

Servers of the version before leave it out; they know no model.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("allows_assistant_model", sa.Boolean(), server_default=sa.true(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("organizations", "allows_assistant_model")
