"""Shows and changes who is mailed about what in an organization, and what happens to a key that was found in public."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor
from keys.refusals import InvalidInput
from keys.sign_in.email_address import is_mailable, valid_email
from models.audit import AuditAction
from models.notifications.event_type import EventType
from models.notifications.settings import (
    ExposurePolicy,
    Notifications,
    in_order,
    notifications_of,
    store_notifications,
)
from resolvers.audit import record
from resolvers.invitations import NOT_MAILABLE
from resolvers.members import locked_for, summary_of
from resolvers.services import ChangeServices, check_mutation_rate

ADDRESSES_AT_MOST = 20
ADDRESS_LENGTH_SHOWN = 80
EVENT_WORDS = {
    EventType.KEY_CREATED: "created keys",
    EventType.KEY_RENAMED: "renamed keys",
    EventType.KEY_ROTATED: "rotated keys",
    EventType.KEY_DELETED: "deleted keys",
    EventType.KEY_LIMITS_CHANGED: "changed limits",
    EventType.KEY_EXPOSED: "exposed keys",
    EventType.KEY_QUOTA_REACHED: "quotas that are nearly used up",
    EventType.KEY_UNUSED: "unused keys",
    EventType.KEY_REFUSALS_RISING: "rising refusals",
    EventType.DEAD_KEY_STILL_USED: "dead keys that are still used",
    EventType.MEMBER_CHANGED: "changes of people",
}
"""For sentences that begin with “mails about”."""
_ON_EXPOSURE = {
    ExposurePolicy.NOTIFY: "is only reported",
    ExposurePolicy.DELETE_AFTER_A_DAY: "is deleted after a day",
    ExposurePolicy.DELETE_AT_ONCE: "is deleted at once",
}


async def notifications(session: AsyncSession, actor: Actor, *, organization_id: UUID) -> Notifications | None:
    """The organization's choice, or the defaults. None if the actor may not manage notifications."""
    if not policy.may_everywhere(actor, Action.MANAGE_NOTIFICATIONS, organization_id):
        return None
    return (await notifications_of(session, [organization_id]))[organization_id]


async def update_notifications(
    services: ChangeServices,
    actor: Actor,
    *,
    organization_id: UUID,
    mail: Collection[EventType] | None = None,
    addresses: Sequence[str] | None = None,
    to_admins: bool | None = None,
    on_exposure: ExposurePolicy | None = None,
) -> Notifications:
    """
    Changes what is given. Returns the whole choice.

    Raises NotFound, Forbidden, InvalidInput for addresses, TooManyRequests.
    """
    policy.require_everywhere(actor, Action.MANAGE_NOTIFICATIONS, organization_id)
    wanted = None if addresses is None else _valid_addresses(addresses)
    async with services.database.transaction() as session:
        now = services.clock()
        actor = await locked_for(session, actor, Action.MANAGE_NOTIFICATIONS, organization_id, now=now)
        await check_mutation_rate(session, actor, services)
        before = (await notifications_of(session, [organization_id]))[organization_id]
        after = Notifications(
            mail=before.mail if mail is None else in_order(mail),
            addresses=before.addresses if wanted is None else wanted,
            to_admins=before.to_admins if to_admins is None else to_admins,
            on_exposure=before.on_exposure if on_exposure is None else on_exposure,
        )
        changes = _changes(before, after)
        if changes:
            await store_notifications(session, organization_id, after)
            await record(
                session,
                actor,
                AuditAction.NOTIFICATIONS_CHANGED,
                summary_of(f"Notifications were changed: {'; '.join(changes)}."),
                organization_id=organization_id,
                now=now,
            )
    return after


def _valid_addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """The addresses in their canonical form, each once. Raises InvalidInput, which says which one is meant."""
    if len(texts) > ADDRESSES_AT_MOST:
        raise InvalidInput("addresses", f"Give at most {ADDRESSES_AT_MOST} addresses.")
    found: dict[str, None] = {}
    for text in texts:
        try:
            address = valid_email(text, field="addresses")
        except InvalidInput as refusal:
            raise InvalidInput("addresses", f"“{_shown(text)}”: {refusal.message}") from None
        if not is_mailable(address):
            raise InvalidInput("addresses", f"“{_shown(text)}”: {NOT_MAILABLE}")
        found[address] = None
    return tuple(found)


def _shown(text: str) -> str:
    return text if len(text) <= ADDRESS_LENGTH_SHOWN else text[: ADDRESS_LENGTH_SHOWN - 1] + "…"


def _changes(before: Notifications, after: Notifications) -> list[str]:
    """What is different, in words. The addresses come last, because a long sentence is cut."""
    on = [EVENT_WORDS[each] for each in after.mail if each not in before.mail]
    off = [EVENT_WORDS[each] for each in before.mail if each not in after.mail]
    added = [each for each in after.addresses if each not in before.addresses]
    removed = [each for each in before.addresses if each not in after.addresses]
    admins = "admins get the mails" if after.to_admins else "admins no longer get the mails"
    exposed = f"a key that was found in public {_ON_EXPOSURE[after.on_exposure]}"
    return [
        *([f"mails about {_listed(on)} are on"] if on else []),
        *([f"mails about {_listed(off)} are off"] if off else []),
        *([admins] if after.to_admins != before.to_admins else []),
        *([exposed] if after.on_exposure != before.on_exposure else []),
        *([f"{_listed(added)} also {_get(added)} them"] if added else []),
        *([f"{_listed(removed)} no longer {_get(removed)} them"] if removed else []),
    ]


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _get(who: Sequence[str]) -> str:
    return "gets" if len(who) == 1 else "get"
