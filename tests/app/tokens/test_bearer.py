"""Programs send their token to /graphql as a bearer token."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.tokens.bearer import bearer_token
from keys.program_token import Kind
from models import Organization
from models.tokens.program_token import ProgramToken
from tests.conftest import Clock
from tests.support.client import GRAPHQL, Answer, Site
from tests.support.graphql.documents import LIST
from tests.support.programs import PROGRAMS, program, program_tokens, stored_token

WHO = "{ viewer { user { email } } }"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        ([b"Basic QWRhOnB3"], None),
        ([b"Bearerkds_x"], None),
        ([b""], None),
        ([b"Bearer kds_x"], "kds_x"),
        ([b"bEARER   kds_x "], "kds_x"),
        ([b"Bearer"], ""),
        ([b"Bearer "], ""),
        ([b"Bearer kds_x", b"Bearer kds_x"], ""),
        ([b"Basic QWRhOnB3", b"Bearer kds_x"], ""),
        ([b"Bearer k\xe9"], "k\xe9"),
    ],
)
def test_the_token_of_a_request(lines: list[bytes], expected: str | None) -> None:
    """The scheme may be in any case. Other schemes are none of ours; two headers are no token."""
    headers = [(b"cookie", b"a=1"), *((b"authorization", line) for line in lines)]

    assert bearer_token(headers) == expected


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_is_not_a_viewer(site: Site, name: str) -> None:
    """`viewer` is null, and introspection is allowed."""
    client = await program(site, name)

    assert (await client.graphql(WHO)).data == {"viewer": None}
    assert (await client.graphql("{ __schema { queryType { name } } }")).codes == []


async def test_cookies_are_ignored(site: Site) -> None:
    """With a token, the session in the cookie is not used: neither beside a good one nor instead of a bad one."""
    ada = await site.person("ada")
    cookie = f"keydesk_session={ada.http.cookies['keydesk_session']}"
    _, token = await stored_token(site, "globex token")
    good = await site.browser(cookie=cookie, authorization=f"Bearer {token}")
    bad = await site.browser(cookie=cookie, authorization="Bearer kds_nothing")
    basic = await site.browser(cookie=cookie, authorization="Basic QWRhOnB3")

    assert (await good.graphql(WHO)).value is None
    assert (await good.graphql(LIST, id=site.organization("acme"))).value is None
    assert (await good.graphql("mutation { signOut }")).outcome == "FORBIDDEN"
    assert (await bad.graphql(WHO)).response.status_code == 401
    assert (await basic.graphql(WHO)).value["user"]["email"] == "ada@example.com"


def assert_unauthenticated(answer: Answer) -> None:
    assert (answer.response.status_code, answer.codes) == (401, ["UNAUTHENTICATED"])
    assert "data" not in answer.body
    assert answer.response.headers["content-type"].startswith(GRAPHQL)
    assert answer.response.headers["www-authenticate"] == 'Bearer realm="keydesk", error="invalid_token"'
    assert answer.response.headers["cache-control"] == "no-store"


async def with_token(site: Site, token: str) -> Answer:
    return await (await site.browser(authorization=f"Bearer {token}")).graphql("{ supportEmail }")


@pytest.mark.parametrize("name", ["admin token", "provisioning token"])
async def test_what_does_not_work_is_refused_with_the_same_words(site: Site, name: str) -> None:
    """An unknown token, one that was altered, expired or was revoked, and one of another installation."""
    now = site.world.acme.created_at
    kind = Kind.SERVICE if name == "admin token" else Kind.OPERATOR
    _, good = await stored_token(site, name)
    _, expired = await stored_token(site, name, expires_at=now)
    _, revoked = await stored_token(site, name, revoked_at=now)
    unknown = program_tokens().make(kind).token.reveal()
    others = program_tokens("the server key of another installation").make(kind).token.reveal()
    altered = good[:-1] + ("A" if good[-1] != "A" else "B")

    answers = [
        await with_token(site, token)
        for token in (expired, revoked, unknown, others, altered, "", "kds_x", f"{good} {good}")
    ]

    for answer in answers:
        assert_unauthenticated(answer)
    assert len({answer.body["errors"][0]["message"] for answer in answers}) == 1
    assert (await with_token(site, good)).data == {"supportEmail": None}


async def test_an_api_key_is_told_what_it_is(site: Site) -> None:
    """With an API key, no keys can be managed."""
    key = (await site.fill("deploy"))["deploy"]["secret"]

    answer = await with_token(site, key)

    assert_unauthenticated(answer)
    assert "This is an API key" in answer.body["errors"][0]["message"]


async def test_a_token_ends_when_the_clock_says_so(site: Site, clock: Clock) -> None:
    """Up to the moment of its end it works."""
    row, token = await stored_token(site, "admin token", expires_at=clock() + timedelta(days=1))
    clock.advance(days=1, seconds=-1)
    before = await with_token(site, token)
    clock.advance(seconds=1)

    after = await with_token(site, token)

    assert row.expires_at == clock()
    assert before.codes == []
    assert_unauthenticated(after)


async def test_a_service_token_ends_with_its_organization(site: Site, clock: Clock) -> None:
    """It is refused from then on. An operator token goes on."""
    service, operator = await program(site, "admin token"), await program(site, "operator token")
    async with site.database.transaction() as session:
        mine = col(Organization.id) == site.world.acme.id
        await session.execute(update(Organization).where(mine).values(deleted_at=clock()))

    assert_unauthenticated(await service.graphql("{ supportEmail }"))
    assert (await operator.graphql("{ supportEmail }")).codes == []


async def last_used(site: Site, row: ProgramToken) -> object:
    async with site.database.reading() as session:
        found = await session.get(ProgramToken, row.id, populate_existing=True)
        assert found is not None
        return found.last_used_at


async def test_the_last_use_is_stored_behind_the_request(site: Site, clock: Clock) -> None:
    """Again after half a minute, so that what is shown is at most a minute old."""
    row, token = await stored_token(site, "admin token")
    first, used = clock(), []
    for wait_seconds in (0, 29, 1):
        clock.advance(seconds=wait_seconds)
        await with_token(site, token)
        await site.app._programs.close()
        used.append(await last_used(site, row))

    assert used == [first, first, clock()]
