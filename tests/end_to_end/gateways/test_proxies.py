"""
Several clients share a proxy's few connections to Keydesk, and some of them send tricks.

No client may get a byte of another's answer, and no byte of a body may act as a request.
"""

import asyncio
import re
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlmodel import select

from models import Membership, Person
from resolvers.services import KeyServices
from tests.conftest import Databases
from tests.support.gateways.proxies import AS_FOUND, Proxy
from tests.support.gateways.site import KeydeskBehind, agent_header, keydesk_behind
from tests.support.http.strangers import Person as Somebody
from tests.support.http.strangers import race, rounds
from tests.support.http.tricks import SLOW_UPGRADE, TRICKS
from tests.support.servers.servers import REAL
from tests.support.tenant_setup import create_as_operator, make_tenant

DATABASE_NUMBER = 110
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
PEOPLE = 4
STRANGERS = 4
ROUNDS = 24
FEW = 5


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    """As an operator starts it."""
    with keydesk_behind(
        databases.fresh(DATABASE_NUMBER),
        tmp_path_factory.mktemp("keydesk"),
        settings={"KEYDESK_METRICS": "true"},
        program=REAL,
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def people(keydesk: KeydeskBehind) -> Sequence[Somebody]:
    """People, each with their own organization."""

    async def somebody(services: KeyServices) -> Somebody:
        tenant = await make_tenant(services.database, key_limit=1000, agents=1)
        (agent_id,) = tenant.agent_ids
        issued = await create_as_operator(services, tenant, agent_id)
        async with services.database.reading() as session:
            email = await session.scalar(
                select(Person.email).join(Membership).where(Membership.organization_id == tenant.organization_id)
            )
        secret, agent = issued.secret.reveal(), agent_header(agent_id)
        verified = verification(keydesk, secret, agent)
        return Somebody(tenant, agent, secret, verified, email or "")

    return [keydesk.run(somebody) for _ in range(PEOPLE)]


def verification(keydesk: KeydeskBehind, secret: str, agent: str) -> dict[str, str | None]:
    """Keydesk's own answer to this key."""
    answer = keydesk.say(("Authorization", f"Bearer {secret}"), ("X-Agent-Id", agent))
    assert answer.status == 200
    return answer.body


def smuggled(keydesk: KeydeskBehind) -> int:
    """How many requests hidden in bodies were executed: only those have a malformed key."""
    with urllib.request.urlopen(f"{keydesk.server.address}/metrics", timeout=30) as answer:
        found = re.search(r'^keydesk_verifications_total{outcome="malformed_key"} (\S+)$', answer.read().decode(), re.M)
    assert found is not None
    return int(float(found[1]))


@pytest.mark.parametrize("kind", ["Caddy", "nginx with websockets, fixed", "nginx with websockets, by a map"])
def test_a_new_secret_goes_to_whom_it_is_issued_to(
    kind: str, keydesk: KeydeskBehind, people: Sequence[Somebody], tmp_path: Path
) -> None:
    """Strangers meanwhile request upgrades, with a request in the body."""
    with closing(Proxy(*AS_FOUND[kind], keydesk.server.port, tmp_path)) as proxy:
        leaks = asyncio.run(rounds(proxy.port, people[0], SLOW_UPGRADE, count=ROUNDS))

    assert [each for each in leaks if each] == []


@pytest.mark.parametrize("kind", AS_FOUND)
def test_nobody_gets_anothers_bytes(
    kind: str, keydesk: KeydeskBehind, people: Sequence[Somebody], tmp_path: Path
) -> None:
    """Every trick, several strangers at once, beside people who verify, read and create: each gets their answers."""
    before = smuggled(keydesk)
    with closing(Proxy(*AS_FOUND[kind], keydesk.server.port, tmp_path)) as proxy:
        found = asyncio.run(race(proxy.port, people, TRICKS, strangers=STRANGERS, seed=1))

        assert proxy.is_alive
    assert found.leaks == []
    assert smuggled(keydesk) == before
    assert found.tricks == STRANGERS * len(TRICKS)
    assert found.answers > FEW
    # A proxy may lose a request if its connection is closed at that moment; it must not lose many.
    assert found.unanswered.total() <= FEW + found.answers // 50
