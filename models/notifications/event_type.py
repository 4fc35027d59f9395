"""The kinds of event that are told by mail and to webhooks, and the audit events that they come from."""

from collections.abc import Mapping
from enum import StrEnum

from models.audit import AuditAction


class EventType(StrEnum):
    """The kinds of event. The values are the types in the bodies of webhooks."""

    KEY_CREATED = "key.created"
    KEY_RENAMED = "key.renamed"
    KEY_ROTATED = "key.rotated"
    KEY_DELETED = "key.deleted"
    KEY_LIMITS_CHANGED = "key.limits_changed"
    KEY_EXPOSED = "key.exposed"
    KEY_QUOTA_REACHED = "key.quota_reached"
    KEY_UNUSED = "key.unused"
    KEY_REFUSALS_RISING = "key.refusals_rising"
    DEAD_KEY_STILL_USED = "key.dead_still_used"
    MEMBER_CHANGED = "member.changed"


TEST_EVENT = "keydesk.test"
"""The type of the event that tests a webhook. Nothing else has it."""

EVENT_OF_ACTION: Mapping[AuditAction, EventType] = {
    AuditAction.API_KEY_CREATED: EventType.KEY_CREATED,
    AuditAction.API_KEY_RENAMED: EventType.KEY_RENAMED,
    AuditAction.API_KEY_ROTATED: EventType.KEY_ROTATED,
    AuditAction.API_KEY_DELETED: EventType.KEY_DELETED,
    AuditAction.API_KEY_LIMITS_CHANGED: EventType.KEY_LIMITS_CHANGED,
    AuditAction.API_KEY_EXPOSED: EventType.KEY_EXPOSED,
    AuditAction.API_KEY_QUOTA_REACHED: EventType.KEY_QUOTA_REACHED,
    AuditAction.API_KEY_UNUSED: EventType.KEY_UNUSED,
    AuditAction.API_KEY_REFUSALS_RISING: EventType.KEY_REFUSALS_RISING,
    AuditAction.DEAD_KEY_STILL_USED: EventType.DEAD_KEY_STILL_USED,
    AuditAction.MEMBERSHIP_CHANGED: EventType.MEMBER_CHANGED,
    AuditAction.MEMBER_JOINED: EventType.MEMBER_CHANGED,
}
"""The audit events that are told. All others stay in the audit log."""
