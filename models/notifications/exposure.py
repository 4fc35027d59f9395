"""Reports that a key's secret was found in public. A secret is reported once, however often it is found."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.engine.columns import instant, optional_instant, optional_outside_text, optional_reference, reference
from models.engine.ids import new_id

URL_LENGTH_AT_MOST = 2000
MARK_LENGTH = 64


class ExposureSource(StrEnum):
    """Who reported it."""

    FINDER = "finder"
    GITHUB = "github"


class ExposedSecret(StrEnum):
    """What the reported secret was at the time of the report."""

    LIVING = "living"
    REPLACED = "replaced"
    DELETED = "deleted"


class Exposure(SQLModel, table=True):
    """
    A report. `secret_mark` is a keyed digest of the reported secret, so that a secret is reported once; the secret
    itself is not stored. `ended_at` is when the key was rotated or deleted. `reminders` counts the mails before a
    deletion.
    """

    __tablename__ = "exposures"
    __table_args__ = (
        UniqueConstraint("api_key_id", "secret_mark", name="uq_exposures_api_key_id_secret_mark"),
        Index("ix_exposures_organization_id_ended_at", "organization_id", "ended_at"),
        Index("ix_exposures_deletes_at", "deletes_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    api_key_id: UUID = reference("api_keys.id")
    secret_mark: str = Field(max_length=MARK_LENGTH)
    secret: str = Field(max_length=16)
    source: str = Field(max_length=16)
    url: str | None = optional_outside_text(URL_LENGTH_AT_MOST)
    reported_at: datetime = instant()
    deletes_at: datetime | None = optional_instant()
    reminders: int = 0
    acknowledged_at: datetime | None = optional_instant()
    acknowledged_by_id: UUID | None = optional_reference("people.id")
    ended_at: datetime | None = optional_instant()
