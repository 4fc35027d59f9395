"""People's browsers that sign in by the resolvers, and fixtures for them. Import all fixtures that a test uses."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, select, update

from keys.hashing import HashingPool
from keys.refusals import SignInRefused
from models import Person, SignInFailure, SignInSession
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.viewer import SignedIn, SignIn, sign_in, signed_in
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.world import World, make_world

PASSWORD = "correct horse battery staple"
ANOTHER = "a password of her own"
HOME, CAFE = "203.0.113.7", "198.51.100.9"


@dataclass
class Browser:
    """The cookies of one person's browser."""

    checker: PasswordChecker
    clock: Clock
    address: str = HOME
    token: str | None = None
    device: str | None = None
    outcomes: list[str] = field(default_factory=list)

    async def sign_in(self, email: str = "ada@example.com", password: str = PASSWORD) -> SignIn:
        begun = await sign_in(
            self.checker,
            email=email,
            password=password,
            address=self.address,
            device_cookie=self.device,
            presented_token=self.token,
            now=self.clock(),
        )
        self.token, self.device = begun.token.reveal(), begun.device_cookie.reveal()
        return begun

    async def fails(self, email: str = "ada@example.com", password: str = "wrong password") -> int | None:
        """Fails to sign in, and returns the refusal's `retry_after_seconds`."""
        with pytest.raises(SignInRefused) as refused:
            await self.sign_in(email, password)
        return refused.value.retry_after_seconds

    async def who(self) -> SignedIn | None:
        return await signed_in(self.checker.reader, self.token or "", now=self.clock(), address=self.address)


@pytest.fixture
def hasher() -> CountingHasher:
    """The hasher of passwords."""
    return CountingHasher()


@pytest.fixture
async def people(database: Database, hasher: CountingHasher) -> World:
    """The people of the test organizations. Everybody's password is PASSWORD."""
    return await make_world(database, password_hash=hasher.hash(PASSWORD))


@pytest.fixture
async def checker(database: Database, hasher: CountingHasher, people: World) -> AsyncIterator[PasswordChecker]:
    """The password checker. Its start-up hash is not counted."""
    pool, reader = HashingPool(hasher, threads=2, queue_limit=100, name="test"), Reader(database)
    opened = await PasswordChecker.open(database, reader, pool, SERVER_KEYS)
    hasher.hashed = 0
    yield opened
    pool.close()
    await reader.close()


@pytest.fixture
def browser(checker: PasswordChecker, clock: Clock) -> Callable[..., Browser]:
    """Makes a browser without cookies."""
    return lambda address=HOME: Browser(checker, clock, address)


async def count(database: Database, table: type[SignInFailure] | type[SignInSession]) -> int:
    async with database.reading() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def set_person(database: Database, email: str, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(update(Person).where(Person.email == email).values(**values))  # type: ignore[arg-type]
