"""Compares the revocation journal with the database, and revokes again what the database has forgotten."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from keys.hashing import KEY_PARAMETERS, unmatchable_hash
from keys.policy import OPERATOR
from models.api_key import ApiKey, delete_living_keys, living_key_for_update
from models.audit import AuditAction
from models.engine.database import Database
from models.organization import lock_organization
from models.revocations.forgotten import Forgotten, dead_secrets, forgotten_revocations, unrecorded_deletions
from models.revocations.journal import Contents, Journal
from models.revocations.line import Kind, Revocation, Revoked
from models.revocations.recorder import RevocationRecorder, keep_recorded, note_revoked
from models.revocations.restore_mark import unsettled_restore
from models.revocations.threads import Threads
from models.tokens.program_token import mark_revoked, token_for_update
from resolvers.audit import record, record_deleted_keys
from resolvers.operator.tokens import end_sign_ins
from resolvers.tokens.service_tokens import record_revocation

READING_SECONDS = 120.0
UNDER_WAY = timedelta(seconds=10)
"""
A revocation that is younger may be recorded, and its transaction not yet committed, or failed and not yet withdrawn.

If the commit takes longer, revoking again waits for the organization's lock, and then finds that it is done.
"""
KEYS_AT_A_TIME = 100
"""The number of keys of an organization that are revoked in one transaction, which holds the organization's lock."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The journal beside the database."""

    journal: Journal
    contents: Contents
    revoked: Revoked
    forgotten: Sequence[Forgotten]
    restored_at: datetime | None
    """When the database was restored from a backup, if that is not settled yet."""

    @property
    def keys(self) -> int:
        """The number of keys that are alive in the database although they were deleted."""
        return sum(each.deleted_at is not None and not each.is_token for each in self.forgotten)

    @property
    def tokens(self) -> int:
        """The number of tokens of programs that work although they were revoked."""
        return sum(each.is_token for each in self.forgotten)

    @property
    def secrets(self) -> int:
        """The number of secrets that work although they were replaced, without those of deleted keys."""
        return sum(len(each.replaced) for each in self.forgotten if each.deleted_at is None)


@dataclass(slots=True)
class Applied:
    """The numbers of keys that were deleted, of secrets that were ended and of tokens that were revoked again."""

    keys: int = 0
    secrets: int = 0
    tokens: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was revoked again."""
        return bool(self.keys or self.secrets or self.tokens)


async def compare(database: Database, journal: Journal, *, has_marks: bool = True) -> Comparison:
    """Reads the whole journal, and asks the database for each key in it. Raises JournalUnusable, TimeoutError."""
    contents = await Threads().run(journal.read, seconds=READING_SECONDS)
    revoked = Revoked(dead_by(contents.revocations, datetime.now(UTC)))
    async with database.reading() as session:
        restored_at = await unsettled_restore(session) if has_marks else None
        return Comparison(journal, contents, revoked, await forgotten_revocations(session, revoked), restored_at)


def revoked_until(revocations: Sequence[Revocation], until: datetime) -> Revoked:
    """What the revocations up to this instant come to. Withdrawals count whenever they were written."""
    return Revoked([each for each in revocations if each.at <= until or each.kind is Kind.WITHDRAWN])


def settled(revocations: Sequence[Revocation], now: datetime) -> Revoked:
    """
    What the revocations come to whose transactions are not under way now.

    An instant that is further ahead is that of a host whose clock is ahead: nobody waits until the clocks agree.
    """
    return Revoked(
        [each for each in dead_by(revocations, now) if abs(each.at - now) >= UNDER_WAY or each.kind is Kind.WITHDRAWN]
    )


def dead_by(revocations: Sequence[Revocation], now: datetime) -> list[Revocation]:
    """
    The revocations, with those that were to take effect at once being in effect now.

    The clock of the host that wrote them may be ahead. Overlaps that were asked for go on to their ends.
    """
    return [
        each._replace(dead_from=now) if each.dead_from == each.at and each.dead_from > now else each
        for each in revocations
    ]


async def revoke_again(
    database: Database,
    forgotten: Sequence[Forgotten],
    *,
    now: datetime,
    look_again: Callable[[], Awaitable[Revoked]] | None = None,
) -> Applied:
    """
    Deletes the keys, ends the secrets and revokes the tokens again, as the operator, each with an audit event.

    A deleted key keeps the instant of its deletion. A key whose secret was replaced stays, with its id, limits and
    usage, but no secret works for it: the new one is not in the database. Its owner rotates it.

    With `look_again`, what has been withdrawn is left alone. It is called with the organization's lock: a transaction
    that took long is over then, and may have failed.
    """
    applied = Applied()
    of_organizations = defaultdict(list)
    for each in forgotten:
        of_organizations[each.organization_id].append(each)
    for organization_id, keys in of_organizations.items():
        for start in range(0, len(keys), KEYS_AT_A_TIME):
            async with database.transaction() as session:
                # An operator token belongs to no organization.
                if organization_id is not None and await lock_organization(session, organization_id) is None:
                    break
                keep_recorded(session)
                some: Sequence[Forgotten | None] = keys[start : start + KEYS_AT_A_TIME]
                if look_again is not None:
                    revoked = await look_again()
                    some = [each.within(revoked) for each in some if each is not None]
                for key in some:
                    if key is not None:
                        await _revoke_again(session, key, applied, now)
    return applied


async def _revoke_token_again(session: AsyncSession, token: Forgotten, applied: Applied, now: datetime) -> None:
    row = await token_for_update(session, token.key_id)
    if row is None or row.revoked_at is not None or token.deleted_at is None:
        return
    mark_revoked(session, row, at=max(row.created_at, min(token.deleted_at, now)), by=None)
    await end_sign_ins(session, row)
    await record_revocation(session, OPERATOR, row, " again: the database had forgotten that", now=now)
    applied.tokens += 1


async def _revoke_again(session: AsyncSession, key: Forgotten, applied: Applied, now: datetime) -> None:
    if key.is_token:
        await _revoke_token_again(session, key, applied, now)
        return
    row = await living_key_for_update(session, key.key_id)
    if row is None:
        return
    if key.deleted_at is not None:
        at = max(row.created_at, min(key.deleted_at, now))
        key_ids = await delete_living_keys(session, at=at, by=None, key_id=row.id)
        await record_deleted_keys(session, OPERATOR, key_ids, "again: the database had forgotten its deletion", now=now)
        applied.keys += len(key_ids)
        return
    dead = dead_secrets((row.secret_hash, row.previous_secret_hash, row.previous_works_until), key.replaced)
    if dead:
        await _end_secrets(session, row, dead, now)
        applied.secrets += len(dead)


async def _end_secrets(session: AsyncSession, row: ApiKey, dead: dict[str, datetime], now: datetime) -> None:
    """Ends these secrets at their instants. A current secret whose overlap is not over becomes the previous one."""
    note_revoked(session, *(Revocation(Kind.REPLACED, row.public_id, now, dead[name], name) for name in dead))
    is_current = dead_secrets((row.secret_hash, None, None), dead)
    if not is_current:
        [row.previous_works_until] = dead.values()
        what = "its previous secret was ended again"
    else:
        [dead_from] = is_current.values()
        is_in_overlap = dead_from > now
        row.previous_secret_hash = row.secret_hash if is_in_overlap else None
        row.previous_secret_digest = row.secret_digest if is_in_overlap else None
        row.previous_server_key_id = row.server_key_id if is_in_overlap else None
        row.previous_works_until = dead_from if is_in_overlap else None
        row.secret_hash, row.secret_digest = unmatchable_hash(KEY_PARAMETERS), None
        row.rotated_at = max(row.created_at, min(dead_from, now))
        what = "its secret was ended again, and its new secret is lost: rotate it"
    await record(
        session,
        OPERATOR,
        AuditAction.API_KEY_ROTATED,
        f"The database had forgotten a rotation of the API key “{row.name}”: {what}.",
        organization_id=row.organization_id,
        api_key_id=row.id,
        agent_id=row.agent_id,
        now=now,
    )


async def accept_revived(recorder: RevocationRecorder, found: Comparison) -> bool:
    """
    Withdraws from the journal what the database has forgotten, so that these keys stay alive.

    Returns False if the journal can't be written.
    """
    accepted: set[tuple[str, str | None]] = {
        (each.public_id, None) for each in found.forgotten if each.deleted_at is not None
    }
    accepted |= {(each.public_id, secret) for each in found.forgotten for secret in each.replaced}
    lines = [
        each.withdrawn()
        for each in found.contents.revocations
        if (each.public_id, each.secret) in accepted and each.kind is not Kind.WITHDRAWN
    ]
    return await recorder.record(lines) if lines else True


async def record_older_deletions(database: Database, recorder: RevocationRecorder, revoked: Revoked) -> int | None:
    """
    Adds deletions to the journal that only the database has, such as those from before there was a journal.

    Makes the journal's file if it is missing. Returns the number, or None if the journal can't be written.
    """
    async with database.reading() as session:
        missing = await unrecorded_deletions(session, revoked.deleted.keys())
    now = datetime.now(UTC)
    lines = [Revocation(Kind.DELETED, public_id, now, deleted_at) for public_id, deleted_at in missing]
    return len(lines) if await recorder.record(lines) else None
