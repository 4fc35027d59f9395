"""What is too old goes; nothing else does."""

from datetime import timedelta

from sqlalchemy import func, select

from app.upkeep import tidy
from models import AuditAction, AuditEvent, SignInFailure, SignInSession
from models.database import Database
from tests.conftest import Clock
from tests.world import World


async def counts(database: Database) -> tuple[int, ...]:
    async with database.reading() as session:
        return tuple(
            [
                int((await session.execute(select(func.count()).select_from(table))).scalar_one())
                for table in (AuditEvent, SignInSession, SignInFailure)
            ]
        )


async def test_old_events_sessions_and_failures_are_dropped(database: Database, world: World, clock: Clock) -> None:
    """Events after 400 days, sessions after 12 hours without use, failures after a quarter of an hour."""
    ages = (timedelta(0), timedelta(days=399), timedelta(days=401))
    async with database.transaction() as session:
        for age in ages:
            then = clock.now - age
            session.add(
                AuditEvent(organization_id=world.acme.id, action=AuditAction.API_KEY_CREATED, at=then, summary="One.")
            )
            session.add(
                SignInSession(
                    token_digest=f"{age.days:064}", person_id=world.ada.id, created_at=then, last_seen_at=then
                )
            )
            session.add(SignInFailure(account="a" * 64, ip_address="203.0.113.7", at=then))

    await tidy(database, now=clock.now, audit_days=400)

    assert await counts(database) == (2, 1, 1)
