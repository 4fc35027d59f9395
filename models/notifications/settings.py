"""Who is mailed about what in each organization, and what happens to a key that somebody found in public."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from models.engine.columns import reference
from models.notifications.event_type import EventType


class ExposurePolicy(StrEnum):
    """What happens to a key whose secret was reported as public."""

    NOTIFY = "notify"
    DELETE_AFTER_A_DAY = "delete-after-a-day"
    DELETE_AT_ONCE = "delete-at-once"


MAILED_BY_DEFAULT = (
    EventType.KEY_DELETED,
    EventType.KEY_EXPOSED,
    EventType.KEY_QUOTA_REACHED,
    EventType.DEAD_KEY_STILL_USED,
)


class NotificationSetting(SQLModel, table=True):
    """An organization's choice. An organization without a row has the defaults."""

    __tablename__ = "notification_settings"

    organization_id: UUID = reference("organizations.id", primary_key=True)
    mail: list[str] = Field(sa_type=JSON, nullable=False)
    """The types of the events that are mailed. Readers leave out types that this version does not know."""
    addresses: list[str] = Field(sa_type=JSON, nullable=False)
    to_admins: bool = True
    on_exposure: str = Field(default=ExposurePolicy.NOTIFY.value, max_length=32)
