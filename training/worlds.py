"""The worlds in which messages are judged: the facts of an organization that has one certain problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from assistant.explain.diagnosis import Case
from assistant.facts.facts import Facts, KeyFacts, RefusalFacts
from assistant.intents.topics import Topic
from keys.key_limit import Allowance
from keys.limits.sliding_window import LimitStatus, Month
from keys.policy import Actor, RoleGrant
from models.agent import NamedAgent
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson, OrganizationRecord, Role
from models.usage.refused_request import RefusedReason

NOW = datetime(2026, 11, 24, 14, 3, tzinfo=UTC)
_MONTH = Month(1793491200, 1796083200)
_QUOTA, _RATE_LIMIT, _KEY_LIMIT = 100_000, 600, 10
_ORGANIZATION = UUID(int=1)
_ADMIN = NamedPerson(UUID(int=10), "ada@acme.example", "Ada Admin")
_MEMBER = NamedPerson(UUID(int=11), "mel@acme.example", "Mel Member")
_AGENT = NamedAgent(UUID(int=20), "Invoice reader", None)
_OTHER_AGENT = NamedAgent(UUID(int=21), "Mail sorter", None)
_NAMES = ("ci-runner", "billing-sync", "mobile app", "etl", "grafana", "partner", "staging", "zapier", "cron", "laptop")
_REFUSED = 37


@dataclass(frozen=True, slots=True)
class World:
    """
    An organization with one problem: its facts, and the right answers.

    `id` is the name in data. `expected` has the topics that people ask about when they have this problem, with the case
    that answers each.
    """

    id: str
    name: str
    facts: Facts
    expected: Mapping[Topic, Case]


ANYWHERE = frozenset(Topic) - {
    *(Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.FORBIDDEN, Topic.TOO_MANY_REQUESTS, Topic.UNAVAILABLE),
    *(Topic.KEY_STATE, Topic.CANNOT_CREATE, Topic.NOT_ALLOWED),
}
"""Topics that people ask about in any world."""


def _key(
    number: int,
    *,
    agent: NamedAgent | None = None,
    refused: RefusedReason | None = None,
    deleted: bool = False,
    rotated: bool = False,
    quota_used: int = 1_200,
    may_manage: bool = True,
) -> KeyFacts:
    """A key that was last used an hour ago. If `refused` is given, requests after that were refused for this reason."""
    record = ApiKeyRecord(
        id=UUID(int=100 + number),
        organization_id=_ORGANIZATION,
        name=_NAMES[number],
        prefix="kd",
        public_id=f"Ab{number}dEfGhJkLm",
        last_four=f"x{number}Qz",
        rotated_at=NOW - timedelta(hours=3) if rotated else None,
        previous_works_until=NOW - timedelta(hours=2) if rotated else None,
        created_at=NOW - timedelta(days=60 + number),
        deleted_at=NOW - timedelta(hours=20) if deleted else None,
        rate_limit=_RATE_LIMIT,
        monthly_quota=_QUOTA,
        last_used_at=NOW - timedelta(hours=21 if deleted else 1),
        previous_secret_last_used_at=NOW - timedelta(hours=2) if rotated else None,
        agent=agent,
        created_by=_ADMIN,
        deleted_by=_ADMIN if deleted else None,
    )
    newest: tuple[RefusalFacts, ...] = ()
    if refused is not None:
        sought = _OTHER_AGENT if refused is RefusedReason.AGENT_NOT_IN_SCOPE else agent
        newest = (
            RefusalFacts("req_0199c0de4af2", refused, NOW - timedelta(minutes=40), "192.0.2.7", "python/3", sought),
        )
    return KeyFacts(
        record,
        may_manage=may_manage and not deleted,
        refused={} if refused is None else {refused: _REFUSED},
        passed=0 if deleted else 120,
        is_detailed=True,
        newest_refused=newest,
        calls_since_deletion=_REFUSED if deleted else 0,
        balance=None if deleted else LimitStatus(_RATE_LIMIT - 3, 4_000, quota_used, _MONTH, 0),
    )


def _facts(*keys: KeyFacts, role: Role = Role.ORGANIZATION_ADMIN, used: int | None = None) -> Facts:
    """The facts of an organization with these keys. `used` is the number of slots, if the person can't see all keys."""
    living = [each for each in keys if not each.is_deleted]
    taken = len(living) if used is None else used
    manages = role is Role.ORGANIZATION_ADMIN
    viewer = _ADMIN if manages else _MEMBER
    return Facts(
        now=NOW,
        organization=OrganizationRecord(_ORGANIZATION, "Acme", _KEY_LIMIT, _RATE_LIMIT, _QUOTA, taken),
        actor=Actor(viewer.id, {_ORGANIZATION: RoleGrant(role)}),
        viewer=viewer,
        allowance=Allowance(taken, _KEY_LIMIT),
        admins=(_ADMIN,),
        agents=(_AGENT, _OTHER_AGENT) if manages else (),
        keys=keys,
        candidates=living[::-1] if manages else (),
        support_email="help@acme.example",
    )


def _world(world_id: str, name: str, facts: Facts, expected: dict[Topic, Case]) -> World:
    return World(world_id, name, facts, MappingProxyType(expected))


_OF_401 = (Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.KEY_STATE)
WORLDS = (
    _world(
        "deleted",
        "a deleted key is still used",
        _facts(_key(0), _key(1, refused=RefusedReason.DELETED_KEY, deleted=True), _key(2), _key(3, agent=_AGENT)),
        dict.fromkeys(_OF_401, Case.KEY_DELETED),
    ),
    _world(
        "replaced",
        "a replaced secret is still used",
        _facts(_key(0), _key(1, refused=RefusedReason.REPLACED_SECRET, rotated=True), _key(2)),
        dict.fromkeys(_OF_401, Case.SECRET_REPLACED),
    ),
    _world(
        "agent",
        "a key is used for another agent",
        _facts(_key(0), _key(1, refused=RefusedReason.AGENT_NOT_IN_SCOPE, agent=_AGENT), _key(2)),
        dict.fromkeys((Topic.CALL_FAILS, Topic.FORBIDDEN), Case.AGENT_NOT_IN_SCOPE),
    ),
    _world(
        "quota",
        "a quota is used up",
        _facts(_key(0), _key(1, refused=RefusedReason.QUOTA_EXCEEDED, quota_used=_QUOTA), _key(2)),
        dict.fromkeys((Topic.CALL_FAILS, Topic.TOO_MANY_REQUESTS), Case.QUOTA_EXCEEDED),
    ),
    _world(
        "rate",
        "a key is over its rate limit",
        _facts(_key(0), _key(1, refused=RefusedReason.RATE_LIMITED), _key(2)),
        dict.fromkeys((Topic.CALL_FAILS, Topic.TOO_MANY_REQUESTS), Case.RATE_LIMITED),
    ),
    _world(
        "full",
        "ten of ten slots are taken",
        _facts(*(_key(number) for number in range(_KEY_LIMIT))),
        {Topic.CANNOT_CREATE: Case.KEY_LIMIT_REACHED},
    ),
    _world(
        "member",
        "a member without rights asks",
        _facts(role=Role.MEMBER, used=4),
        dict.fromkeys((Topic.CANNOT_CREATE, Topic.NOT_ALLOWED), Case.ROLE_NOT_ALLOWED),
    ),
    _world(
        "calm",
        "nothing is the matter",
        _facts(_key(0), _key(1, agent=_AGENT), _key(2)),
        {
            **dict.fromkeys((*_OF_401, Topic.FORBIDDEN, Topic.TOO_MANY_REQUESTS), Case.NEEDS_DETAILS),
            Topic.UNAVAILABLE: Case.SERVICE_UNAVAILABLE,
        },
    ),
)
