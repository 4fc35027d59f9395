"""Operations on keys: who can do what, and the rows and audit events that remain."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import product
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlmodel import col

from keys.policy import OPERATOR, Actor, RoleGrant, Scope
from keys.refusals import (
    ApiKeyNotFound,
    Forbidden,
    InvalidInput,
    KeyLimitReached,
    NotFound,
    Refusal,
    TooManyRequests,
)
from models import ApiKey, AuditEvent, Organization
from models.engine.database import database_now
from resolvers.api_keys import api_key, api_keys, delete_api_key, end_overlap, rename_api_key, rotate_api_key
from resolvers.audit import audit_log
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock, CountingHasher
from tests.support.world import World


async def create(
    services: KeyServices, actor: Actor, organization: Organization, agent_id: UUID | None = None, name: str = "deploy"
) -> Issued:
    scope = Scope.ORGANIZATION if agent_id is None else Scope.AGENT
    return await create_api_key(
        services, actor, organization_id=organization.id, name=name, scope=scope, agent_id=agent_id
    )


async def fill(services: KeyServices, world: World, keys: int) -> list[Issued]:
    return [await create(services, world.actor("ada"), world.acme, name=f"key {number}") for number in range(keys)]


async def events(services: KeyServices, action: str) -> list[AuditEvent]:
    async with services.database.reading() as session:
        found = await session.execute(
            select(AuditEvent).where(col(AuditEvent.action) == action).order_by(col(AuditEvent.id))
        )
        return list(found.scalars())


async def row_of(services: KeyServices, issued: Issued) -> ApiKey:
    async with services.database.reading() as session:
        row = await session.get(ApiKey, issued.record.id)
        assert row is not None
        return row


async def test_a_created_key_is_stored_by_its_hash_alone(services: KeyServices, world: World, clock: Clock) -> None:
    """The answer has the secret, the row only its hash. Creator and time are stored, and an audit event."""
    issued = await create(services, world.actor("ada"), world.acme)

    row = await row_of(services, issued)
    assert issued.secret.reveal().startswith("kd_")
    assert issued.secret.reveal()[20:] not in str(row.model_dump())
    assert row.secret_hash is not None
    assert row.secret_hash.startswith("$argon2id$")
    assert (issued.record.created_at, issued.record.created_by) == (clock.now, (world.ada.id, world.ada.email, "Ada"))
    [event] = await events(services, "api-key-created")
    assert (event.actor_id, event.ip_address, event.api_key_id) == (world.ada.id, "203.0.113.7", row.id)


@pytest.mark.parametrize(
    ("person", "agent", "refusal"),
    [
        ("ada", None, None),
        ("ada", "own", None),
        ("ada", "other", None),
        ("ada", "retired", InvalidInput),
        ("ada", "theirs", InvalidInput),
        ("grace", None, Forbidden),
        ("grace", "own", None),
        ("grace", "other", InvalidInput),
        ("grace", "retired", InvalidInput),
        ("grace", "theirs", InvalidInput),
        ("mel", None, Forbidden),
        ("mel", "own", Forbidden),
        ("eve", None, NotFound),
        ("eve", "own", NotFound),
    ],
)
async def test_who_may_create_which_key(
    services: KeyServices,
    world: World,
    key_hasher: CountingHasher,
    person: str,
    agent: str | None,
    refusal: type[Refusal] | None,
) -> None:
    """Role, agent and organization decide. A refused creation costs no hash and no slot."""
    agent_id = None if agent is None else getattr(world, agent).id

    if refusal is None:
        issued = await create(services, world.actor(person), world.acme, agent_id)
        assert (issued.record.agent is None) is (agent is None)
        return
    with pytest.raises(refusal):
        await create(services, world.actor(person), world.acme, agent_id)

    assert key_hasher.hashed == 0
    async with services.database.reading() as session:
        assert (await session.execute(select(func.count()).select_from(ApiKey))).scalar_one() == 0


async def test_agents_that_cannot_be_used_get_the_same_words(services: KeyServices, world: World) -> None:
    """Agents not administered, of another organization, deleted or missing get the same message."""
    told = set()
    for agent_id in (world.other.id, world.theirs.id, world.retired.id, uuid4()):
        with pytest.raises(InvalidInput) as refused:
            await create(services, world.actor("grace"), world.acme, agent_id)
        told.add((refused.value.field, refused.value.message))

    assert len(told) == 1
    assert told.pop()[0] == "agentId"


@pytest.mark.parametrize(
    ("scope", "agent", "name", "field"),
    [
        (Scope.AGENT, None, "deploy", "agentId"),
        (Scope.ORGANIZATION, "own", "deploy", "agentId"),
        (Scope.ORGANIZATION, None, "  ", "name"),
        (Scope.ORGANIZATION, None, "x" * 65, "name"),
    ],
)
async def test_input_that_does_not_fit_names_its_field(
    services: KeyServices,
    world: World,
    key_hasher: CountingHasher,
    scope: Scope,
    agent: str | None,
    name: str,
    field: str,
) -> None:
    """A scope that does not fit the agent, and an unusable name, are refused for their field without hashing."""
    agent_id = None if agent is None else getattr(world, agent).id

    with pytest.raises(InvalidInput) as refused:
        await create_api_key(
            services, world.actor("ada"), organization_id=world.acme.id, name=name, scope=scope, agent_id=agent_id
        )

    assert refused.value.field == field
    assert key_hasher.hashed == 0


async def test_the_eleventh_key_is_refused_with_what_could_go(
    services: KeyServices, world: World, key_hasher: CountingHasher, clock: Clock
) -> None:
    """At the limit, a creation costs no hash and lists the keys that this person could delete, oldest first."""
    own = await create(services, world.actor("grace"), world.acme, world.own.id, "grace's")
    clock.advance(minutes=1)
    others = await fill(services, world, 9)
    before = key_hasher.hashed

    with pytest.raises(KeyLimitReached) as refused:
        await create(services, world.actor("ada"), world.acme)
    with pytest.raises(KeyLimitReached) as refused_to_grace:
        await create(services, world.actor("grace"), world.acme, world.own.id)

    assert key_hasher.hashed == before
    assert (refused.value.used, refused.value.limit) == (10, 10)
    assert [key.id for key in refused.value.candidates] == [each.record.id for each in (own, *others)]
    assert [key.id for key in refused_to_grace.value.candidates] == [own.record.id]


async def test_of_fifty_at_once_for_the_last_slot_one_gets_it(
    services: KeyServices, world: World, key_hasher: CountingHasher
) -> None:
    """The other requests get KeyLimitReached, at the cost of at most one hash each."""
    await fill(services, world, 9)
    before = key_hasher.hashed

    outcomes = await asyncio.gather(
        *(create(services, world.actor("ada"), world.acme, name=f"racer {number}") for number in range(50)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Issued) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, KeyLimitReached) for outcome in outcomes) == 49
    assert key_hasher.hashed - before <= 50
    async with services.database.reading() as session:
        assert (
            await session.execute(text("SELECT live_key_count FROM organizations WHERE name = 'Acme'"))
        ).scalar_one() == 10


async def test_the_databases_own_no_is_the_same_refusal(
    services: KeyServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a creation passes the check, the refusal by the database's trigger becomes KeyLimitReached and is audited."""
    await fill(services, world, 10)

    async def say_it_fits(*_arguments: object, **_named: object) -> str:
        return "deploy"

    monkeypatch.setattr("resolvers.creation.create_api_key._check_creation", say_it_fits)
    with pytest.raises(KeyLimitReached) as refused:
        await create(services, world.actor("ada"), world.acme)

    assert (refused.value.used, refused.value.limit, len(refused.value.candidates)) == (10, 10, 10)
    assert len(await events(services, "api-key-creation-refused")) == 1


async def test_a_failure_between_hash_and_commit_costs_no_slot(
    services: KeyServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the audit event can't be written, the key is not stored and its slot stays free."""

    async def fail(*_arguments: object, **_named: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("resolvers.creation.create_api_key.record", fail)
    with pytest.raises(OSError, match="disk"):
        await create(services, world.actor("ada"), world.acme)

    async with services.database.reading() as session:
        count = (
            await session.execute(text("SELECT live_key_count FROM organizations WHERE name = 'Acme'"))
        ).scalar_one()
    assert count == 0


async def test_a_role_taken_away_while_the_secret_is_hashed_counts(
    services: KeyServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role is checked again before the key is stored."""
    prepare = type(services.issuer).prepare

    async def prepare_and_demote(issuer: object, **named: object) -> object:
        prepared = await prepare(issuer, **named)  # type: ignore[arg-type]
        async with services.database.transaction() as session:
            await session.execute(text("UPDATE memberships SET role = 'member'"))
        return prepared

    monkeypatch.setattr(type(services.issuer), "prepare", prepare_and_demote)
    with pytest.raises(Forbidden):
        await create(services, world.actor("ada"), world.acme)


async def test_lists_show_what_the_actor_may_see(services: KeyServices, world: World) -> None:
    """An organization admin sees all keys, an agent admin those of their agents, other people none."""
    await create(services, world.actor("ada"), world.acme, name="shared")
    await create(services, world.actor("ada"), world.acme, world.own.id, "crawler's")
    await create(services, world.actor("ada"), world.acme, world.other.id, "biller's")
    seen = {}
    for person in ("ada", "grace", "mel", "eve"):
        async with services.database.reading() as session:
            found = await api_keys(session, world.actor(person), organization_id=world.acme.id)
        seen[person] = [key.name for key in found]

    assert seen == {"ada": ["biller's", "crawler's", "shared"], "grace": ["crawler's"], "mel": [], "eve": []}


async def test_lists_are_searched_in_name_and_hint(services: KeyServices, world: World) -> None:
    """Search ignores case, in name and hint. Lists can be filtered by agent and can include deleted keys."""
    first = await create(services, world.actor("ada"), world.acme, world.own.id, "Straße nightly")
    second = await create(services, world.actor("ada"), world.acme, name="billing")
    await delete_api_key(services, world.actor("ada"), key_id=second.record.id)

    async def names(**asked: object) -> list[str]:
        async with services.database.reading() as session:
            found = await api_keys(session, world.actor("ada"), organization_id=world.acme.id, **asked)  # type: ignore[arg-type]
        return [key.name for key in found]

    assert await names() == ["Straße nightly"]
    assert await names(include_deleted=True) == ["billing", "Straße nightly"]
    assert await names(search="STRASSE") == ["Straße nightly"]
    assert await names(search=first.secret.reveal()[-4:]) == ["Straße nightly"]
    assert await names(search="nothing like it") == []
    assert await names(include_deleted=True, agent_id=world.own.id) == ["Straße nightly"]
    assert await names(agent_id=world.theirs.id) == []


@pytest.mark.parametrize(
    ("person", "key", "operation"),
    list(
        product(
            ["ada", "grace", "mel", "eve"],
            ["shared", "own", "other"],
            ["see", "rename", "rotate", "end overlap", "delete"],
        )
    ),
)
async def test_who_may_do_what_with_a_key(
    services: KeyServices, world: World, person: str, key: str, operation: str
) -> None:
    """Admins can do everything, agent admins only with their agents' keys. A hidden key is reported as missing."""
    agent_id = None if key == "shared" else getattr(world, key).id
    issued = await create(services, world.actor("ada"), world.acme, agent_id)
    actor, key_id = world.actor(person), issued.record.id
    allowed = person in {"ada", "eve"} - {"eve"} or (person == "grace" and key == "own")

    async def act() -> object:
        match operation:
            case "see":
                async with services.database.reading() as session:
                    found = await api_key(session, actor, key_id=key_id)
                if found is None:
                    raise ApiKeyNotFound
                return found
            case "rename":
                return await rename_api_key(services, actor, key_id=key_id, name="other")
            case "rotate":
                return await rotate_api_key(services, actor, key_id=key_id)
            case "end overlap":
                return await end_overlap(services, actor, key_id=key_id)
            case _:
                return await delete_api_key(services, actor, key_id=key_id)

    if allowed:
        assert await act()
        return
    with pytest.raises(Forbidden if person == "mel" and operation != "see" else ApiKeyNotFound):
        await act()


@pytest.mark.parametrize("operation", ["rename", "rotate", "end overlap", "delete"])
async def test_a_deleted_key_is_not_there_for_anything(services: KeyServices, world: World, operation: str) -> None:
    """A deleted key and one that never existed give the same message."""
    ada = world.actor("ada")
    issued = await create(services, ada, world.acme)
    await delete_api_key(services, ada, key_id=issued.record.id)
    acts: dict[str, Callable[[UUID], Awaitable[object]]] = {
        "rename": lambda key_id: rename_api_key(services, ada, key_id=key_id, name="x"),
        "rotate": lambda key_id: rotate_api_key(services, ada, key_id=key_id),
        "end overlap": lambda key_id: end_overlap(services, ada, key_id=key_id),
        "delete": lambda key_id: delete_api_key(services, ada, key_id=key_id),
    }

    told = set()
    for key_id in (issued.record.id, uuid4()):
        with pytest.raises(ApiKeyNotFound) as refused:
            await acts[operation](key_id)
        told.add(refused.value.message)

    assert len(told) == 1


async def test_a_rotation_works_at_ten_of_ten_and_keeps_everything_but_the_secret(
    services: KeyServices, world: World
) -> None:
    """Id, public id, name and slot stay. The secret and its hash are new."""
    keys = await fill(services, world, 10)
    before = await row_of(services, keys[3])

    issued = await rotate_api_key(services, world.actor("ada"), key_id=keys[3].record.id)

    after = await row_of(services, keys[3])
    assert issued.secret != keys[3].secret
    assert issued.secret.reveal()[:20] == keys[3].secret.reveal()[:20]
    assert (after.id, after.public_id, after.name) == (before.id, before.public_id, before.name)
    assert after.secret_hash != before.secret_hash
    assert after.previous_secret_hash is None


async def test_an_overlap_keeps_one_secret_before_and_no_more(services: KeyServices, world: World) -> None:
    """A rotation with overlap keeps only the secret just replaced, without overlap none."""
    ada = world.actor("ada")
    issued = await create(services, ada, world.acme)
    first = await row_of(services, issued)

    await rotate_api_key(services, ada, key_id=issued.record.id, overlap_seconds=3600)
    second = await row_of(services, issued)
    async with services.database.reading() as session:
        now = await database_now(session)
    await rotate_api_key(services, ada, key_id=issued.record.id, overlap_seconds=60)
    third = await row_of(services, issued)
    await rotate_api_key(services, ada, key_id=issued.record.id)
    fourth = await row_of(services, issued)

    assert second.previous_secret_hash == first.secret_hash
    assert second.previous_works_until is not None
    assert abs((second.previous_works_until - now).total_seconds() - 3600) < 60
    assert third.previous_secret_hash == second.secret_hash
    assert fourth.previous_secret_hash is None


@pytest.mark.parametrize("overlap_seconds", [-1, 86_401])
async def test_an_overlap_out_of_range_is_refused_at_no_cost(
    services: KeyServices, world: World, key_hasher: CountingHasher, overlap_seconds: int
) -> None:
    """An overlap goes from 0 seconds to a day."""
    issued = await create(services, world.actor("ada"), world.acme)
    before = key_hasher.hashed

    with pytest.raises(InvalidInput) as refused:
        await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=overlap_seconds)

    assert refused.value.field == "overlapSeconds"
    assert key_hasher.hashed == before


async def test_a_tombstone_keeps_who_and_when_and_loses_its_hashes(
    services: KeyServices, world: World, clock: Clock
) -> None:
    """Deleting frees the slot at once. The row keeps the name, who deleted it and when, and loses its hash."""
    issued = await create(services, world.actor("ada"), world.acme, world.own.id)
    clock.advance(days=1)

    deleted = await delete_api_key(services, world.actor("grace"), key_id=issued.record.id)

    assert (deleted.allowance.used, deleted.allowance.remaining) == (0, 10)
    assert deleted.record.deleted_by is not None
    assert (deleted.record.deleted_at, deleted.record.deleted_by.name) == (clock.now, "Grace")
    row = await row_of(services, issued)
    assert (row.secret_hash, row.server_key_id, row.name) == (None, None, "deploy")


async def test_changes_beyond_the_rate_limit_are_refused_and_the_key_limit_does_not_count(
    services: KeyServices, world: World, clock: Clock
) -> None:
    """
    After `mutations_per_minute` changes a person waits as long as told. Creations refused at the limit don't count.
    """
    slow = replace(services, mutations_per_minute=3)
    first = await create(slow, world.actor("ada"), world.acme)
    clock.advance(seconds=20)
    await rename_api_key(slow, world.actor("ada"), key_id=first.record.id, name="renamed")
    async with services.database.transaction() as session:
        await session.execute(text("UPDATE organizations SET key_limit = 1"))
    for _ in range(5):
        with pytest.raises(KeyLimitReached):
            await create(slow, world.actor("ada"), world.acme)
    await rename_api_key(slow, world.actor("ada"), key_id=first.record.id, name="again")

    with pytest.raises(TooManyRequests) as refused:
        await rotate_api_key(slow, world.actor("ada"), key_id=first.record.id)
    clock.advance(seconds=refused.value.retry_after_seconds)
    rotated = await rotate_api_key(slow, world.actor("ada"), key_id=first.record.id)

    assert refused.value.retry_after_seconds == 40
    assert rotated.record.id == first.record.id


async def test_refused_creations_are_counted_not_piled_up(services: KeyServices, world: World, clock: Clock) -> None:
    """There is one event per person, reason and hour; its summary has the number."""
    for _ in range(4):
        with pytest.raises(Forbidden):
            await create(services, world.actor("mel"), world.acme)
    clock.advance(hours=1)
    with pytest.raises(Forbidden):
        await create(services, world.actor("mel"), world.acme)
    async with services.database.reading() as session:
        page = await audit_log(session, world.actor("ada"), organization_id=world.acme.id, first=10, after=None)

    assert [event.summary for event in page.events] == [
        "Creating an API key was refused: the role does not allow it.",
        "Creating an API key was refused: the role does not allow it. 4 times within the hour.",
    ]


async def test_the_operator_may_everything_and_is_nobody(services: KeyServices, world: World) -> None:
    """The operator's changes have no person: neither in the key's record nor in the audit event."""
    issued = await create(services, OPERATOR, world.acme, world.other.id)

    deleted = await delete_api_key(services, OPERATOR, key_id=issued.record.id)

    assert issued.record.created_by is None
    assert deleted.record.deleted_by is None
    assert [event.actor_id for event in await events(services, "api-key-deleted")] == [None]


async def test_a_person_without_standing_in_a_deleted_organization_finds_nothing(
    services: KeyServices, world: World
) -> None:
    """A deleted organization is not found, even if the request's actor still has a role in it."""
    async with services.database.transaction() as session:
        await session.execute(text("UPDATE organizations SET deleted_at = created_at WHERE name = 'Acme'"))
    actor = Actor(world.ada.id, {world.acme.id: RoleGrant(world.actor("ada").roles[world.acme.id].role)})

    with pytest.raises(NotFound):
        await create(services, actor, world.acme)
