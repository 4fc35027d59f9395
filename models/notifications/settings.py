"""Who is mailed about what in each organization, and what happens to a key that somebody found in public."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import JSON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

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


class Notifications(NamedTuple):
    """What an organization has chosen, or the defaults. `mail` and `addresses` have no duplicates."""

    mail: Sequence[EventType] = MAILED_BY_DEFAULT
    addresses: Sequence[str] = ()
    to_admins: bool = True
    on_exposure: ExposurePolicy = ExposurePolicy.NOTIFY


DEFAULTS = Notifications()


def in_order(types: Iterable[EventType]) -> Sequence[EventType]:
    """The types, each once, in the order of `EventType`."""
    wanted = set(types)
    return tuple(each for each in EventType if each in wanted)


async def notifications_of(session: AsyncSession, organization_ids: Collection[UUID]) -> dict[UUID, Notifications]:
    """The choice of each of these organizations."""
    statement = select(NotificationSetting).where(col(NotificationSetting.organization_id).in_(organization_ids))
    rows = (await session.execute(statement.execution_options(populate_existing=True))).scalars()
    return dict.fromkeys(organization_ids, DEFAULTS) | {row.organization_id: _chosen(row) for row in rows}


async def store_notifications(session: AsyncSession, organization_id: UUID, chosen: Notifications) -> None:
    """Stores the choice. The caller must hold the organization's lock."""
    row = await session.get(NotificationSetting, organization_id)
    if row is None:
        row = NotificationSetting(organization_id=organization_id, mail=[], addresses=[])
        session.add(row)
    row.mail = [each.value for each in chosen.mail]
    row.addresses = list(chosen.addresses)
    row.to_admins = chosen.to_admins
    row.on_exposure = chosen.on_exposure.value
    await session.flush()


def _chosen(row: NotificationSetting) -> Notifications:
    """Leaves out what this version does not know; an unknown policy only tells."""
    known = set(ExposurePolicy)
    return Notifications(
        mail=in_order(EventType(each) for each in row.mail if each in set(EventType)),
        addresses=tuple(row.addresses),
        to_admins=row.to_admins,
        on_exposure=ExposurePolicy(row.on_exposure) if row.on_exposure in known else ExposurePolicy.NOTIFY,
    )
