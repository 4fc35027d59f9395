"""Facts for tests of the assistant's pure parts, as gathered for a person."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from assistant.facts.facts import Facts, KeyFacts, RefusalFacts
from keys.key_limit import Allowance
from keys.policy import Actor, RoleGrant
from models.agent import NamedAgent
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson, OrganizationRecord, Role
from models.usage.refused_request import RefusedReason

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ACME = UUID("01a00000-0000-7000-8000-0000000000ac")
ADA = NamedPerson(UUID("01a00000-0000-7000-8000-0000000000ad"), "ada@example.com", "Ada")
GRACE = NamedPerson(UUID("01a00000-0000-7000-8000-00000000006a"), "grace@example.com", "Grace")
CRAWLER = NamedAgent(UUID("01a00000-0000-7000-8000-00000000000c"), "Crawler", None)


def key_record(name: str, **columns: Any) -> ApiKeyRecord:
    """An active organization-level key that Ada created ten days ago, unless `columns` differ."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "organization_id": ACME,
        "name": name,
        "prefix": "kd",
        "public_id": uuid4().hex[:16],
        "last_four": "4444",
        "rotated_at": None,
        "previous_works_until": None,
        "created_at": NOON - timedelta(days=10),
        "deleted_at": None,
        "rate_limit": 600,
        "monthly_quota": 100_000,
        "last_used_at": None,
        "previous_secret_last_used_at": None,
        "agent": None,
        "created_by": ADA,
        "deleted_by": None,
    }
    return ApiKeyRecord(**{**values, **columns})


def tombstone(name: str, **columns: Any) -> ApiKeyRecord:
    """A key that Ada deleted yesterday."""
    return key_record(name, **{"deleted_at": NOON - timedelta(days=1), "deleted_by": ADA, **columns})


def key_facts(record: ApiKeyRecord, *reasons: RefusedReason, passed: int = 0, **more: Any) -> KeyFacts:
    """An admin's facts of the key: seven refused requests for each of these reasons, the newest three minutes ago."""
    newest = tuple(
        RefusalFacts(f"req_{number}", reason, NOON - timedelta(minutes=3 + number), "203.0.113.9", "curl/8")
        for number, reason in enumerate(reasons)
    )
    refused = dict.fromkeys(reasons, 7)
    is_living = record.deleted_at is None
    return KeyFacts(record, is_living, refused, passed, is_detailed=True, newest_refused=newest, **more)


def facts(*keys: KeyFacts, role: Role = Role.ORGANIZATION_ADMIN, limit: int = 10, **more: Any) -> Facts:
    """Facts gathered for Ada, an admin, or for Grace in a lesser role; `more` replaces the defaults."""
    living = [each for each in keys if each.record.deleted_at is None]
    agents: Sequence[NamedAgent] = () if role is Role.MEMBER else (CRAWLER,)
    viewer = ADA if role is Role.ORGANIZATION_ADMIN else GRACE
    values: dict[str, Any] = {
        "now": NOON,
        "organization": OrganizationRecord(ACME, "Acme", limit, 600, 100_000, len(living)),
        "actor": Actor(viewer.id, {ACME: RoleGrant(role, frozenset(each.id for each in agents))}),
        "viewer": viewer,
        "allowance": Allowance(len(living), limit),
        "admins": (ADA,),
        "agents": agents,
        "keys": keys,
        "candidates": [each for each in living if each.may_manage],
    }
    return Facts(**{**values, **more})
