"""Checks before the server starts that the database has not forgotten revocations."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from app.cli_errors import Failure
from models.engine.database import Database
from models.revocations.forgotten import Forgotten, forgotten_revocations
from models.revocations.journal import Journal, JournalUnusable
from models.revocations.recent import RECENT
from models.revocations.restore_mark import SettledBy, settle_restores, unsettled_restore
from resolvers.operator.revocations import (
    UNDER_WAY,
    Comparison,
    accept_revived,
    compare,
    record_older_deletions,
    revoke_again,
    revoked_until,
)

HOW_TO_GO_ON = "Run `keydesk revocations apply`, or serve with --accept-revived"


async def require_dead_stay_dead(database: Database, *, accept_revived_keys: bool, now: datetime) -> list[str]:
    """
    Raises Failure if the database was restored, or has forgotten revocations that are older than an hour.

    Newer ones, which a crash or a failover may have lost, are done again. With `accept_revived_keys`, the database is
    served as it is. Returns warnings. A journal that can't be read or written is one: verification must not stop
    because of it.
    """
    async with database.reading() as session:
        restored_at = await unsettled_restore(session)
    found, warnings = await _compared(database)
    if not accept_revived_keys:
        if restored_at is not None:
            raise Failure(" ".join([_restored(restored_at, found), *warnings]))
        if found is not None and found.forgotten:
            warnings += await _done_again(database, found, now)
    elif restored_at is not None or (found is not None and found.forgotten):
        warnings += await _accept(database, found, now)
    if found is not None and database.revocations is not None:
        added = await record_older_deletions(database, database.revocations, found.revoked)
        if added is None:
            warnings.append(
                "The revocation journal can't be written: `keydesk doctor` says why. Until it can, revocations are in "
                "effect, but a database that is restored could forget them."
            )
        elif added and found.contents.revocations:
            warnings.append(
                f"The revocation journal did not hold {added} deletion{'' if added == 1 else 's'} that the database "
                "has. They were added. Check that all processes and commands use the same journal."
            )
    return warnings


async def _done_again(database: Database, found: Comparison, now: datetime) -> list[str]:
    """Does recent revocations again. Raises Failure if the database has forgotten older ones."""
    if await _forgotten(database, found, now - RECENT):
        raise Failure(
            f"The database has forgotten revocations: {forgotten_words(found)}. It was restored or failed over to an "
            f"older state. {HOW_TO_GO_ON}."
        )
    forgotten = found.forgotten
    if len(await _forgotten(database, found, now - UNDER_WAY)) < len(forgotten):
        # Another process may just be committing them. It is better to wait than to serve keys that should be dead.
        await asyncio.sleep(UNDER_WAY.total_seconds())
        now += UNDER_WAY
        with suppress(JournalUnusable, TimeoutError):  # then what was read before the wait counts
            # Whatever their instants are: the clock of the host that wrote them may be ahead.
            forgotten = (await compare(database, found.journal)).forgotten
    applied = await revoke_again(database, forgotten, now=now)
    if not applied.any:
        return []
    return [
        "The database had forgotten revocations of the last hour, as after a crash or failover. They were done again: "
        f"{numbers_words(applied.keys, applied.secrets, applied.tokens)}."
    ]


async def _forgotten(database: Database, found: Comparison, until: datetime) -> Sequence[Forgotten]:
    async with database.reading() as session:
        return await forgotten_revocations(session, revoked_until(found.contents.revocations, until))


def forgotten_words(found: Comparison) -> str:
    """What the database has forgotten, such as: 2 keys that were deleted, and 1 secret that was replaced."""
    return numbers_words(found.keys, found.secrets, found.tokens)


def numbers_words(key_count: int, secret_count: int, token_count: int = 0) -> str:
    """Such as: 2 keys that were deleted, and 1 secret that was replaced."""
    if token_count:
        tokens = f"{token_count} token{' that was' if token_count == 1 else 's that were'} revoked"
        return f"{numbers_words(key_count, secret_count)}, and {tokens}" if key_count or secret_count else tokens
    keys = f"{key_count} key{' that was' if key_count == 1 else 's that were'} deleted"
    secrets = f"{secret_count} secret{' that was' if secret_count == 1 else 's that were'} replaced"
    if key_count and secret_count:
        return f"{keys}, and {secrets}"
    return keys if key_count or not secret_count else secrets


async def _compared(database: Database) -> tuple[Comparison | None, list[str]]:
    if database.revocations is None:
        return None, []  # `keydesk doctor` warns of that
    try:
        found = await compare(database, database.revocations.journal)
    except (JournalUnusable, TimeoutError) as error:
        why = str(error) if isinstance(error, JournalUnusable) else "it does not answer"
        return None, [f"The revocation journal can't be used: {why}. Check KEYDESK_REVOCATION_JOURNAL."]
    damage = len(found.contents.damage)
    if not damage:
        return found, []
    return found, [
        f"The revocation journal is damaged in {damage} place{'' if damage == 1 else 's'}: see keydesk revocations "
        "status. Only its whole lines were checked."
    ]


def no_journal_words(journal: Journal) -> str:
    """Says that nothing can be compared, and how to go on."""
    return (
        f"There is no revocation journal at {journal.path}, so nobody knows what the database has forgotten. If there "
        "was one elsewhere, correct KEYDESK_REVOCATION_JOURNAL, or name it with --journal."
    )


def _restored(restored_at: datetime, found: Comparison | None) -> str:
    forgotten = ""
    if found is not None and not found.contents.files:
        forgotten = f" {no_journal_words(found.journal)}"
    elif found is not None:
        forgotten = f" It has forgotten {forgotten_words(found)}." if found.forgotten else " It has forgotten nothing."
    return (
        f"This database was restored from a backup on {restored_at:%Y-%m-%d at %H:%M} UTC. Keys that were deleted "
        f"since the backup may be alive in it.{forgotten} {HOW_TO_GO_ON}."
    )


async def _accept(database: Database, found: Comparison | None, now: datetime) -> list[str]:
    recorder = database.revocations
    if recorder is not None and (found is None or not await accept_revived(recorder, found)):
        raise Failure(
            f"The revocation journal can't be {'read' if found is None else 'written'}, so it can't note that the "
            "revived keys are accepted. Check KEYDESK_REVOCATION_JOURNAL."
        )
    async with database.transaction() as session:
        await settle_restores(session, SettledBy.ACCEPTED, now=now)
    if found is None or not found.forgotten:
        return []
    return [f"Accepted as alive: {forgotten_words(found)}."]
