"""
The keyed digests of secrets, beside their argon2 hashes.

They may be missing and no constraint ties them to the hashes, so servers of the version before, which do not know of
them, can go on creating, rotating and deleting keys.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = ("secret_digest", "previous_secret_digest")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("api_keys", sa.Column(name, sa.String(length=128), nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("api_keys", name)
