"""GraphQL types of events, and of who is mailed about what."""

from typing import Annotated

import strawberry

from models.notifications.event_type import EventType
from models.notifications.settings import ExposurePolicy, Notifications
from schema.refusals import InvalidInput

strawberry.enum(EventType, description="The kinds of event that mails and webhooks tell.")
strawberry.enum(ExposurePolicy, description="What happens to a key whose secret was reported as public.")


@strawberry.type(description="Who is mailed about what, and what happens to a key that somebody found in public.")
class NotificationSettings:
    mail: list[EventType] = strawberry.field(description="The events that are mailed.")
    addresses: list[str] = strawberry.field(description="Where to, beside or instead of the admins.")
    to_admins: bool = strawberry.field(
        description="Whether organization admins get the mails; agent admins get those of their agents' keys."
    )
    on_exposure: ExposurePolicy
    is_mail_set_up: bool = strawberry.field(
        description="Whether the operator has set a mail server and a sender. Without them, no mail is made."
    )


UpdateNotificationsResult = Annotated[
    NotificationSettings | InvalidInput, strawberry.union("UpdateNotificationsResult")
]


def to_notification_settings(chosen: Notifications, *, is_mail_set_up: bool) -> NotificationSettings:
    """Converts an organization's choice to the GraphQL type."""
    return NotificationSettings(
        mail=list(chosen.mail),
        addresses=list(chosen.addresses),
        to_admins=chosen.to_admins,
        on_exposure=chosen.on_exposure,
        is_mail_set_up=is_mail_set_up,
    )
