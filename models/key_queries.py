"""Reads API keys for display: each active or deleted key with its agent, people, limits and last use, in one query."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Select, String, Uuid, bindparam, case, func
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col

from models.agent import Agent, NamedAgent
from models.api_key import ApiKey
from models.engine.columns import UtcDateTime
from models.engine.in_clause import in_parts, padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.engine.slices import in_slices
from models.organization import Organization
from models.person import NamedPerson, Person
from models.tokens.program_token import NamedToken, ProgramToken
from models.usage.counts import UsageHour, UsageMonth

DELETED_LISTED_AT_MOST = 100
BEGINNING_ALIKE_AT_MOST = 10
STILL_CALLED_AT_MOST = 20


class ApiKeyRecord(NamedTuple):
    """
    An active or deleted key with everything that is shown with it, from one row of one query.

    The limits are those that apply: the key's own, or else its organization's. `previous_secret_last_used_at` is about
    the secret that the last rotation replaced.
    """

    id: UUID
    organization_id: UUID
    name: str
    prefix: str
    public_id: str
    last_four: str
    rotated_at: datetime | None
    previous_works_until: datetime | None
    created_at: datetime
    deleted_at: datetime | None
    rate_limit: int
    monthly_quota: int
    last_used_at: datetime | None
    previous_secret_last_used_at: datetime | None
    agent: NamedAgent | None
    created_by: NamedPerson | None
    deleted_by: NamedPerson | None
    created_by_token: NamedToken | None = None
    """The token of the program that created the key. Neither it nor the person is set for the operator."""
    deleted_by_token: NamedToken | None = None


# Takes one step down the primary key's index, for any number of months.
_LAST_USED_AT = (
    columns(col(UsageMonth.last_used_at))
    .where(col(UsageMonth.key_id) == col(ApiKey.id))
    .order_by(col(UsageMonth.month).desc())
    .limit(1)
    .scalar_subquery()
)
# A use before the last rotation belongs to an older secret and does not count. The last use may be in an earlier month
# than the newest. For keys that were never rotated, nothing is looked up.
_PREVIOUS_SECRET_LAST_USED_AT = case(
    (
        col(ApiKey.rotated_at).is_not(None),
        columns(func.max(UsageMonth.previous_secret_last_used_at))
        .where(
            col(UsageMonth.key_id) == col(ApiKey.id),
            col(UsageMonth.previous_secret_last_used_at) >= col(ApiKey.rotated_at),
        )
        .scalar_subquery(),
    )
)
_creator = aliased(Person)
_deleter = aliased(Person)
_creating_token = aliased(ProgramToken)
_deleting_token = aliased(ProgramToken)
_COLUMNS: list[Any] = [
    ApiKey.id,
    ApiKey.organization_id,
    ApiKey.name,
    ApiKey.prefix,
    ApiKey.public_id,
    ApiKey.last_four,
    ApiKey.rotated_at,
    ApiKey.previous_works_until,
    ApiKey.created_at,
    ApiKey.deleted_at,
    func.coalesce(ApiKey.rate_limit, Organization.rate_limit),
    func.coalesce(ApiKey.monthly_quota, Organization.monthly_quota),
    _LAST_USED_AT,
    _PREVIOUS_SECRET_LAST_USED_AT,
    ApiKey.agent_id,
    Agent.name,
    Agent.deleted_at,
    Agent.external_id,
    _creator.id,
    _creator.email,
    _creator.name,
    _deleter.id,
    _deleter.email,
    _deleter.name,
    _creating_token.id,
    _creating_token.name,
    _creating_token.kind,
    _deleting_token.id,
    _deleting_token.name,
    _deleting_token.kind,
]
_RECORD: Select[Any] = (
    columns(*_COLUMNS)
    .join(Organization, col(Organization.id) == col(ApiKey.organization_id))
    .outerjoin(Agent, col(Agent.id) == col(ApiKey.agent_id))
    .outerjoin(_creator, col(_creator.id) == col(ApiKey.created_by_id))
    .outerjoin(_deleter, col(_deleter.id) == col(ApiKey.deleted_by_id))
    .outerjoin(_creating_token, col(_creating_token.id) == col(ApiKey.created_by_token_id))
    .outerjoin(_deleting_token, col(_deleting_token.id) == col(ApiKey.deleted_by_token_id))
)


def _record(values: Sequence[Any]) -> ApiKeyRecord:
    """Makes a record from a row, whose columns have the order of the fields."""
    agent, creator, deleter = values[14:18], values[18:21], values[21:24]
    creating_token, deleting_token = values[24:27], values[27:30]
    return ApiKeyRecord._make(
        (
            *values[:14],
            None if agent[0] is None else NamedAgent(*agent),
            None if creator[0] is None else NamedPerson(*creator),
            None if deleter[0] is None else NamedPerson(*deleter),
            None if creating_token[0] is None else NamedToken(*creating_token),
            None if deleting_token[0] is None else NamedToken(*deleting_token),
        )
    )


@cache
def _in_organization(agents: int | None, *, deleted: bool) -> Select[Any]:
    """
    Selects the active keys of an organization or, with `deleted`, its newest tombstones.

    `agents` is the number of placeholders for agents; None selects the keys of all agents and of none.
    """
    statement = _RECORD.where(col(ApiKey.organization_id) == bindparam("organization_id", type_=Uuid()))
    if agents is not None:
        statement = statement.where(col(ApiKey.agent_id).in_(placeholders(agents, "agent")))
    if not deleted:
        return statement.where(col(ApiKey.deleted_at).is_(None))
    newest = col(ApiKey.deleted_at).desc()
    return statement.where(col(ApiKey.deleted_at).is_not(None)).order_by(newest).limit(DELETED_LISTED_AT_MOST)


@cache
def _beginning(agents: int | None) -> Select[Any]:
    """Selects tombstones by the beginning of the public id. LIKE is not used, because on SQLite it ignores case."""
    beginning = func.substr(ApiKey.public_id, 1, bindparam("length", type_=Integer()))
    statement = _in_organization(agents, deleted=True).limit(BEGINNING_ALIKE_AT_MOST)
    return statement.where(beginning == bindparam("beginning", type_=String()))


@cache
def _still_called(agents: int | None) -> Select[Any]:
    since, until = bindparam("since", type_=UtcDateTime()), bindparam("until", type_=UtcDateTime())
    calls = (
        columns(func.sum(UsageHour.deleted_key))
        .where(col(UsageHour.key_id) == col(ApiKey.id), col(UsageHour.hour).between(since, until))
        .scalar_subquery()
    )
    statement = _in_organization(agents, deleted=True).where(calls > 0)
    return statement.order_by(None).order_by(calls.desc(), col(ApiKey.id)).limit(STILL_CALLED_AT_MOST)


_BY_ID: Select[Any] = _RECORD.where(col(ApiKey.id) == bindparam("key_id", type_=Uuid()))


async def visible_keys(
    source: Source,
    organization_id: UUID,
    *,
    of_agents: Collection[UUID] | None,
    include_deleted: bool = False,
) -> list[ApiKeyRecord]:
    """
    The organization's keys, newest first. With `include_deleted`, also its newest 100 tombstones.

    `of_agents` is what the actor may see: only keys of these agents, or all keys if it is None.
    """
    if of_agents is not None and not of_agents:
        return []
    agents, parameters = _scope(organization_id, of_agents)
    rows = await fetch(source, _in_organization(agents, deleted=False), parameters)
    if include_deleted:
        rows += await fetch(source, _in_organization(agents, deleted=True), parameters)
    return sorted(await in_slices(_record, rows), key=lambda record: record.id, reverse=True)


@cache
def _living_of(room: int) -> Select[Any]:
    statement = _RECORD.where(col(ApiKey.agent_id).in_(placeholders(room)), col(ApiKey.deleted_at).is_(None))
    return statement.order_by(col(ApiKey.id).desc())


async def living_keys_of(source: Source, agent_ids: Collection[UUID]) -> dict[UUID, list[ApiKeyRecord]]:
    """
    The active keys of each of these agents, newest first. Agents without a key are left out.

    The caller must check whether the actor may see them.
    """
    found: defaultdict[UUID, list[ApiKeyRecord]] = defaultdict(list)
    for part in in_parts(agent_ids):
        for record in await in_slices(_record, await fetch(source, _living_of(padded_size(part)), padded_values(part))):
            if record.agent is not None:
                found[record.agent.id].append(record)
    return found


@cache
def _number_of_living(room: int) -> Select[Any]:
    of_agents = col(ApiKey.agent_id).in_(placeholders(room))
    counted: list[Any] = [ApiKey.agent_id, func.count()]
    return columns(*counted).where(of_agents, col(ApiKey.deleted_at).is_(None)).group_by(col(ApiKey.agent_id))


async def count_living_keys_of(source: Source, agent_ids: Collection[UUID]) -> dict[UUID, int]:
    """The number of active keys of each of these agents. Agents without a key are left out."""
    found: dict[UUID, int] = {}
    for part in in_parts(agent_ids):
        rows = await fetch(source, _number_of_living(padded_size(part)), padded_values(part))
        found |= {row[0]: row[1] for row in rows}
    return found


def _scope(organization_id: UUID, of_agents: Collection[UUID] | None) -> tuple[int | None, dict[str, Any]]:
    """The number of placeholders for agents in the statement, and its parameters."""
    if of_agents is None:
        return None, {"organization_id": organization_id}
    return padded_size(of_agents), {"organization_id": organization_id, **padded_values(of_agents, "agent")}


async def tombstones_beginning(
    source: Source, organization_id: UUID, beginning: str, *, of_agents: Collection[UUID] | None
) -> list[ApiKeyRecord]:
    """
    The organization's keys deleted last whose public id has this beginning, at most 10.

    `of_agents` is what the actor may see, as in `visible_keys`.
    """
    if of_agents is not None and not of_agents:
        return []
    agents, parameters = _scope(organization_id, of_agents)
    rows = await fetch(source, _beginning(agents), {**parameters, "beginning": beginning, "length": len(beginning)})
    return [_record(row) for row in rows]


async def tombstones_still_called(
    source: Source, organization_id: UUID, *, of_agents: Collection[UUID] | None, since: datetime, until: datetime
) -> list[ApiKeyRecord]:
    """
    The organization's deleted keys that still got requests: the 20 with the most, in hours from `since` to `until`.

    `of_agents` is what the actor may see, as in `visible_keys`.
    """
    if of_agents is not None and not of_agents:
        return []
    agents, parameters = _scope(organization_id, of_agents)
    rows = await fetch(source, _still_called(agents), {**parameters, "since": since, "until": until})
    return [_record(row) for row in rows]


async def key_record(source: Source, key_id: UUID) -> ApiKeyRecord | None:
    """A key or tombstone by id, or None. The caller must check whether the actor may see it."""
    rows = await fetch(source, _BY_ID, {"key_id": key_id})
    return _record(rows[0]) if rows else None


@cache
def _by_ids(room: int) -> Select[Any]:
    return _RECORD.where(col(ApiKey.id).in_(placeholders(room)))


async def key_records(source: Source, key_ids: Collection[UUID]) -> dict[UUID, ApiKeyRecord]:
    """Several keys or tombstones, by id. The caller must check whether the actor may see them."""
    if not key_ids:
        return {}
    rows = await fetch(source, _by_ids(padded_size(key_ids)), padded_values(key_ids))
    return {record.id: record for record in map(_record, rows)}
