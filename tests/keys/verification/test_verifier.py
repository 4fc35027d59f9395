"""The key verifier: the verdict on a presented key, its cost, and that nothing stale is believed."""

import dataclasses
from pathlib import Path

import pytest

from keys.issuer import Issuer
from keys.outcomes import Outcome
from keys.token import ServerKeys, mint
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KEY_LENGTH_AT_MOST, KeyVerifier
from models.engine.sqlite import SqliteFile
from models.key_lookup import SqliteKeyReader
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.operator.agents import delete_agent
from resolvers.operator.organizations import delete_organization
from resolvers.services import KeyServices
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.keys.issued_keys import NEVER_WAS, SpyReader, Verifiers, altered, check, end_overlap, issue
from tests.support.world import World

NOBODY = RequestedAgent()


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
    """With a genuine tag, both have the same outcome at the same cost, without a run of argon2."""
    issued = await issue(services, world)
    unknown = mint(SERVER_KEYS, "kd").token.reveal()
    wrong = mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal()
    seen = []

    for token in (unknown, wrong) * 2:
        before = hasher.hashed + hasher.verified
        verdict = await verifier.verify(token, NOBODY)
        seen.append((verdict.outcome, hasher.hashed + hasher.verified - before))

    assert seen == [(Outcome.INVALID_KEY, 0)] * 4


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


async def test_without_a_database_it_can_not_be_told(verifiers: Verifiers, tmp_path: Path) -> None:
    """A key that was issued here is unavailable, never invalid; refusals that need no database are as usual."""
    verifier = verifiers.make(reader=SqliteKeyReader(SqliteFile(tmp_path / "missing.db")))
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
