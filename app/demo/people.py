"""Finds the demo's people who still have the passwords that `keydesk demo` prints, and removes these passwords."""

from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.demo.story import PEOPLE
from models.engine.database import Database
from models.person import Person, person_by_email, person_for_update
from models.session import end_sessions

PUBLIC_PASSWORDS = {each.email: each.password for each in PEOPLE}
"""Passwords by e-mail address. They are in the source code, so they are public."""


def is_password(hasher: PasswordHasher, hashed: str | None, password: str) -> bool:
    """Whether the hash belongs to this password. False if there is no hash, or it is not valid."""
    try:
        return hashed is not None and hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def has_public_password(hasher: PasswordHasher, person: Person) -> bool:
    """Whether this is one of the demo's people and still has the public password."""
    public = PUBLIC_PASSWORDS.get(person.email)
    return public is not None and is_password(hasher, person.password_hash, public)


async def people_with_public_passwords(database: Database, hasher: PasswordHasher) -> list[Person]:
    """The people who have a public password, including those who are in another organization or in none."""
    async with database.reading() as session:
        found = [await person_by_email(session, email) for email in PUBLIC_PASSWORDS]
    return [person for person in found if person is not None and has_public_password(hasher, person)]


async def take_passwords_away(session: AsyncSession, people: Sequence[Person]) -> list[str]:
    """
    Removes these people's passwords and ends their sessions. Returns their e-mail addresses.

    A person who has chosen another password since `people` was read keeps that password.
    """
    taken = []
    for person in people:
        row = await person_for_update(session, person.id)
        if row is not None and row.password_hash == person.password_hash:
            row.password_hash, row.password_is_one_time, row.password_expires_at = None, False, None
            await end_sessions(session, row.id)
            taken.append(row.email)
    return taken
