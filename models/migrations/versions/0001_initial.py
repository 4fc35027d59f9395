"""
The first schema, with triggers for rules that a column's CHECK can't express.

The limit on keys: `organizations.live_key_count` counts an organization's active keys. Inserting an active key takes a
slot, or fails if there is none; deleting a key frees its slot. On PostgreSQL, the conditional UPDATE locks the
organization's row, so that transactions that compete for the last slot run one after the other; SQLite has only one
writer at a time. A deleted key can't become active again, and no key can change its organization, agent or public id,
so nothing else changes the count.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_POSTGRESQL = (
    """
    CREATE FUNCTION count_living_key() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.deleted_at IS NULL THEN
                UPDATE organizations SET live_key_count = live_key_count + 1
                WHERE id = NEW.organization_id AND deleted_at IS NULL AND live_key_count < key_limit;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'key_limit_reached' USING ERRCODE = 'check_violation';
                END IF;
            END IF;
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' THEN
            IF OLD.organization_id <> NEW.organization_id OR OLD.agent_id IS DISTINCT FROM NEW.agent_id
                OR OLD.public_id <> NEW.public_id OR (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL) THEN
                RAISE EXCEPTION 'api_key_fixed' USING ERRCODE = 'check_violation';
            END IF;
            IF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
                UPDATE organizations SET live_key_count = live_key_count - 1 WHERE id = OLD.organization_id;
            END IF;
            RETURN NEW;
        END IF;
        IF OLD.deleted_at IS NULL THEN
            UPDATE organizations SET live_key_count = live_key_count - 1 WHERE id = OLD.organization_id;
        END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE TRIGGER api_keys_count_living BEFORE INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION count_living_key()
    """,
    """
    CREATE FUNCTION keep_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.refused_reason IS NULL OR OLD.id <> NEW.id OR OLD.action <> NEW.action OR OLD.at <> NEW.at THEN
            RAISE EXCEPTION 'audit_event_fixed' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION keep_audit_event()
    """,
)
_SQLITE = (
    """
    CREATE TRIGGER api_keys_count_inserted AFTER INSERT ON api_keys WHEN NEW.deleted_at IS NULL
    BEGIN
        SELECT RAISE(ABORT, 'key_limit_reached') WHERE NOT EXISTS (
            SELECT 1 FROM organizations
            WHERE id = NEW.organization_id AND deleted_at IS NULL AND live_key_count < key_limit
        );
        UPDATE organizations SET live_key_count = live_key_count + 1 WHERE id = NEW.organization_id;
    END
    """,
    """
    CREATE TRIGGER api_keys_fixed BEFORE UPDATE ON api_keys
    WHEN OLD.organization_id <> NEW.organization_id OR OLD.agent_id IS NOT NEW.agent_id
        OR OLD.public_id <> NEW.public_id OR (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL)
    BEGIN
        SELECT RAISE(ABORT, 'api_key_fixed');
    END
    """,
    """
    CREATE TRIGGER api_keys_count_tombstone AFTER UPDATE ON api_keys
    WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
    BEGIN
        UPDATE organizations SET live_key_count = live_key_count - 1 WHERE id = OLD.organization_id;
    END
    """,
    """
    CREATE TRIGGER api_keys_count_removed AFTER DELETE ON api_keys WHEN OLD.deleted_at IS NULL
    BEGIN
        UPDATE organizations SET live_key_count = live_key_count - 1 WHERE id = OLD.organization_id;
    END
    """,
    """
    CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events
    WHEN OLD.refused_reason IS NULL OR OLD.id <> NEW.id OR OLD.action <> NEW.action OR OLD.at <> NEW.at
    BEGIN
        SELECT RAISE(ABORT, 'audit_event_fixed');
    END
    """,
)


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key_limit", sa.Integer(), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=False),
        sa.Column("monthly_quota", sa.Integer(), nullable=False),
        sa.Column("live_key_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("key_limit >= 1", name=op.f("ck_organizations_key_limit")),
        sa.CheckConstraint("live_key_count >= 0", name=op.f("ck_organizations_live_key_count")),
        sa.CheckConstraint("monthly_quota >= 1", name=op.f("ck_organizations_monthly_quota")),
        sa.CheckConstraint("rate_limit >= 1", name=op.f("ck_organizations_rate_limit")),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("password_is_one_time", sa.Boolean(), nullable=False),
        sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("email", name="uq_people_email"),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_failures"),
    )
    op.create_index("ix_sign_in_failures_account_at", "sign_in_failures", ["account", "at"])
    op.create_index("ix_sign_in_failures_at", "sign_in_failures", ["at"])
    op.create_index("ix_sign_in_failures_ip_address_at", "sign_in_failures", ["ip_address", "at"])

    op.create_table(
        "agents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_agents_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("id", "organization_id", name="uq_agents_id_organization_id"),
    )
    op.create_index("ix_agents_organization_id", "agents", ["organization_id"])

    op.create_table(
        "memberships",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "organization-admin",
                "agent-admin",
                "member",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_memberships_organization_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_memberships_person_id"),
        sa.PrimaryKeyConstraint("organization_id", "person_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_person_id", "memberships", ["person_id"])

    op.create_table(
        "sign_in_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sign_in_sessions_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_sessions"),
        sa.UniqueConstraint("token_digest", name="uq_sign_in_sessions_token_digest"),
    )
    op.create_index("ix_sign_in_sessions_person_id", "sign_in_sessions", ["person_id"])

    op.create_table(
        "administered_agents",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id", "organization_id"],
            ["agents.id", "agents.organization_id"],
            name="fk_administered_agents_agent",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["memberships.organization_id", "memberships.person_id"],
            name="fk_administered_agents_membership",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("person_id", "agent_id", name="pk_administered_agents"),
    )
    op.create_index("ix_administered_agents_agent_id", "administered_agents", ["agent_id"])

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("public_id", sa.String(length=16), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("secret_hash", sa.String(length=255), nullable=True),
        sa.Column("server_key_id", sa.String(length=16), nullable=True),
        sa.Column("previous_secret_hash", sa.String(length=255), nullable=True),
        sa.Column("previous_server_key_id", sa.String(length=16), nullable=True),
        sa.Column("previous_works_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(deleted_at IS NULL) = (secret_hash IS NOT NULL)", name=op.f("ck_api_keys_living_has_secret")
        ),
        sa.CheckConstraint(
            "(previous_secret_hash IS NULL) = (previous_server_key_id IS NULL)"
            " AND (previous_secret_hash IS NULL) = (previous_works_until IS NULL)"
            " AND (deleted_at IS NULL OR previous_secret_hash IS NULL)",
            name=op.f("ck_api_keys_previous_secret_whole"),
        ),
        sa.CheckConstraint(
            "(secret_hash IS NULL) = (server_key_id IS NULL)", name=op.f("ck_api_keys_secret_has_server_key")
        ),
        sa.ForeignKeyConstraint(
            ["agent_id", "organization_id"], ["agents.id", "agents.organization_id"], name="fk_api_keys_agent"
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["people.id"], name="fk_api_keys_created_by_id"),
        sa.ForeignKeyConstraint(["deleted_by_id"], ["people.id"], name="fk_api_keys_deleted_by_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_api_keys_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("public_id", name="uq_api_keys_public_id"),
    )
    op.create_index("ix_api_keys_agent_id", "api_keys", ["agent_id"])
    op.create_index("ix_api_keys_organization_id_deleted_at", "api_keys", ["organization_id", "deleted_at"])

    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("summary", sa.String(length=500), nullable=False),
        sa.Column("refused_reason", sa.String(length=40), nullable=True),
        sa.Column("refused_hour", sa.DateTime(timezone=True), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["people.id"], name="fk_audit_events_actor_id"),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_audit_events_agent_id"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_audit_events_api_key_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_audit_events_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        sa.UniqueConstraint(
            "organization_id", "actor_id", "refused_reason", "refused_hour", name="uq_audit_events_refused"
        ),
    )
    op.create_index("ix_audit_events_actor_id_at", "audit_events", ["actor_id", "at"])
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_events_organization_id_id", "audit_events", ["organization_id", "id"])
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "audit_events",
        "api_keys",
        "administered_agents",
        "sign_in_sessions",
        "memberships",
        "agents",
        "sign_in_failures",
        "people",
        "organizations",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION count_living_key()")
        op.execute("DROP FUNCTION keep_audit_event()")
