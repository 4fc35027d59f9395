"""
The ids that a host product gave organizations, agents and people; links to sign in by; sessions for one organization.

Every new column may be missing, so servers of the version before go on adding rows. An id is unique among the
organizations and agents that are not deleted, so that a deleted one does not keep its id from a new one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_LIVING = sa.text("deleted_at IS NULL")


def _living_unique(name: str, table: str, columns: list[str]) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=_LIVING, postgresql_where=_LIVING)


def upgrade() -> None:
    for table in ("organizations", "agents", "people"):
        op.add_column(table, sa.Column("external_id", sa.String(length=255), nullable=True))
    _living_unique("uq_organizations_external_id", "organizations", ["external_id"])
    _living_unique("uq_agents_organization_id_external_id", "agents", ["organization_id", "external_id"])
    op.create_index("uq_people_external_id", "people", ["external_id"], unique=True)

    op.add_column("sign_in_sessions", sa.Column("organization_id", sa.Uuid(), nullable=True))
    op.add_column("sign_in_sessions", sa.Column("return_url", sa.String(length=2048), nullable=True))
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("return_url", sa.String(length=2048), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_sign_in_links_organization_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sign_in_links_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_links"),
        sa.UniqueConstraint("link_digest", name="uq_sign_in_links_link_digest"),
    )
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"])


def downgrade() -> None:
    op.drop_table("sign_in_links")
    # An older server would take them for sessions that see all organizations of their person.
    op.execute("DELETE FROM sign_in_sessions WHERE organization_id IS NOT NULL")
    op.drop_column("sign_in_sessions", "return_url")
    op.drop_column("sign_in_sessions", "organization_id")
    op.drop_index("uq_people_external_id", "people")
    op.drop_index("uq_agents_organization_id_external_id", "agents")
    op.drop_index("uq_organizations_external_id", "organizations")
    for table in ("people", "agents", "organizations"):
        op.drop_column(table, "external_id")
