"""Reads the callers whose requests passed, and the refused requests, of keys."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, bindparam, func
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col

from models.api_key import ApiKey
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.usage.caller import Caller
from models.usage.refused_request import RefusedReason, RefusedRequest


class CallerRecord(NamedTuple):
    """A caller whose requests with a key passed. An unknown address or user agent is None."""

    key_id: UUID
    ip_address: str | None
    user_agent: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    requests: int


class RefusedRecord(NamedTuple):
    """A refused request of a key. The agent is the requested one, which may be any organization's or not exist."""

    request_id: UUID
    key_id: UUID
    reason: RefusedReason
    at: datetime
    ip_address: str | None
    user_agent: str | None
    agent_id: UUID | None


class FoundRequest(NamedTuple):
    """
    A refused request that was found by its id.

    It has no key if the caller did not prove that it has one. `detail` says what was wrong with the form of the key.
    """

    request_id: UUID
    key_id: UUID | None
    reason: RefusedReason
    at: datetime
    ip_address: str | None
    user_agent: str | None
    agent_id: UUID | None
    detail: str | None


_CALLER: list[Any] = [
    Caller.key_id,
    func.nullif(Caller.ip_address, ""),
    func.nullif(Caller.user_agent, ""),
    Caller.first_seen_at,
    Caller.last_seen_at,
    Caller.requests,
]
_REFUSED: list[Any] = [
    RefusedRequest.request_id,
    RefusedRequest.key_id,
    RefusedRequest.reason,
    RefusedRequest.at,
    RefusedRequest.ip_address,
    RefusedRequest.user_agent,
    RefusedRequest.agent_id,
]
_newest = aliased(RefusedRequest)


def _is_of_a_key(refused: Any) -> Any:
    """The condition that excludes 503 answers, which are not refusals of the key."""
    return (refused.reason != RefusedReason.GATEWAY_NOT_ALLOWED) & (refused.reason != RefusedReason.UNAVAILABLE)


@cache
def _callers(room: int) -> Select[Any]:
    """Selects all callers of the keys. A key has more than are kept only for moments, so there are few."""
    newest_first = (col(Caller.last_seen_at).desc(), col(Caller.ip_address), col(Caller.user_agent))
    return columns(*_CALLER).where(col(Caller.key_id).in_(placeholders(room))).order_by(*newest_first)


@cache
def _newest_refused(room: int) -> Select[Any]:
    """
    Selects the newest refused requests of each key. Takes two steps down the index, however many refusals there are.
    """
    last_wanted = (
        columns(col(_newest.number))
        .where(col(_newest.key_id) == col(ApiKey.id), _is_of_a_key(_newest))
        .order_by(col(_newest.number).desc())
        .limit(1)
        .offset(bindparam("passed_over", type_=Integer()))
        .scalar_subquery()
    )
    return (
        columns(*_REFUSED)
        .select_from(ApiKey)
        .join(
            RefusedRequest,
            (col(RefusedRequest.key_id) == col(ApiKey.id))
            & (col(RefusedRequest.number) >= func.coalesce(last_wanted, 0))
            & _is_of_a_key(RefusedRequest),
        )
        .where(col(ApiKey.id).in_(placeholders(room)))
        .order_by(col(RefusedRequest.number).desc())
    )


_FOUND: list[Any] = [*_REFUSED, RefusedRequest.detail]
_BY_ID: Select[Any] = columns(*_FOUND).where(col(RefusedRequest.request_id) == bindparam("request_id", type_=Uuid()))


async def refused_request(source: Source, request_id: UUID) -> FoundRequest | None:
    """The refused request with this id, or None. The caller must decide how much of it the person may see."""
    rows = await fetch(source, _BY_ID, {"request_id": request_id})
    return None if not rows else FoundRequest(rows[0][0], rows[0][1], RefusedReason(rows[0][2]), *rows[0][3:])


async def callers_of(source: Source, key_ids: Collection[UUID]) -> list[CallerRecord]:
    """The callers of these keys, the last seen first."""
    rows = await fetch(source, _callers(padded_size(key_ids)), padded_values(key_ids))
    return [CallerRecord._make(row) for row in rows]


async def newest_refused(source: Source, key_ids: Collection[UUID], *, of_each: int) -> list[RefusedRecord]:
    """The newest refused requests of these keys, newest first, at most `of_each` of each key."""
    parameters = {**padded_values(key_ids), "passed_over": of_each - 1}
    rows = await fetch(source, _newest_refused(padded_size(key_ids)), parameters)
    return [RefusedRecord(row[0], row[1], RefusedReason(row[2]), *row[3:]) for row in rows]
