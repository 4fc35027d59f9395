"""Keys without a digest are compared by argon2: once, one secret of a key at a time, and fairly."""

import asyncio
from typing import Any

import pytest

from keys.outcomes import Outcome
from keys.policy import Scope
from keys.token import mint
from keys.verification.argon2_comparison import CURRENT_BY_ITS_END, NOT_SEEN_YET, SECRETS_WAITING_AT_MOST
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KeyVerifier
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, CountingHasher
from tests.support.keys.issued_keys import (
    HeldHasher,
    Verifiers,
    check,
    forget_digests,
    issue_without_digest,
    until,
)
from tests.support.world import World

NOBODY, GOOD = RequestedAgent(), Outcome.GOOD


async def test_what_argon2_found_is_remembered(
    verifier: KeyVerifier, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """One run for each pair of a secret and a stored hash, whether they match or not, and none after it."""
    issued = await issue_without_digest(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    await forget_digests(services.database)
    runs = []

    for each in (rotated, rotated, issued, issued, rotated, issued):
        await check(verifier, each)
        runs.append(hasher.verified)

    assert runs == [1, 1, 2, 2, 2, 2]


async def test_a_full_cache_forgets_and_runs_argon2_again(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """With a cache of any size, verdicts stay right."""
    verifier = verifiers.make(hasher, results_remembered=2)
    keys = [await issue_without_digest(services, world) for _ in range(3)]

    outcomes = [(await check(verifier, each)).outcome for each in keys * 3]

    assert outcomes == [GOOD] * 9
    assert hasher.verified > 3


async def test_a_key_is_hashed_once_for_all_that_wait(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Twenty callers with a key's two secrets cost three runs, never two of them at once."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue_without_digest(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await forget_digests(services.database)

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
    callers = [asyncio.create_task(check(verifier, await issue_without_digest(services, world))) for _ in range(2)]

    await until(lambda: held.at_once == 2)
    held.released.set()

    assert [verdict.outcome for verdict in await asyncio.gather(*callers)] == [GOOD, GOOD]


async def test_who_hangs_up_takes_nobody_along(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """A cancelled caller's run continues, answers the other callers that wait for it, and is cached."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue_without_digest(services, world)
    first = asyncio.create_task(check(verifier, issued))
    await until(held.entered.is_set)
    second, third = (asyncio.create_task(check(verifier, issued)) for _ in range(2))
    await until(lambda: wanted_by(verifier) == 3)

    first.cancel()
    second.cancel()
    await asyncio.wait([first, second])
    held.released.set()
    verdict = await third

    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert verdict.outcome is GOOD
    assert (await check(verifier, issued)).outcome is GOOD
    assert held.verified == 1


def wanted_by(verifier: KeyVerifier) -> int:
    """How many callers wait for the comparison that runs, for the only key that is compared."""
    return sum(
        0 if lines._running is None else lines._running[1].wanted for lines in verifier._argon2._runs._names.values()
    )


def in_line(verifier: KeyVerifier, line: int) -> int:
    """How many secrets of the only key that is compared wait in this line."""
    return sum(len(lines.waiting[line]) for lines in verifier._argon2._runs._names.values())


def old_secrets(issued: Issued, number: int) -> list[str]:
    """This many secrets that were issued for the key and have been replaced."""
    return [mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal() for _ in range(number)]


async def test_old_secrets_of_a_key_are_compared_once_each(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Each costs one run for all its callers, and answers no others; secrets beyond the bound are unavailable."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue_without_digest(services, world)
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
    issued = await issue_without_digest(services, world)
    old = old_secrets(issued, SECRETS_WAITING_AT_MOST)
    held.released.set()
    for text in old:
        await verifier.verify(text, NOBODY)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await forget_digests(services.database)
    held.entered.clear()
    held.released.clear()
    held.order.clear()

    wrong = [asyncio.create_task(verifier.verify(text, NOBODY)) for text in old]
    await until(held.entered.is_set)
    good = [asyncio.create_task(check(verifier, each)) for each in (rotated, issued)]
    await until(lambda: in_line(verifier, CURRENT_BY_ITS_END) == in_line(verifier, NOT_SEEN_YET) == 1)
    held.released.set()
    verdicts = await asyncio.gather(*good)
    await asyncio.gather(*wrong)

    assert [verdict.outcome for verdict in verdicts] == [GOOD, GOOD]
    # After the wrong one that was running.
    assert (held.place_of(rotated), held.place_of(issued)) == (1, 2)


async def test_the_current_secret_goes_before_old_ones_that_were_never_seen(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """However many old secrets flood a new process, the current one is compared next, and never refused."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued = await issue_without_digest(services, world)

    flood = [
        asyncio.create_task(verifier.verify(text, NOBODY)) for text in old_secrets(issued, 4 * SECRETS_WAITING_AT_MOST)
    ]
    await until(held.entered.is_set)
    good = asyncio.create_task(check(verifier, issued))
    await until(lambda: in_line(verifier, CURRENT_BY_ITS_END) == 1)
    held.released.set()
    verdict = await good
    outcomes = {verdict.outcome for verdict in await asyncio.gather(*flood)}

    assert verdict.outcome is GOOD
    # After the old one that was running.
    assert held.place_of(issued) == 1
    assert outcomes == {Outcome.INVALID_KEY, Outcome.UNAVAILABLE}


async def test_organizations_take_turns_with_their_first_hashes(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """An uncached key waits for at most one of each other organization's uncached keys, however many those are."""
    held = HeldHasher()
    verifier = verifiers.make(held, threads=1)
    many = [await issue_without_digest(services, world) for _ in range(10)]
    theirs = await create_api_key(
        services,
        world.actor("eve"),
        organization_id=world.globex.id,
        name="theirs",
        scope=Scope.ORGANIZATION,
        agent_id=None,
    )
    await forget_digests(services.database)

    flood = [asyncio.create_task(check(verifier, each)) for each in many]
    await until(lambda: verifier._argon2._pool.depth == len(many))
    other = asyncio.create_task(check(verifier, theirs))
    await until(lambda: verifier._argon2._pool.depth == len(many) + 1)
    held.released.set()
    await asyncio.gather(other, *flood)

    # The one that was running, and at most one more.
    assert held.place_of(theirs) <= 2


async def test_other_keys_do_not_wait_for_old_secrets(
    verifiers: Verifiers, services: KeyServices, world: World
) -> None:
    """Only one secret of a key is compared at a time: the other threads are for other keys."""
    held = HeldHasher()
    verifier = verifiers.make(held)
    issued, other = await issue_without_digest(services, world), await issue_without_digest(services, world)
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
    issued = await issue_without_digest(services, world)
    before = asyncio.create_task(check(verifier, issued))
    await until(held.entered.is_set)

    if change == "deletion":
        await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    else:
        await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
        await forget_digests(services.database)
    after = asyncio.create_task(check(verifier, issued))
    await asyncio.sleep(0.02)
    held.released.set()

    expected = Outcome.DELETED_KEY if change == "deletion" else Outcome.REPLACED_SECRET
    assert (await after).outcome is expected
    assert (await before).outcome is GOOD


async def test_a_full_queue_says_so_and_forgets_it(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """Every caller of the key beyond the bound has to retry; later the key is good. Unknown keys need no queue."""
    held = HeldHasher()
    verifier = verifiers.make(held, queue_limit=1)
    first, second = await issue_without_digest(services, world), await issue_without_digest(services, world)
    under_way = asyncio.create_task(check(verifier, first))
    await until(held.entered.is_set)

    refused = await asyncio.gather(*(check(verifier, second) for _ in range(3)))
    unknown = await verifier.verify(mint(SERVER_KEYS, "kd").token.reveal(), NOBODY)
    held.released.set()

    assert {verdict.outcome for verdict in refused} == {Outcome.UNAVAILABLE}
    assert unknown.outcome is Outcome.INVALID_KEY
    assert (await under_way).outcome is GOOD
    assert (await check(verifier, second)).outcome is GOOD
