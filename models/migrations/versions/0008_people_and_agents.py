"""
Invitations, links that reset passwords, requests for keys, last sign-ins, and who was shown a key's secret.

Every new column may be missing, so servers of the version before go on adding people and keys.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _outbox() -> list[sa.Column[Any]]:
    return [
        sa.Column("mailing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(length=300), nullable=True),
    ]


def upgrade() -> None:
    op.add_column("people", sa.Column("last_signed_in_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("people", sa.Column("is_address_unproved", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("api_keys", sa.Column("secret_shown_to_id", sa.Uuid(), nullable=True))
    op.add_column("api_keys", sa.Column("secret_shown_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("previous_secret_shown_to_id", sa.Uuid(), nullable=True))
    op.add_column("tickets", sa.Column("mailing", sa.Integer(), server_default="0", nullable=False))

    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("invited_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_nonce", sa.String(length=32), nullable=False),
        sa.Column("link_digest", sa.String(length=64), nullable=False),
        *_outbox(),
        sa.CheckConstraint("role IN ('organization-admin', 'agent-admin', 'member')", name=op.f("ck_invitations_role")),
        sa.ForeignKeyConstraint(["invited_by_id"], ["people.id"], name="fk_invitations_invited_by_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_invitations_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("link_digest", name="uq_invitations_link_digest"),
        sa.UniqueConstraint("organization_id", "email", name="uq_invitations_organization_id_email"),
    )
    op.create_index("ix_invitations_next_attempt_at", "invitations", ["next_attempt_at"])
    op.create_table(
        "invited_agents",
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_invited_agents_agent_id"),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.id"], name="fk_invited_agents_invitation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("invitation_id", "agent_id", name="pk_invited_agents"),
    )

    op.create_table(
        "invitation_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitation_mails"),
    )
    op.create_index("ix_invitation_mails_at", "invitation_mails", ["at"])
    op.create_index("ix_invitation_mails_email_digest_at", "invitation_mails", ["email_digest", "at"])

    op.create_table(
        "password_resets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link_nonce", sa.String(length=32), nullable=False),
        sa.Column("link_digest", sa.String(length=64), nullable=False),
        *_outbox(),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_password_resets_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_password_resets"),
        sa.UniqueConstraint("link_digest", name="uq_password_resets_link_digest"),
    )
    op.create_index("ix_password_resets_account_created_at", "password_resets", ["account", "created_at"])
    op.create_index("ix_password_resets_created_at", "password_resets", ["created_at"])
    op.create_index("ix_password_resets_ip_address_created_at", "password_resets", ["ip_address", "created_at"])
    op.create_index("ix_password_resets_next_attempt_at", "password_resets", ["next_attempt_at"])
    op.create_index("ix_password_resets_person_id", "password_resets", ["person_id"])

    op.create_table(
        "key_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        *_outbox(),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_key_requests_agent_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_key_requests_organization_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_key_requests_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_key_requests"),
    )
    op.create_index("ix_key_requests_created_at", "key_requests", ["created_at"])
    op.create_index("ix_key_requests_next_attempt_at", "key_requests", ["next_attempt_at"])
    op.create_index("ix_key_requests_organization_id_id", "key_requests", ["organization_id", "id"])
    op.create_index("ix_key_requests_person_id_created_at", "key_requests", ["person_id", "created_at"])


def downgrade() -> None:
    for table in ("key_requests", "password_resets", "invitation_mails", "invited_agents", "invitations"):
        op.drop_table(table)
    op.drop_column("tickets", "mailing")
    for name in ("secret_shown_to_id", "secret_shown_at", "previous_secret_shown_to_id"):
        op.drop_column("api_keys", name)
    op.drop_column("people", "is_address_unproved")
    op.drop_column("people", "last_signed_in_at")
