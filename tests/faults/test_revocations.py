"""A lagging standby is promoted while keys are being deleted: no deletion that was answered is lost."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from app.revocations import start
from app.revocations.start import require_dead_stay_dead
from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.outcomes import Outcome
from keys.policy import OPERATOR
from keys.verification.verdict import RequestedAgent
from models.engine.database import Database
from models.revocations.journal import Journal
from models.revocations.recorder import RevocationRecorder
from resolvers.api_keys import delete_api_key
from resolvers.operator.organizations import update_organization
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, CountingHasher
from tests.faults.conftest import NAME
from tests.support.keys.issued_keys import Verifiers, issue
from tests.support.servers.postgres_pair import PostgresPair
from tests.support.world import make_world

KEYS = 40
BEFORE_THE_CRASH = 15
GIVE_UP_SECONDS = 60.0


async def cut_off(pair: PostgresPair) -> None:
    """The replica no longer receives what is committed on the primary."""
    pair.replica.set("primary_conninfo", "")
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while pair.replica.sql("SELECT count(*) FROM pg_stat_wal_receiver") != "0":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def outcomes(database: Database, keys: list[Issued]) -> list[Outcome]:
    verifiers = Verifiers(database)
    try:
        verifier = verifiers.make()
        return [(await verifier.verify(key.secret.reveal(), RequestedAgent())).outcome for key in keys]
    finally:
        await verifiers.close()


async def delete_until_the_crash(services: KeyServices, pair: PostgresPair, keys: list[Issued]) -> list[Issued]:
    """Deletes the keys one after the other, while the primary crashes. Returns those whose deletion was answered."""
    answered: list[Issued] = []
    crash: asyncio.Task[None] | None = None
    for key in keys:
        if crash is None and len(answered) == BEFORE_THE_CRASH:
            crash = asyncio.ensure_future(asyncio.to_thread(pair.primary.stop, "immediate"))
        with suppress(DBAPIError, OSError):
            await delete_api_key(services, OPERATOR, key_id=key.record.id)
            answered.append(key)
    assert crash is not None
    await crash
    return answered


async def test_a_promoted_standby_comes_to_have_every_deletion_that_was_answered(
    pair: PostgresPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standby had none of them. Before it is served they are done again; keys that nobody deleted stay."""
    recorder = RevocationRecorder(Journal(tmp_path / "keydesk.revocations"))
    primary, standby = (Database(each.url(NAME), revocations=recorder) for each in (pair.primary, pair.replica))
    pool = HashingPool(CountingHasher(), threads=1, queue_limit=100, name="faults")
    services = KeyServices(primary, lambda: datetime.now(UTC), 10_000, issuer=Issuer(SERVER_KEYS, "kd", pool))
    world = await make_world(primary)
    async with primary.transaction() as session:
        await update_organization(session, organization_id=world.acme.id, key_limit=KEYS, now=datetime.now(UTC))
    keys = [await issue(services, world) for _ in range(KEYS)]
    doomed, others = keys[:-5], keys[-5:]
    pair.catch_up()
    await cut_off(pair)

    answered = await delete_until_the_crash(services, pair, doomed)
    pair.replica.promote()
    assert len(answered) >= BEFORE_THE_CRASH
    assert await outcomes(standby, keys) == [Outcome.GOOD] * KEYS

    monkeypatch.setattr(start, "UNDER_WAY", timedelta(seconds=1))
    said = await require_dead_stay_dead(standby, accept_revived_keys=False, now=datetime.now(UTC))

    assert any("They were done again" in each for each in said)
    assert set(await outcomes(standby, answered)) == {Outcome.DELETED_KEY}
    assert set(await outcomes(standby, others)) == {Outcome.GOOD}
    pool.close()
    await primary.close()
    await standby.close()
