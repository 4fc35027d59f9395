"""The operator's operations on organizations, and the rows and audit events that remain."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlmodel import col

from keys.policy import OPERATOR, Actor, Program, Right, Scope
from keys.program_token import Kind
from keys.refusals import InvalidInput, NotFound, Refusal
from models import ApiKey, AuditAction, AuditEvent, Organization, Role
from models.organization import live_organizations
from models.person import memberships_of
from models.revocations.journal import Journal
from models.revocations.recorder import RevocationRecorder
from models.tokens.program_token import ProgramToken, add_token
from resolvers.api_keys import api_keys
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import create_agent
from resolvers.operator.lookup import LIMIT_AT_MOST, Declined
from resolvers.operator.organizations import create_organization, delete_organization, update_organization
from resolvers.services import KeyServices
from tests.conftest import Clock
from tests.support.keys.issued_keys import issue
from tests.support.programs import program_tokens
from tests.support.world import World


async def events(services: KeyServices, action: AuditAction) -> list[AuditEvent]:
    async with services.database.reading() as session:
        found = await session.execute(
            select(AuditEvent).where(col(AuditEvent.action) == action).order_by(col(AuditEvent.id))
        )
        return list(found.scalars())


async def test_limits_are_audited_when_they_change(services: KeyServices, world: World, clock: Clock) -> None:
    """One audit event has the old and new limits. An unchanged limit and a new name are not audited."""
    async with services.database.transaction() as session:
        await update_organization(
            session, organization_id=world.acme.id, key_limit=3, monthly_quota=LIMIT_AT_MOST, now=clock()
        )
    async with services.database.transaction() as session:
        row = await update_organization(
            session, organization_id=world.acme.id, name="Acme Ltd", key_limit=3, now=clock()
        )

    [event] = await events(services, AuditAction.ORGANIZATION_LIMITS_CHANGED)
    assert event.summary == (
        "The organization's limits were changed: the key limit from 10 to 3, "
        f"the monthly quota from 100000 to {LIMIT_AT_MOST} requests."
    )
    assert (event.organization_id, event.actor_id, event.at) == (world.acme.id, None, clock.now)
    assert (row.name, row.key_limit, row.rate_limit, row.monthly_quota) == ("Acme Ltd", 3, 600, LIMIT_AT_MOST)


@pytest.mark.parametrize("limit", [0, -1, LIMIT_AT_MOST + 1])
@pytest.mark.parametrize("which", ["key_limit", "rate_limit", "monthly_quota"])
async def test_a_limit_out_of_range_changes_nothing(
    services: KeyServices, world: World, which: str, limit: int
) -> None:
    """Limits go from 1 to 2147483647, at creation and afterwards."""
    now = services.clock()

    async with services.database.transaction() as session:
        with pytest.raises(InvalidInput):
            await create_organization(session, name="New", now=now, **cast("dict[str, Any]", {which: limit}))
    with pytest.raises(InvalidInput):
        async with services.database.transaction() as session:
            await update_organization(
                session, organization_id=world.acme.id, now=now, **cast("dict[str, Any]", {which: limit})
            )

    async with services.database.reading() as session:
        rows = await live_organizations(session)
    assert [(row.name, getattr(row, which)) for row in rows] == [
        (each.name, getattr(each, which)) for each in (world.acme, world.globex)
    ]
    assert await events(services, AuditAction.ORGANIZATION_LIMITS_CHANGED) == []


async def test_a_deleted_organization_takes_everything_along(services: KeyServices, world: World, clock: Clock) -> None:
    """
    The organization's agents and keys are deleted at the same time, each with an event. Another organization stays.
    """
    for organization, agent in ((world.acme, None), (world.acme, world.own), (world.globex, None)):
        await create_api_key(
            services,
            OPERATOR,
            organization_id=organization.id,
            name="deploy",
            scope=Scope.ORGANIZATION if agent is None else Scope.AGENT,
            agent_id=None if agent is None else agent.id,
        )
    clock.advance(hours=1)

    async with services.database.transaction() as session:
        deleted = await delete_organization(session, organization_id=world.acme.id, now=clock())

    async with services.database.reading() as session:
        row = await session.get(Organization, world.acme.id)
        keys = list((await session.execute(select(ApiKey).order_by(col(ApiKey.id)))).scalars())
        ada = await memberships_of(session, world.ada.id)
        grace = await memberships_of(session, world.grace.id)
    assert row is not None
    assert (row.deleted_at, row.live_key_count) == (clock.now, 0)
    assert set(deleted.agent_ids) == {world.own.id, world.other.id}
    assert set(deleted.key_ids) == {key.id for key in keys[:2]}
    assert [(key.deleted_at, key.secret_hash is None) for key in keys] == [(clock.now, True)] * 2 + [(None, False)]
    assert [event.summary for event in await events(services, AuditAction.API_KEY_DELETED)] == [
        "The API key “deploy” was deleted with its organization."
    ] * 2
    assert {event.agent_id for event in await events(services, AuditAction.AGENT_DELETED)} == set(deleted.agent_ids)
    assert ([each.organization.name for each in ada], [each.organization.name for each in grace]) == ([], ["Globex"])


async def test_nothing_is_made_in_a_deleted_organization(services: KeyServices, world: World) -> None:
    """In a deleted organization no agent or key can be created. It can't be changed or deleted again."""
    now, acme_id = services.clock(), world.acme.id
    async with services.database.transaction() as session:
        await delete_organization(session, organization_id=acme_id, now=now)

    for attempt in (
        lambda session: create_agent(session, organization_id=acme_id, name="New", now=now),
        lambda session: update_organization(session, organization_id=acme_id, key_limit=20, now=now),
        lambda session: delete_organization(session, organization_id=acme_id, now=now),
    ):
        async with services.database.transaction() as session:
            with pytest.raises(Declined, match="deleted"):
                await attempt(session)
    with pytest.raises(NotFound):
        await create_api_key(
            services, OPERATOR, organization_id=acme_id, name="x", scope=Scope.ORGANIZATION, agent_id=None
        )


async def test_no_key_outlives_an_organization_that_is_deleted_meanwhile(services: KeyServices, world: World) -> None:
    """Keys created during the deletion are either deleted with the organization or refused."""

    async def create(number: int) -> None:
        await create_api_key(
            services,
            OPERATOR,
            organization_id=world.acme.id,
            name=f"key {number}",
            scope=Scope.ORGANIZATION,
            agent_id=None,
        )

    async def delete() -> None:
        async with services.database.transaction() as session:
            await delete_organization(session, organization_id=world.acme.id, now=services.clock())

    outcomes = await asyncio.gather(*map(create, range(8)), delete(), return_exceptions=True)

    async with services.database.reading() as session:
        living = await api_keys(session, OPERATOR, organization_id=world.acme.id)
    assert living == []
    assert [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, Refusal)] == []
    assert outcomes[-1] is None


async def test_the_tokens_of_a_deleted_organization_are_revoked(
    services: KeyServices, world: World, clock: Clock, tmp_path: Path
) -> None:
    """The journal holds them, so that a restored backup does not revive them. Those of other organizations stay."""
    journal = Journal(tmp_path / "keydesk.revocations")
    services.database.revocations = RevocationRecorder(journal)
    rows = {}
    for name, organization, revoked_at in (
        ("one", world.acme, None),
        ("two", world.acme, None),
        ("ended", world.acme, clock.now - timedelta(days=1)),
        ("theirs", world.globex, None),
    ):
        made = program_tokens().make(Kind.SERVICE)
        rows[name] = ProgramToken(
            kind=Kind.SERVICE,
            organization_id=organization.id,
            name=name,
            role=Role.ORGANIZATION_ADMIN,
            prefix=made.prefix,
            public_id=made.public_id,
            last_four=made.last_four,
            digest=made.digest,
            server_key_id=made.server_key_id,
            created_at=clock.now,
            expires_at=clock.now + timedelta(days=90),
            revoked_at=revoked_at,
        )
        async with services.database.transaction() as session:
            await add_token(session, rows[name])
    operator_token = Actor(None, program=Program(rows["theirs"].id, "host", frozenset({Right.PROVISION})))

    async with services.database.transaction() as session:
        await delete_organization(session, operator_token, organization_id=world.acme.id, now=clock.now)

    async with services.database.reading() as session:
        found = {each.name: each for each in (await session.execute(select(ProgramToken))).scalars()}
    assert {name: each.revoked_at for name, each in found.items()} == {
        "one": clock.now,
        "two": clock.now,
        "ended": clock.now - timedelta(days=1),
        "theirs": None,
    }
    assert {each.public_id for each in journal.read().revocations} == {rows["one"].public_id, rows["two"].public_id}
    assert [each.summary for each in await events(services, AuditAction.SERVICE_TOKEN_REVOKED)] == [
        "The service token “one” was revoked with its organization.",
        "The service token “two” was revoked with its organization.",
    ]


async def test_a_deleted_key_names_the_token_that_deleted_its_organization(
    services: KeyServices, world: World, clock: Clock
) -> None:
    """As it does if the token deletes the key's agent."""
    issued = await issue(services, world)
    made = program_tokens().make(Kind.OPERATOR)
    row = ProgramToken(
        kind=Kind.OPERATOR,
        name="host",
        prefix=made.prefix,
        public_id=made.public_id,
        last_four=made.last_four,
        digest=made.digest,
        server_key_id=made.server_key_id,
        created_at=clock.now,
        expires_at=clock.now + timedelta(days=90),
    )
    async with services.database.transaction() as session:
        await add_token(session, row)
    actor = Actor(None, program=Program(row.id, "host", frozenset({Right.PROVISION})))

    async with services.database.transaction() as session:
        await delete_organization(session, actor, organization_id=world.acme.id, now=clock.now)

    async with services.database.reading() as session:
        key = await session.get_one(ApiKey, issued.record.id)
    assert key.deleted_by_token_id == row.id
