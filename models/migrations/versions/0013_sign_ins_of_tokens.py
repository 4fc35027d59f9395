"""
The operator token behind a host product's links and the sessions that they begin, so that both end with the token.

Servers of the version before leave it out; their sessions last as long as they did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("sign_in_links", "sign_in_sessions"):
        op.add_column(table, sa.Column("token_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    for table in ("sign_in_sessions", "sign_in_links"):
        op.drop_column(table, "token_id")
