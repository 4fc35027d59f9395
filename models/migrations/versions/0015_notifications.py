"""
Mails about events, webhooks, reports of exposed keys, and the queue of audit events that are still to be told.

A trigger fills the queue, so that events of servers of the version before are told, too. The new columns of the audit
log may be missing or have a default, so these servers go on writing it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_POSTGRESQL = (
    """
    CREATE FUNCTION queue_untold_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO untold_events (event_id) VALUES (NEW.id);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER audit_events_untold AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION queue_untold_event()
    """,
)
_SQLITE = (
    """
    CREATE TRIGGER audit_events_untold AFTER INSERT ON audit_events
    BEGIN
        INSERT INTO untold_events (event_id) VALUES (NEW.id);
    END
    """,
)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _outbox() -> list[sa.Column[Any]]:
    return [
        sa.Column("mailing", sa.Integer(), server_default="0", nullable=False),
        _instant("sent_at", nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _instant("next_attempt_at", nullable=True),
        sa.Column("failure", sa.String(length=300), nullable=True),
    ]


def upgrade() -> None:
    op.add_column("audit_events", sa.Column("subject_id", sa.Uuid(), nullable=True))
    op.add_column("audit_events", sa.Column("details", sa.JSON(), nullable=True))
    op.add_column("audit_events", sa.Column("is_automatic", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_audit_events_api_key_id_id", "audit_events", ["api_key_id", "id"])
    op.create_table(
        "untold_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_events.id"], name="fk_untold_events_event_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", name="pk_untold_events"),
    )
    op.create_table(
        "told_marks",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("period", sa.String(length=40), nullable=False),
        _instant("at"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_told_marks_api_key_id"),
        sa.PrimaryKeyConstraint("api_key_id", "kind", "period", name="pk_told_marks"),
    )
    op.create_index("ix_told_marks_at", "told_marks", ["at"])
    op.create_table(
        "notification_settings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("mail", sa.JSON(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("to_admins", sa.Boolean(), nullable=False),
        sa.Column("on_exposure", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_notification_settings_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", name="pk_notification_settings"),
    )
    op.create_table(
        "notification_mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("event_type", sa.String(length=40), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        _instant("created_at"),
        *_outbox(),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_notification_mails_organization_id"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_notification_mails_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notification_mails"),
    )
    op.create_index("ix_notification_mails_next_attempt_at", "notification_mails", ["next_attempt_at"])
    op.create_index("ix_notification_mails_created_at", "notification_mails", ["created_at"])
    op.create_index(
        "ix_notification_mails_recent",
        "notification_mails",
        ["organization_id", "address", "event_type", "created_at"],
    )
    op.create_table(
        "notification_mail_events",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["notification_mails.id"], name="fk_notification_mail_events_mail_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mail_id", "event_id", name="pk_notification_mail_events"),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=200), nullable=True),
        _instant("created_at"),
        sa.Column("sealed_secret", sa.String(length=300), nullable=False),
        sa.Column("previous_sealed_secret", sa.String(length=300), nullable=True),
        _instant("previous_works_until", nullable=True),
        _instant("failing_since", nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_webhooks_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_organization_id", "webhooks", ["organization_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _instant("created_at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        _instant("delivered_at", nullable=True),
        _instant("next_attempt_at", nullable=True),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("webhook_id", "message_id", name="uq_webhook_deliveries_webhook_id_message_id"),
    )
    op.create_index("ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_next_attempt_at", "webhook_deliveries", ["next_attempt_at"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_table(
        "exposures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("secret_mark", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=True),
        _instant("reported_at"),
        _instant("deletes_at", nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        _instant("acknowledged_at", nullable=True),
        sa.Column("acknowledged_by_id", sa.Uuid(), nullable=True),
        _instant("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_exposures_organization_id"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name="fk_exposures_api_key_id"),
        sa.ForeignKeyConstraint(["acknowledged_by_id"], ["people.id"], name="fk_exposures_acknowledged_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exposures"),
        sa.UniqueConstraint("api_key_id", "secret_mark", name="uq_exposures_api_key_id_secret_mark"),
    )
    op.create_index("ix_exposures_organization_id_ended_at", "exposures", ["organization_id", "ended_at"])
    op.create_index("ix_exposures_deletes_at", "exposures", ["deletes_at"])
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TRIGGER audit_events_untold" + (" ON audit_events" if op.get_bind().dialect.name == "postgresql" else "")
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION queue_untold_event()")
    for table in (
        "exposures",
        "webhook_deliveries",
        "webhooks",
        "notification_mail_events",
        "notification_mails",
        "notification_settings",
        "told_marks",
        "untold_events",
    ):
        op.drop_table(table)
    op.drop_index("ix_audit_events_api_key_id_id", "audit_events")
    for name in ("is_automatic", "details", "subject_id"):
        op.drop_column("audit_events", name)
