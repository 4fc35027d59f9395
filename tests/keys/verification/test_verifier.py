"""The key verifier: the verdict on a presented key, its cost, and that nothing stale is believed."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.cache import TwoGenerationCache
from keys.issuer import Issuer
from keys.outcomes import Outcome
from keys.policy import Scope
from keys.token import ServerKeys, mint
from keys.verification.verdict import RequestedAgent, Verdict
from keys.verification.verifier import KEY_LENGTH_AT_MOST, SECRETS_WAITING_AT_MOST, KeyVerifier
from models.engine.database import Database
from models.key_lookup import SqliteKeyReader
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.create_api_key import create_api_key
from resolvers.operator.agents import delete_agent
from resolvers.operator.organizations import delete_organization
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.keys.issued_keys import (
    NEVER_WAS,
    HeldHasher,
    SpyReader,
    Verifiers,
    altered,
    end_overlap,
    issue,
    until,
)
from tests.support.world import World

NOBODY = RequestedAgent()


@pytest.fixture
async def verifiers(database: Database) -> AsyncIterator[Verifiers]:
    """Key verifiers on this test's database."""
    made = Verifiers(database)
    yield made
    await made.close()


@pytest.fixture
def hasher() -> CountingHasher:
    """Counts the verifier's runs of argon2."""
    return CountingHasher()


@pytest.fixture
def verifier(verifiers: Verifiers, hasher: CountingHasher) -> KeyVerifier:
    """A verifier with an empty cache."""
    return verifiers.make(hasher)


async def check(verifier: KeyVerifier, issued: Issued, wanted: RequestedAgent = NOBODY) -> Verdict:
    return await verifier.verify(issued.secret.reveal(), wanted)


async def test_a_key_that_was_issued_is_good(verifier: KeyVerifier, services: KeyServices, world: World) -> None:
    """The verdict has its facts: the key, its organization and, for an agent-level key, its agent."""
    of_all, of_one = await issue(services, world), await issue(services, world, world.own)

    whole, narrow = await check(verifier, of_all), await check(verifier, of_one)

    assert (whole.outcome, whole.agent_id) == (Outcome.GOOD, None)
    assert (narrow.outcome, narrow.agent_id) == (Outcome.GOOD, world.own.id.hex)
    assert whole.key is not None
    assert narrow.key is not None
    assert (whole.key.key_id, whole.key.organization_id) == (of_all.record.id.hex, world.acme.id.hex)
    assert (whole.key.agent_id, narrow.key.agent_id) == (None, world.own.id.hex)


GOOD, REFUSED = Outcome.GOOD, Outcome.AGENT_NOT_IN_SCOPE


@pytest.mark.parametrize(
    ("wanted", "of_organization", "of_agent"),
    [
        ("own", GOOD, GOOD),
        ("other", GOOD, REFUSED),
        ("retired", REFUSED, REFUSED),
        ("theirs", REFUSED, REFUSED),
        ("never was", REFUSED, REFUSED),
        ("unreadable", REFUSED, REFUSED),
        ("nobody", GOOD, GOOD),
    ],
)
async def test_a_key_is_good_for_agents_of_its_scope(
    verifier: KeyVerifier, services: KeyServices, world: World, wanted: str, of_organization: Outcome, of_agent: Outcome
) -> None:
    """An organization-level key for each active agent of its organization, an agent-level key only for its own."""
    agents = {"own": world.own.id, "other": world.other.id, "retired": world.retired.id, "theirs": world.theirs.id}
    agent_id = {**agents, "never was": NEVER_WAS}.get(wanted)
    asked = RequestedAgent(None if agent_id is None else agent_id.hex, is_invalid=wanted == "unreadable")
    keys = [await issue(services, world), await issue(services, world, world.own)]

    verdicts = [await check(verifier, each, asked) for each in keys]

    assert [verdict.outcome for verdict in verdicts] == [of_organization, of_agent]
    for verdict in verdicts:
        if verdict.outcome is GOOD and agent_id is not None:
            assert verdict.agent_id == agent_id.hex


async def test_an_agent_can_be_required(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """If the operator requires it, an agent-level key needs its agent in the request; other keys don't."""
    verifier = verifiers.make(require_agent=True)
    of_all, of_one = await issue(services, world), await issue(services, world, world.own)

    outcomes = [
        (await check(verifier, of_one)).outcome,
        (await check(verifier, of_one, RequestedAgent(world.own.id.hex))).outcome,
        (await check(verifier, of_all)).outcome,
    ]

    assert outcomes == [REFUSED, GOOD, GOOD]


async def test_the_key_is_looked_at_before_the_agent(
    verifier: KeyVerifier, services: KeyServices, world: World
) -> None:
    """A deleted key for another organization's agent is reported as deleted."""
    issued = await issue(services, world, world.own)
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)

    outcomes = {
        (await check(verifier, issued, asked)).outcome
        for asked in (RequestedAgent(world.theirs.id.hex), RequestedAgent(None, True))
    }

    assert outcomes == {Outcome.DELETED_KEY}


async def test_what_was_not_issued_here_costs_nothing(verifiers: Verifiers, hasher: CountingHasher) -> None:
    """A malformed key and one with a foreign tag are refused without the database, and without a hash."""
    spy = SpyReader()
    verifier = verifiers.make(hasher, reader=spy)
    elsewhere = mint(ServerKeys((b"another installation's server key",)), "kd").token.reveal()
    ours = mint(SERVER_KEYS, "kd").token.reveal()
    texts = [elsewhere, altered(ours), ours[:-1], "kd_" + ours, ours + "x" * KEY_LENGTH_AT_MOST, "", "é" * 40, "_" * 9]

    verdicts = [await verifier.verify(text, NOBODY) for text in texts]

    outcomes = [verdict.outcome for verdict in verdicts]
    assert outcomes == [Outcome.INVALID_KEY] * 2 + [Outcome.MALFORMED_KEY] * 6
    assert all((verdict.malformed is None) == (verdict.outcome is Outcome.INVALID_KEY) for verdict in verdicts)
    assert not [verdict for verdict in verdicts if verdict.key is not None]
    assert (spy.asked, hasher.verified, hasher.hashed) == ([], 0, 0)


async def test_an_unknown_id_and_a_wrong_secret_are_the_same(
    verifier: KeyVerifier, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """With a genuine tag, both have the same outcome at the same cost: one run of argon2, and then none."""
    issued = await issue(services, world)
    unknown = mint(SERVER_KEYS, "kd").token.reveal()
    wrong = mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal()
    seen = []

    for token in (unknown, wrong) * 2:
        before = hasher.hashed + hasher.verified
        verdict = await verifier.verify(token, NOBODY)
        seen.append((verdict.outcome, hasher.hashed + hasher.verified - before))

    assert seen == [(Outcome.INVALID_KEY, 1)] * 2 + [(Outcome.INVALID_KEY, 0)] * 2


@pytest.mark.parametrize("deletion", ["key", "agent", "organization"])
async def test_a_deletion_that_was_answered_holds(
    verifiers: Verifiers, services: KeyServices, world: World, clock: Clock, deletion: str
) -> None:
    """In every process, also if the key was good a moment ago; the caller proved to have the key."""
    here, there = verifiers.make(), verifiers.make()
    issued = await issue(services, world, world.own)
    before = [(await check(verifier, issued)).outcome for verifier in (here, there)]

    if deletion == "key":
        await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    async with services.database.transaction() as session:
        if deletion == "agent":
            await delete_agent(session, agent_id=world.own.id, now=clock())
        elif deletion == "organization":
            await delete_organization(session, organization_id=world.acme.id, now=clock())

    assert before == [GOOD, GOOD]
    assert [(await check(verifier, issued)).outcome for verifier in (here, there)] == [Outcome.DELETED_KEY] * 2
    assert (await here.verify(altered(issued.secret.reveal()), NOBODY)).outcome is Outcome.INVALID_KEY


async def test_a_rotation_without_overlap_ends_the_secret_before(
    verifier: KeyVerifier, services: KeyServices, world: World
) -> None:
    """The new secret works at once; only a caller with the old one learns that it was replaced."""
    issued = await issue(services, world)
    await check(verifier, issued)

    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)

    assert [(await check(verifier, each)).outcome for each in (issued, rotated)] == [Outcome.REPLACED_SECRET, GOOD]
    assert (await verifier.verify(altered(issued.secret.reveal()), NOBODY)).outcome is Outcome.INVALID_KEY


async def test_an_overlap_ends_by_the_clock_of_the_database(
    verifier: KeyVerifier, services: KeyServices, world: World, clock: Clock
) -> None:
    """Both secrets work until then, whatever this process's clock says; afterwards only the new one."""
    issued = await issue(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)

    clock.advance(days=2)
    during = [(await check(verifier, each)).outcome for each in (issued, rotated)]
    await end_overlap(services.database, issued.record.id, in_seconds=-0.001)
    after = [(await check(verifier, each)).outcome for each in (issued, rotated)]
    await end_overlap(services.database, issued.record.id, in_seconds=600)
    again = (await check(verifier, issued)).outcome

    assert during == [GOOD, GOOD]
    assert after == [Outcome.REPLACED_SECRET, GOOD]
    assert again is GOOD


async def test_never_more_than_two_secrets_live(verifier: KeyVerifier, services: KeyServices, world: World) -> None:
    """A second rotation ends the first of three secrets, although its overlap was not over."""
    first = await issue(services, world)
    second = await rotate_api_key(services, world.actor("ada"), key_id=first.record.id, overlap_seconds=3600)
    between = [(await check(verifier, each)).outcome for each in (first, second)]
    third = await rotate_api_key(services, world.actor("ada"), key_id=first.record.id, overlap_seconds=3600)

    outcomes = [(await check(verifier, each)).outcome for each in (first, second, third)]

    assert between == [GOOD, GOOD]
    assert outcomes == [Outcome.REPLACED_SECRET, GOOD, GOOD]


async def test_what_argon2_found_is_remembered(
    verifier: KeyVerifier, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """One run for each pair of a secret and a stored hash, whether they match or not, and none after it."""
    issued = await issue(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    runs = []

    for each in (rotated, rotated, issued, issued, rotated, issued):
        await check(verifier, each)
        runs.append(hasher.verified)

    assert runs == [1, 1, 2, 2, 2, 2]


async def test_a_full_cache_forgets_and_runs_argon2_again(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """With a cache of any size, verdicts stay right."""
    verifier = verifiers.make(hasher, memo_entries=2)
    keys = [await issue(services, world) for _ in range(3)]

    outcomes = [(await check(verifier, each)).outcome for each in keys * 3]

    assert outcomes == [GOOD] * 9
    assert hasher.verified > 3


async def test_a_key_is_hashed_once_for_all_that_wait(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Twenty callers with a key's two secrets cost three runs, never two of them at once."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)

    callers = [asyncio.create_task(check(verifier, each)) for each in (issued, rotated) * 10]
    await until(held.entered.is_set)
    held.released.set()
    verdicts = await asyncio.gather(*callers)

    assert [verdict.outcome for verdict in verdicts] == [GOOD] * 20
    assert (held.verified, held.at_once_at_most) == (3, 1)


async def test_keys_are_hashed_side_by_side(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """One key does not wait for another: each has a thread."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    callers = [asyncio.create_task(check(verifier, await issue(services, world))) for _ in range(2)]

    await until(lambda: held.at_once == 2)
    held.released.set()

    assert [verdict.outcome for verdict in await asyncio.gather(*callers)] == [GOOD, GOOD]


async def test_who_hangs_up_takes_nobody_along(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """A cancelled caller's run continues, answers the other callers that wait for it, and is cached."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)
    first = asyncio.create_task(check(verifier, issued))
    await until(held.entered.is_set)
    second, third = (asyncio.create_task(check(verifier, issued)) for _ in range(2))
    await asyncio.sleep(0.02)

    first.cancel()
    second.cancel()
    await asyncio.wait([first, second])
    held.released.set()
    verdict = await third

    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert verdict.outcome is GOOD
    assert (await check(verifier, issued)).outcome is GOOD
    assert held.verified == 1


def old_secrets(issued: Issued, number: int) -> list[str]:
    """This many secrets that were issued for the key and have been replaced."""
    return [mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal() for _ in range(number)]


async def test_old_secrets_of_a_key_are_compared_once_each(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Each costs one run for all its callers, and answers no others; secrets beyond the bound are unavailable."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)
    waits = 0
    wait = asyncio.wait

    async def counting_wait(*arguments: Any, **named: Any) -> Any:
        nonlocal waits
        waits += 1
        return await wait(*arguments, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "wait", counting_wait)
        callers = [
            asyncio.create_task(verifier.verify(text, NOBODY))
            for text in old_secrets(issued, 3 * SECRETS_WAITING_AT_MOST)
        ]
        await until(held.entered.is_set)
        held.released.set()
        outcomes = [verdict.outcome for verdict in await asyncio.gather(*callers)]

    assert waits == 0
    # One runs, the others wait.
    assert outcomes.count(Outcome.INVALID_KEY) == held.verified == SECRETS_WAITING_AT_MOST
    assert outcomes.count(Outcome.UNAVAILABLE) == 2 * SECRETS_WAITING_AT_MOST


async def test_a_good_secret_does_not_wait_behind_those_that_were_wrong_before(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """After a rotation all old secrets are compared again, when nothing else waits, and however many there are."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)
    old = old_secrets(issued, SECRETS_WAITING_AT_MOST)
    held.released.set()
    for text in old:
        await verifier.verify(text, NOBODY)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    held.entered.clear()
    held.released.clear()
    before = held.verified

    wrong = [asyncio.create_task(verifier.verify(text, NOBODY)) for text in old]
    await until(held.entered.is_set)
    good = [asyncio.create_task(check(verifier, each)) for each in (rotated, issued)]
    await asyncio.sleep(0.05)
    held.released.set()
    verdicts = await asyncio.gather(*good)
    runs = held.verified - before
    await asyncio.gather(*wrong)

    assert [verdict.outcome for verdict in verdicts] == [GOOD, GOOD]
    # The wrong one that was running, with both hashes; the new secret; the one before it, with both hashes; and at most
    # the first of another wrong one.
    assert runs <= 2 + 1 + 2 + 2


async def test_the_current_secret_goes_before_old_ones_that_were_never_seen(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """However many old secrets flood a new process, the current one is compared next, and never refused."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)

    flood = [
        asyncio.create_task(verifier.verify(text, NOBODY)) for text in old_secrets(issued, 4 * SECRETS_WAITING_AT_MOST)
    ]
    await until(held.entered.is_set)
    good = asyncio.create_task(check(verifier, issued))
    await asyncio.sleep(0.05)
    held.released.set()
    verdict = await good
    runs = held.verified
    outcomes = {verdict.outcome for verdict in await asyncio.gather(*flood)}

    assert verdict.outcome is GOOD
    # At most the old one that was running, the current one, and one more old one.
    assert runs <= 3
    assert outcomes == {Outcome.INVALID_KEY, Outcome.UNAVAILABLE}


async def test_organizations_take_turns_with_their_first_hashes(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """An uncached key waits for at most one of each other organization's uncached keys, however many those are."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    many = [await issue(services, world) for _ in range(10)]
    theirs = await create_api_key(
        services,
        world.actor("eve"),
        organization_id=world.globex.id,
        name="theirs",
        scope=Scope.ORGANIZATION,
        agent_id=None,
    )
    done: list[str] = []

    async def ask(name: str, issued: Issued) -> None:
        await check(verifier, issued)
        done.append(name)

    flood = [asyncio.create_task(ask("many", each)) for each in many]
    await until(lambda: verifier._pool.depth == len(many))
    other = asyncio.create_task(ask("theirs", theirs))
    await until(lambda: verifier._pool.depth == len(many) + 1)
    held.released.set()
    await asyncio.gather(other, *flood)

    assert done.index("theirs") < 6


async def test_other_keys_do_not_wait_for_old_secrets(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Only one secret of a key is compared at a time: the other threads are for other keys."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued, other = await issue(services, world), await issue(services, world)
    wrong = [asyncio.create_task(verifier.verify(text, NOBODY)) for text in old_secrets(issued, 10)]
    await until(held.entered.is_set)

    good = asyncio.create_task(check(verifier, other))
    await until(lambda: held.at_once == 2)
    held.released.set()

    assert (await good).outcome is GOOD
    await asyncio.gather(*wrong)


@pytest.mark.parametrize("change", ["deletion", "rotation"])
async def test_a_later_caller_never_rides_on_an_earlier_read(
    verifiers: Verifiers, services: KeyServices, world: World, change: str
) -> None:
    """A request after a change gets the new state, although a run from before the change is still in progress."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue(services, world)
    before = asyncio.create_task(check(verifier, issued))
    await until(held.entered.is_set)

    if change == "deletion":
        await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    else:
        await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    after = asyncio.create_task(check(verifier, issued))
    await asyncio.sleep(0.02)
    held.released.set()

    expected = Outcome.DELETED_KEY if change == "deletion" else Outcome.REPLACED_SECRET
    assert (await after).outcome is expected
    assert (await before).outcome is GOOD


async def test_a_full_queue_says_so_and_forgets_it(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """Every caller of the key beyond the bound has to retry; later the key is good."""
    held = HeldHasher()
    verifier = verifiers.make(held, queue_limit=1)
    first, second = await issue(services, world), await issue(services, world)
    under_way = asyncio.create_task(check(verifier, first))
    await until(held.entered.is_set)

    refused = await asyncio.gather(*(check(verifier, second) for _ in range(3)))
    unknown = await verifier.verify(mint(SERVER_KEYS, "kd").token.reveal(), NOBODY)
    held.released.set()

    assert {verdict.outcome for verdict in (*refused, unknown)} == {Outcome.UNAVAILABLE}
    assert (await under_way).outcome is GOOD
    assert (await check(verifier, second)).outcome is GOOD


async def test_without_a_database_it_can_not_be_told(verifiers: Verifiers, tmp_path: Path) -> None:
    """A key that was issued here is unavailable, never invalid; refusals that need no database are as usual."""
    verifier = verifiers.make(reader=SqliteKeyReader(tmp_path / "missing.db"))
    ours = mint(SERVER_KEYS, "kd").token.reveal()

    outcomes = [(await verifier.verify(text, NOBODY)).outcome for text in (ours, altered(ours), ours[:-1])]

    assert outcomes == [Outcome.UNAVAILABLE, Outcome.INVALID_KEY, Outcome.MALFORMED_KEY]


async def test_keys_from_before_go_on_working(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """The operator may put another prefix and another server key first, as long as the old ones stay in the list."""
    issued = await issue(services, world)
    newer = ServerKeys((b"a newer server key of 32 bytes...", b"0123456789abcdef0123456789abcdef"))
    only = ServerKeys((b"a newer server key of 32 bytes...",))
    now = dataclasses.replace(services, issuer=Issuer(newer, "acme", services.issuer.pool))

    of_now = await issue(now, world)
    both = verifiers.make(server_keys=newer, prefixes=("acme", "kd"))
    narrow = verifiers.make(server_keys=only, prefixes=("acme",))

    assert [(await check(both, each)).outcome for each in (issued, of_now)] == [GOOD, GOOD]
    assert [(await check(narrow, each)).outcome for each in (issued, of_now)] == [Outcome.MALFORMED_KEY, GOOD]
    assert (await check(verifiers.make(server_keys=only), issued)).outcome is Outcome.INVALID_KEY


async def test_reasons_hold_nothing_of_the_key(verifier: KeyVerifier, services: KeyServices, world: World) -> None:
    """The operator's reasons may be logged."""
    issued = await issue(services, world)
    token = issued.secret.reveal()
    unknown = mint(SERVER_KEYS, "kd").token.reveal()

    texts = [token, altered(token), token[:-1], token.swapcase(), unknown, f'"{token}"']
    verdicts = {text: await verifier.verify(text, NOBODY) for text in texts}

    for text, verdict in verdicts.items():
        assert not [part for part in text.strip('"').split("_")[1:] if part in f"{verdict.reason}{verdict.malformed}"]


@given(st.lists(st.integers(0, 12)), st.integers(0, 6))
def test_a_cache_keeps_what_is_asked_for(asked: list[int], entries: int) -> None:
    """The cache never exceeds its size, has no wrong entry, and always has the half of its size requested last."""
    memo = TwoGenerationCache[bytes, bool](entries)
    recent: list[int] = []

    for number in asked:
        digest = bytes([number])
        found = memo.get(digest)
        assert found in {None, number % 2 == 0}
        if number in recent[: max(1, entries // 2)]:
            assert found is not None
        if found is None:
            memo.put(digest, number % 2 == 0)
        recent = [number, *(each for each in recent if each != number)]
        assert len(memo) <= max(2, entries)
