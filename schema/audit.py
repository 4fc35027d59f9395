"""GraphQL types of the audit log."""

from datetime import datetime
from uuid import UUID

import strawberry

from keys.policy import Actor
from models.audit import EVERY_EVENT, AuditAction, EventFilter
from models.engine.ids import NO_SUCH_ID, Prefix, external_id, parse_external_id
from resolvers.audit import Event, Page
from schema.api_key import ApiKey, to_api_key
from schema.context import Info
from schema.organization import User, to_user
from schema.tokens.types import ServiceToken, to_service_token

OPERATOR_NAME = "Operator"
KEYDESK_NAME = "Keydesk"
strawberry.enum(AuditAction, description="The kinds of event.")


@strawberry.type(description="An event of the organization's keys.")
class AuditEvent:
    id: strawberry.ID
    action: AuditAction
    at: datetime
    actor: User | None = strawberry.field(description="Null if the operator or a program did it.")
    token_id: strawberry.Private[UUID | None]
    actor_name: str = strawberry.field(
        description="Who did it, for people: a person's name, Token and the token's name, Operator, or Keydesk."
    )
    ip_address: str | None
    api_key: ApiKey | None
    summary: str = strawberry.field(description="One sentence for people.")

    @strawberry.field(
        description="Set if a service token did it, for organization admins. For others, actorName has its name."
    )
    async def service_token(self, info: Info) -> ServiceToken | None:
        if self.token_id is None:
            return None
        found = await info.context.tokens.by_id.load(self.token_id)
        return None if found is None else to_service_token(found)


@strawberry.input(description="The events that fit everything that is given.")
class AuditLogFilter:
    api_key_id: strawberry.ID | None = None
    actor_id: strawberry.ID | None = strawberry.field(default=None, description="The id of the person who did it.")
    actions: list[AuditAction] | None = strawberry.field(default=None, description="Without any, events of every kind.")
    from_: datetime | None = strawberry.field(name="from", default=None, description="Events at this instant or later.")
    to: datetime | None = strawberry.field(default=None, description="Events before this instant.")


@strawberry.type
class AuditEventEdge:
    cursor: str
    node: AuditEvent


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="A page of events, newest first.")
class AuditEventConnection:
    edges: list[AuditEventEdge]
    page_info: PageInfo


def to_filter(wanted: AuditLogFilter | None) -> EventFilter:
    """The filter of the query. An id that can't be one of a key or a person fits no event."""
    if wanted is None:
        return EVERY_EVENT
    return EventFilter(
        api_key_id=_id(Prefix.API_KEY, wanted.api_key_id),
        actor_id=_id(Prefix.PERSON, wanted.actor_id),
        actions=frozenset(wanted.actions or ()),
        since=wanted.from_,
        until=wanted.to,
    )


def _id(prefix: Prefix, text: str | None) -> UUID | None:
    return None if text is None else parse_external_id(prefix, text) or NO_SUCH_ID


def to_connection(page: Page, actor: Actor, now: datetime) -> AuditEventConnection:
    edges = [_to_edge(event, actor, now) for event in page.events]
    return AuditEventConnection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def _to_edge(event: Event, actor: Actor, now: datetime) -> AuditEventEdge:
    event_id = external_id(Prefix.AUDIT_EVENT, event.id)
    node = AuditEvent(
        id=strawberry.ID(event_id),
        action=event.action,
        at=event.at,
        actor=None if event.actor is None else to_user(event.actor),
        token_id=None if event.token is None else event.token.id,
        actor_name=_name_of_actor(event),
        ip_address=event.ip_address,
        api_key=None if event.api_key is None else to_api_key(event.api_key, actor, now),
        summary=event.summary,
    )
    return AuditEventEdge(cursor=event_id, node=node)


def _name_of_actor(event: Event) -> str:
    if event.actor is not None:
        return event.actor.name
    if event.token is not None:
        return f"Token {event.token.name}"
    return KEYDESK_NAME if event.is_automatic else OPERATOR_NAME
