"""
Tokens of programs, and which of them caused an event, or created or deleted a key.

Every new column may be missing, so servers of the version before go on adding events and keys.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "program_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("may_provision", sa.Boolean(), nullable=False),
        sa.Column("may_sign_in", sa.Boolean(), nullable=False),
        sa.Column("prefix", sa.String(length=13), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("server_key_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'service' AND organization_id IS NOT NULL AND role IS NOT NULL) OR "
            "(kind = 'operator' AND organization_id IS NULL AND role IS NULL)",
            name=op.f("ck_program_tokens_kind"),
        ),
        sa.CheckConstraint(
            "role IN ('organization-admin', 'agent-admin', 'member')", name=op.f("ck_program_tokens_role")
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["people.id"], name="fk_program_tokens_created_by_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_program_tokens_organization_id"),
        sa.ForeignKeyConstraint(["revoked_by_id"], ["people.id"], name="fk_program_tokens_revoked_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_program_tokens"),
        sa.UniqueConstraint("digest", name="uq_program_tokens_digest"),
    )
    op.create_index("ix_program_tokens_organization_id_id", "program_tokens", ["organization_id", "id"])
    op.create_table(
        "program_token_agents",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_program_token_agents_agent_id"),
        sa.ForeignKeyConstraint(
            ["token_id"], ["program_tokens.id"], name="fk_program_token_agents_token_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", "agent_id", name="pk_program_token_agents"),
    )
    op.add_column("audit_events", sa.Column("token_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_audit_events_token_id_at",
        "audit_events",
        ["token_id", "at"],
        sqlite_where=sa.text("token_id IS NOT NULL"),
        postgresql_where=sa.text("token_id IS NOT NULL"),
    )
    op.add_column("api_keys", sa.Column("created_by_token_id", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("deleted_by_token_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "deleted_by_token_id")
    op.drop_column("api_keys", "created_by_token_id")
    op.drop_index("ix_audit_events_token_id_at", "audit_events")
    op.drop_column("audit_events", "token_id")
    op.drop_table("program_token_agents")
    op.drop_table("program_tokens")
