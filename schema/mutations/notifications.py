"""The GraphQL mutation of an organization's notifications."""

import strawberry

from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from models.notifications.event_type import EventType
from models.notifications.settings import ExposurePolicy
from resolvers.notifications import settings
from schema.context import Info
from schema.notifications.types import UpdateNotificationsResult, to_notification_settings
from schema.permissions import MayManageNotifications, SignedIn


@strawberry.input(description="What is not given stays as it is.")
class UpdateNotificationsInput:
    organization_id: strawberry.ID
    mail: list[EventType] | None = None
    addresses: list[str] | None = strawberry.field(default=None, description="At most 20.")
    to_admins: bool | None = None
    on_exposure: ExposurePolicy | None = None


@strawberry.type
class NotificationMutations:
    @strawberry.mutation(
        permission_classes=[SignedIn, MayManageNotifications],
        description=(
            "Changes who is mailed about what, and what happens to a key that somebody found in public. For "
            "organization admins."
        ),
    )
    async def update_notifications(
        self, info: Info, input: UpdateNotificationsInput
    ) -> UpdateNotificationsResult | None:
        context = info.context
        chosen = await settings.update_notifications(
            context.services,
            context.actor,
            organization_id=parse_external_id(Prefix.ORGANIZATION, input.organization_id) or NO_SUCH_ID,
            mail=input.mail,
            addresses=input.addresses,
            to_admins=input.to_admins,
            on_exposure=input.on_exposure,
        )
        return to_notification_settings(chosen, is_mail_set_up=context.people.sends_mail)
