"""The digest beside the hash: no cold start, when it applies, and how keys that have none get theirs."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from keys.issuer import Issuer
from keys.outcomes import Outcome
from keys.secret_digest import SecretDigests
from keys.token import ServerKeys, mint
from keys.verification.digest_writer import A_BATCH, DigestWriter
from models import ApiKey
from models.engine.database import Database
from models.secret_digests import MadeDigest, digest_store
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, CountingHasher
from tests.support.keys.issued_keys import NO_AGENT, Verifiers, check, forget_digests, issue, issue_without_digest
from tests.support.world import World

GOOD = Outcome.GOOD
HASH, OTHER_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaGhhc2hoYXNo",
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$b3RoZXJvdGhlcm90",
)
OLD, NEW = b"an old server key of 32 bytes...", b"a new server key of 32 bytes...."


async def columns(database: Database, issued: Issued) -> ApiKey:
    """The key's row."""
    async with database.reading() as session:
        return (await session.execute(select(ApiKey).where(ApiKey.id == issued.record.id))).scalar_one()  # type: ignore[arg-type]


async def change(database: Database, issued: Issued, **values: Any) -> None:
    """Changes the key's row as another program would."""
    async with database.transaction() as session:
        await session.execute(update(ApiKey).where(ApiKey.id == issued.record.id).values(**values))  # type: ignore[arg-type]


def test_a_digest_is_bound_to_the_secret_the_hash_and_the_server_key() -> None:
    """It matches its own secret only; with another hash, or without its server key, it does not apply."""
    digests, others = SecretDigests(ServerKeys((OLD, NEW))), SecretDigests(ServerKeys((NEW,)))
    old_id, new_id = ServerKeys((OLD, NEW)).ids
    stored = digests.make(old_id, HASH, "secret")
    near = OTHER_HASH[:-12] + HASH[-12:]

    assert digests.matches(stored, HASH, "secret") is True
    assert digests.matches(stored, HASH, "Secret") is False
    assert digests.matches(stored, near, "secret") is False
    assert digests.matches(stored.replace(old_id, new_id), HASH, "secret") is False
    assert [digests.matches(stored, OTHER_HASH, "secret"), others.matches(stored, HASH, "secret")] == [None, None]
    unusable = (None, "", stored[:-1], stored + "0", "é" * len(stored))
    assert [digests.matches(each, HASH, "secret") for each in unusable] == [None] * len(unusable)
    assert digests.matches(stored, None, "secret") is None
    assert "secret" not in stored
    assert digests.matches(stored[:-1] + "é", HASH, "secret") is False


async def test_a_new_process_runs_no_argon2(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """Not for good secrets, both of an overlap included, and not for replaced, wrong and deleted ones."""
    issued, deleted = await issue(services, world), await issue(services, world)
    replaced = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    previous = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    current = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await delete_api_key(services, world.actor("ada"), key_id=deleted.record.id)
    wrong = mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal()
    unknown = mint(SERVER_KEYS, "kd").token.reveal()
    verifier = verifiers.make(hasher)

    verdicts = [await check(verifier, each) for each in (current, previous, replaced, issued, deleted)]
    others = [await verifier.verify(text, NO_AGENT) for text in (wrong, unknown)]

    expected = [GOOD, GOOD, Outcome.REPLACED_SECRET, Outcome.REPLACED_SECRET, Outcome.DELETED_KEY]
    assert [each.outcome for each in verdicts] == expected
    assert [each.outcome for each in others] == [Outcome.REPLACED_SECRET, Outcome.INVALID_KEY]
    assert (hasher.verified, hasher.hashed) == (0, 0)


async def test_digests_move_and_go_with_their_hashes(services: KeyServices, world: World) -> None:
    """A rotation moves the digest with an overlap and drops it without; a deletion drops both."""
    issued = await issue(services, world)
    first = await columns(services.database, issued)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    second = await columns(services.database, issued)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    third = await columns(services.database, issued)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    last = await columns(services.database, issued)

    assert len({first.secret_digest, second.secret_digest, third.secret_digest, None}) == 4
    assert [first.previous_secret_digest, second.previous_secret_digest] == [None, first.secret_digest]
    assert third.previous_secret_digest is None
    assert (last.secret_digest, last.previous_secret_digest) == (None, None)


async def test_an_old_key_gets_its_digest_once(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """Both secrets of an overlap: one run of argon2 each in the first process, and none in the next."""
    writer = DigestWriter(digest_store(services.database))
    issued = await issue(services, world)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    before = await columns(services.database, issued)
    await forget_digests(services.database)
    first = verifiers.make(hasher, offer_digest=writer.offer)

    outcomes = [(await check(first, each)).outcome for each in (rotated, issued) * 2]
    runs = hasher.verified
    await writer.write()
    after = await columns(services.database, issued)
    again = [await check(verifier, each) for verifier in (first, verifiers.make(hasher)) for each in (rotated, issued)]

    assert outcomes == [GOOD] * 4
    # The previous secret is compared with both hashes.
    assert (runs, hasher.verified) == (3, 3)
    assert (after.secret_digest, after.previous_secret_digest) == (before.secret_digest, before.previous_secret_digest)
    assert [each.outcome for each in again] == [GOOD] * 4
    assert len(writer) == 0


async def test_a_rotation_by_the_version_before_leaves_no_key_refused(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """That version leaves the digest of the old hash in place: it does not apply, and is replaced."""
    writer = DigestWriter(digest_store(services.database))
    issued = await issue(services, world)
    before = await columns(services.database, issued)
    rotated = await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id)
    await change(services.database, issued, secret_digest=before.secret_digest)
    verifier = verifiers.make(hasher, offer_digest=writer.offer)

    outcomes = [(await check(verifier, each)).outcome for each in (rotated, issued)]
    await writer.write()
    again = await check(verifiers.make(hasher), rotated)

    assert outcomes == [GOOD, Outcome.REPLACED_SECRET]
    assert again.outcome is GOOD
    assert hasher.verified == 2
    assert (await columns(services.database, issued)).secret_digest != before.secret_digest


async def test_a_server_key_is_replaced(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """While both are there, no key needs argon2. A digest whose server key is gone is made again by the one there."""
    writer = DigestWriter(digest_store(services.database))
    issued = await issue(services, world)
    both = ServerKeys((NEW, b"0123456789abcdef0123456789abcdef"))
    now = replace(services, issuer=Issuer(both, "kd", services.issuer.pool))
    newer = await issue(now, world)
    rotated = await rotate_api_key(now, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    verifier = verifiers.make(hasher, server_keys=both)

    outcomes = [(await check(verifier, each)).outcome for each in (issued, newer, rotated)]
    runs = hasher.verified
    gone = SecretDigests(ServerKeys((OLD,)))
    row = await columns(services.database, newer)
    lost = gone.make(ServerKeys((OLD,)).signing_id, row.secret_hash or "", "whatever")
    await change(services.database, newer, secret_digest=lost)
    only = verifiers.make(hasher, server_keys=ServerKeys((NEW,)), offer_digest=writer.offer)
    narrow = [(await check(only, each)).outcome for each in (issued, newer, rotated)]
    await writer.write()

    assert (outcomes, runs) == ([GOOD] * 3, 0)
    assert narrow == [Outcome.INVALID_KEY, GOOD, GOOD]
    assert hasher.verified == 1
    assert (await columns(services.database, newer)).secret_digest == row.secret_digest


async def test_a_digest_is_not_written_for_another_hash(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """If the key was rotated or deleted between verification and writing, the row stays as it is."""
    writer = DigestWriter(digest_store(services.database))
    rotated, deleted = await issue_without_digest(services, world), await issue_without_digest(services, world)
    verifier = verifiers.make(hasher, offer_digest=writer.offer)
    for each in (rotated, deleted):
        await check(verifier, each)
    await rotate_api_key(services, world.actor("ada"), key_id=rotated.record.id)
    await delete_api_key(services, world.actor("ada"), key_id=deleted.record.id)
    before = [(await columns(services.database, each)).secret_digest for each in (rotated, deleted)]

    await writer.write()

    assert len(writer) == 0
    assert [(await columns(services.database, each)).secret_digest for each in (rotated, deleted)] == before
    assert before[0] is not None
    assert before[1] is None


class FailingStore:
    """A store that fails until it is told to work, and records what it is given."""

    def __init__(self) -> None:
        self.fails = True
        self.stored: list[dict[str, MadeDigest]] = []

    async def store(self, made: Mapping[str, MadeDigest]) -> None:
        """Raises as a database does that can't be written."""
        if self.fails:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        self.stored.append(dict(made))


async def test_failed_writing_changes_no_verdict(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """The key stays good without another run; the digest waits, and is written when that is possible again."""
    store = FailingStore()
    writer = DigestWriter(store)
    issued = await issue_without_digest(services, world)
    verifier = verifiers.make(hasher, offer_digest=writer.offer)

    outcomes = []
    for _ in range(3):
        outcomes.append((await check(verifier, issued)).outcome)
        with pytest.raises(sqlite3.OperationalError):
            await writer.write()
    waiting = len(writer)
    store.fails = False
    await writer.write()

    assert outcomes == [GOOD] * 3
    assert (hasher.verified, waiting, len(writer)) == (1, 1, 0)
    assert [list(each) for each in store.stored] == [[issued.record.id.hex]]


async def test_the_queue_is_bounded_and_written_at_the_end() -> None:
    """What does not fit is left out; a batch has each key once; closing writes the rest."""
    store = FailingStore()
    store.fails = False
    writer = DigestWriter(store, waiting_at_most=A_BATCH + 10)
    async with writer.running():
        await asyncio.sleep(0)
        for number in range(A_BATCH + 50):
            writer.offer(f"{number // 2:032x}", f"hash {number % 2}", "digest")
        waiting = len(writer)

    assert waiting == A_BATCH + 10
    assert len(writer) == 0
    assert sum(map(len, store.stored)) == A_BATCH + 10
    assert all(len(batch) <= A_BATCH for batch in store.stored)


@asynccontextmanager
async def locked(database: Database, issued: Issued) -> AsyncIterator[None]:
    """Another transaction holds the key's row, as a rotation does; on SQLite it holds the database."""
    async with database.transaction() as session:
        await session.execute(update(ApiKey).where(ApiKey.id == issued.record.id).values(name="locked"))  # type: ignore[arg-type]
        yield


async def test_a_locked_key_delays_no_other(
    verifiers: Verifiers, hasher: CountingHasher, services: KeyServices, world: World
) -> None:
    """On PostgreSQL its digest is left out and the others are written. Its next verification offers it again."""
    database = services.database
    writer = DigestWriter(digest_store(database))
    held, free = await issue(services, world), await issue(services, world)
    await forget_digests(database)
    verifier = verifiers.make(hasher, offer_digest=writer.offer)

    async with locked(database, held):
        outcomes = [(await check(verifier, each)).outcome for each in (held, free)]
        if database.sqlite_path is None:
            await writer.write()
            during = [(await columns(database, each)).secret_digest is not None for each in (held, free)]
        else:
            with pytest.raises(sqlite3.OperationalError):
                await writer.write()
            during = [False, True]
    await check(verifier, held)
    await writer.write()

    assert outcomes == [GOOD, GOOD]
    assert during == [False, True]
    assert None not in [(await columns(database, each)).secret_digest for each in (held, free)]
    assert hasher.verified == 2
