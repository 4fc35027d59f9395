"""
Single sign-on: identities at the provider, what its groups mean, sessions that it began, and who may use a password.

Every new column has a default or may be missing, so servers of the version before go on signing people in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("is_linkable", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("people", sa.Column("is_break_glass", sa.Boolean(), server_default=sa.false(), nullable=False))
    # Without a foreign key: servers of the version before must not be refused anything.
    op.add_column("sign_in_sessions", sa.Column("identity_id", sa.Uuid(), nullable=True))
    op.add_column("sign_in_sessions", sa.Column("provider_session_digest", sa.String(length=64), nullable=True))
    op.create_index("ix_sign_in_sessions_identity_id", "sign_in_sessions", ["identity_id"])
    op.create_index("ix_sign_in_sessions_provider_session_digest", "sign_in_sessions", ["provider_session_digest"])

    op.create_table(
        "identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_identities_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
        sa.UniqueConstraint("person_id", name="uq_identities_person_id"),
    )
    op.create_table(
        "group_mappings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("group_name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_group_mappings_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_group_mappings"),
        sa.UniqueConstraint("organization_id", "group_name", name="uq_group_mappings_organization_id_group_name"),
    )
    op.create_table(
        "mapped_agents",
        sa.Column("mapping_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_mapped_agents_agent_id"),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["group_mappings.id"], name="fk_mapped_agents_mapping_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mapping_id", "agent_id", name="pk_mapped_agents"),
    )
    op.create_table(
        "used_once",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_once"),
    )
    op.create_index("ix_used_once_expires_at", "used_once", ["expires_at"])


def downgrade() -> None:
    for table in ("used_once", "mapped_agents", "group_mappings", "identities"):
        op.drop_table(table)
    op.drop_index("ix_sign_in_sessions_provider_session_digest", "sign_in_sessions")
    op.drop_index("ix_sign_in_sessions_identity_id", "sign_in_sessions")
    op.drop_column("sign_in_sessions", "provider_session_digest")
    op.drop_column("sign_in_sessions", "identity_id")
    op.drop_column("people", "is_break_glass")
    op.drop_column("people", "is_linkable")
