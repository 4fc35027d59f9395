"""
Prepares the database for `keydesk demo`: fills it once, and restores the printed passwords at every start.

The demo refuses a database with an organization that the demo did not make.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from argon2 import PasswordHasher

from app.cli_errors import Failure, blocked_failure
from app.demo.people import is_password
from app.demo.rows import DemoBuilder
from app.demo.server_key import kept_server_keys, make_server_keys, start_over
from app.demo.story import CURL_KEY_NAME, ORGANIZATION_ID, PEOPLE, DemoPerson
from app.private_files import SECRET_FILE
from app.settings import Settings
from app.startup_checks import missing_server_keys, missing_words, schema_words
from keys.policy import OPERATOR, Scope
from keys.refusals import KeyLimitReached
from keys.token import ServerKeys
from models.engine.database import Database
from models.key_queries import visible_keys
from models.migrations.locks import Blocked
from models.migrations.migrate import migrate
from models.migrations.state import Standing, schema_state
from models.organization import Organization, is_there_another_organization
from models.person import Person, members_of, person_for_update
from resolvers.api_keys import rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready to be served: its settings, its server keys, and the people who can sign in."""

    settings: Settings
    server_keys: ServerKeys
    people: Sequence[DemoPerson]


async def prepare(
    settings: Settings,
    database: Database,
    *,
    clock: Callable[[], datetime],
    key_hasher: PasswordHasher,
    password_hasher: PasswordHasher,
) -> Demo:
    """
    Migrates the database, fills it if the demo's organization is missing, and restores the printed passwords.

    Raises Failure if the database or its server keys can't be used for the demo.
    """
    await _require_own(database)
    try:
        await migrate(database)
    except Blocked as blocked:
        raise blocked_failure(blocked) from None
    async with database.reading() as session:
        organization = await session.get(Organization, ORGANIZATION_ID)
    if organization is not None and organization.deleted_at is not None:
        raise Failure(f"The demo's organization was deleted. To start the demo over: {start_over(database)}.")
    if organization is None:
        server_keys = settings.server_keys or kept_server_keys(database) or make_server_keys(database)
        await _fill(database, DemoBuilder(clock(), server_keys, settings.key_prefixes[0], key_hasher, password_hasher))
    else:
        server_keys = await _same_server_keys(settings, database)
    people = await _restore_passwords(database, password_hasher)
    return Demo(replace(settings, server_keys=server_keys), server_keys, people)


async def fresh_key(services: KeyServices) -> Issued:
    """
    Returns a key for the printed curl command, with a new secret.

    It rotates the demo's key, as the operator. If that key was deleted, it creates one; if every slot is taken, it
    rotates another active key.
    """
    async with services.database.reading() as session:
        living = await visible_keys(session, ORGANIZATION_ID, of_agents=None)
    found = next((key for key in living if key.name == CURL_KEY_NAME and key.agent is None), None)
    if found is None:
        try:
            return await create_api_key(
                services,
                OPERATOR,
                organization_id=ORGANIZATION_ID,
                name=CURL_KEY_NAME,
                scope=Scope.ORGANIZATION,
                agent_id=None,
            )
        except KeyLimitReached as refusal:
            found = next((key for key in refusal.candidates if key.agent is None), refusal.candidates[0])
    return await rotate_api_key(services, OPERATOR, key_id=found.id)


async def _require_own(database: Database) -> None:
    """Raises Failure for a database that the demo must not change. Called before the database is migrated."""
    state = await schema_state(database)
    if state.standing is Standing.EMPTY:
        return
    if state.standing is Standing.TOO_NEW:
        raise Failure(schema_words(state) or "")
    async with database.reading() as session:
        if await is_there_another_organization(session, ORGANIZATION_ID):
            raise Failure(
                "This database holds an organization that is not the demo's, so the demo does not use it. "
                "Serve it with `keydesk serve`, or set KEYDESK_DATABASE_URL to a new one."
            )


async def _same_server_keys(settings: Settings, database: Database) -> ServerKeys:
    """The server keys that made the tags of the demo's active keys. Raises Failure if they are missing."""
    server_keys = settings.server_keys or kept_server_keys(database)
    missing = await missing_server_keys(database, () if server_keys is None else server_keys.ids)
    if missing:
        raise Failure(
            f"The demo's API keys need {missing_words(missing)}, which is missing. Put back {SECRET_FILE} or "
            f"KEYDESK_SECRET_KEY, or start over: {start_over(database)}."
        )
    return server_keys or make_server_keys(database)


async def _fill(database: Database, builder: DemoBuilder) -> None:
    stages = list(builder.rows())
    async with database.transaction() as session:
        for rows in stages:
            session.add_all(rows)
            await session.flush()


async def _restore_passwords(database: Database, hasher: PasswordHasher) -> list[DemoPerson]:
    """
    Gives the demo's people their printed passwords back.

    Returns those who are still in the demo's organization, each with their current role.
    """
    async with database.reading() as session:
        members = {person.email: (person, role) for person, role in await members_of(session, ORGANIZATION_ID)}
    found = []
    for each in PEOPLE:
        if each.email in members:
            person, role = members[each.email]
            if person.password_is_one_time or not is_password(hasher, person.password_hash, each.password):
                await _restore_password(database, person, hasher.hash(each.password))
            found.append(each._replace(role=role))
    return found


async def _restore_password(database: Database, person: Person, hashed: str) -> None:
    async with database.transaction() as session:
        row = await person_for_update(session, person.id)
        if row is not None:
            row.password_hash, row.password_is_one_time, row.password_expires_at = hashed, False, None
