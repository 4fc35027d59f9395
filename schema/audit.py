"""GraphQL types of the audit log."""

from datetime import datetime

import strawberry

from keys.policy import Actor
from models.audit import AuditAction
from models.engine.ids import Prefix, external_id
from resolvers.audit import Event, Page
from schema.api_key import ApiKey, to_api_key
from schema.organization import User, to_user

strawberry.enum(AuditAction, description="The kinds of event.")


@strawberry.type(description="An event of the organization's keys.")
class AuditEvent:
    id: strawberry.ID
    action: AuditAction
    at: datetime
    actor: User | None = strawberry.field(description="Null if the operator did it on the command line.")
    ip_address: str | None
    api_key: ApiKey | None
    summary: str = strawberry.field(description="One sentence for people.")


@strawberry.type
class AuditEventEdge:
    cursor: str
    node: AuditEvent


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type(description="A page of events, newest first.")
class AuditEventConnection:
    edges: list[AuditEventEdge]
    page_info: PageInfo


def to_connection(page: Page, actor: Actor, now: datetime) -> AuditEventConnection:
    edges = [_to_edge(event, actor, now) for event in page.events]
    return AuditEventConnection(
        edges=edges,
        page_info=PageInfo(has_next_page=page.has_next, end_cursor=edges[-1].cursor if edges else None),
    )


def _to_edge(event: Event, actor: Actor, now: datetime) -> AuditEventEdge:
    event_id = external_id(Prefix.AUDIT_EVENT, event.id)
    node = AuditEvent(
        id=strawberry.ID(event_id),
        action=event.action,
        at=event.at,
        actor=None if event.actor is None else to_user(event.actor),
        ip_address=event.ip_address,
        api_key=None if event.api_key is None else to_api_key(event.api_key, actor, now),
        summary=event.summary,
    )
    return AuditEventEdge(cursor=event_id, node=node)
