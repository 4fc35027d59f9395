"""Links by which a host product signs its members in, and the sessions that they begin."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from keys.policy import Actor
from models import AuditAction, AuditEvent, Person, SignInLink, SignInSession
from models.engine.ids import NO_SUCH_ID, Prefix, external_id, parse_external_id
from models.person import NamedPerson
from models.tokens.program_token import ProgramToken
from resolvers.audit import record_sign_in
from resolvers.operator.tokens import revoke_token
from resolvers.viewer import drop_expired
from tests.conftest import POSTGRES_URL, Clock
from tests.support.client import PASSWORD, PUBLIC_URL, Client, Site, open_site
from tests.support.graphql.documents import CHANGE_PASSWORD
from tests.support.graphql.provisioning import REMOVE, create_link, ensure_member, ensure_organization, enter
from tests.support.programs import program

HOST_ORIGIN = "https://product.example"
BACK = f"{HOST_ORIGIN}/settings?tab=keys#top"
VIEWER = "{ viewer { user { email } organizations { id name } returnUrl isVisit } }"


@pytest.fixture
async def site(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """A site that may link back to two host products."""
    settings = {"KEYDESK_RETURN_ORIGINS": f"{HOST_ORIGIN}, http://127.0.0.1:3000"}
    async with open_site(database_address, clock, settings) as opened:
        yield opened


@pytest.fixture
async def host(site: Site) -> Client:
    """A program that provisions and signs people in."""
    return await program(site, "operator token")


@pytest.fixture
async def initech(host: Client) -> str:
    """The id of an organization that has Peter, an agent admin of nothing, and Samir, its admin."""
    made: str = (await ensure_organization(host)).value["organization"]["id"]
    await ensure_member(host, made)
    await ensure_member(host, made, "user-2", email="samir@initech.example", name="Samir", role="ORGANIZATION_ADMIN")
    return made


async def link(host: Client, organization_id: str, external_id: str = "user-1", **more: Any) -> str:
    """A new link."""
    url: str = (await create_link(host, organization_id, external_id, **more)).value["url"]
    return url


async def stored(site: Site, table: Any) -> list[Any]:
    async with site.database.reading() as session:
        return list((await session.execute(select(table))).scalars())


async def test_a_link_signs_its_member_in(site: Site, host: Client, initech: str, clock: Clock) -> None:
    """The page gets the organization, the path and the way back. Only a digest of the code was stored."""
    created = (await create_link(host, initech, path="audit-log", returnUrl=BACK)).value
    [row] = await stored(site, SignInLink)
    browser = await site.browser()

    entered = (await enter(browser, created["url"])).value
    seen = (await browser.graphql(VIEWER)).value

    address, _, code = created["url"].partition("#")
    assert address == f"{PUBLIC_URL}/enter"
    assert len(code) >= 32
    assert code not in repr(vars(row))
    assert created["expiresAt"] == (clock.now + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")
    assert (entered["organizationId"], entered["path"]) == (initech, "audit-log")
    assert seen == {
        "user": {"email": "peter@initech.example"},
        "organizations": [{"id": initech, "name": "Initech"}],
        "returnUrl": BACK,
        "isVisit": True,
    }
    assert await stored(site, SignInLink) == []


async def test_a_link_works_once_and_for_a_minute(site: Site, host: Client, initech: str, clock: Clock) -> None:
    """A used, an expired and an invented one can't be told apart; an expired one changes nothing."""
    used, expired = await link(host, initech), await link(host, initech)
    browser = await site.browser()
    assert (await enter(browser, used)).outcome == "EnteredByLink"
    again = await enter(await site.browser(), used)
    clock.advance(seconds=60)

    late = await enter(await site.browser(), expired)
    invented = [await enter(await site.browser(), f"x#{token}") for token in ("", "a" * 40, "A" * 40, "%00", "é")]

    answers = [each.value for each in (again, late, *invented)]
    assert {each["__typename"] for each in answers} == {"LinkNotValid"}
    assert len({each["message"] for each in answers}) == 1
    assert len(await stored(site, SignInSession)) == 1
    assert (await browser.graphql(VIEWER)).value["isVisit"]


async def test_of_many_browsers_one_gets_in(site: Site, host: Client, initech: str) -> None:
    """However many use the link at the same moment."""
    url = await link(host, initech)
    browsers = [await site.browser() for _ in range(10)]

    answers = await asyncio.gather(*(enter(each, url) for each in browsers))

    assert sorted(each.outcome for each in answers) == ["EnteredByLink"] + ["LinkNotValid"] * 9
    assert len(await stored(site, SignInSession)) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_what_opens_the_page_changes_nothing(site: Site, host: Client, initech: str, method: str) -> None:
    """A scanner, a preview or a crawler leaves the link as it was, also if it puts the code into the query."""
    url = await link(host, initech)
    address, _, code = url.partition("#")
    stranger = await site.browser()

    for target in (address, f"{address}?{code}", f"{address}/{code}", f"{PUBLIC_URL}/graphql?query={{enterByLink}}"):
        await stranger.http.request(method, target)

    assert not stranger.http.cookies
    assert (await enter(await site.browser(), url)).outcome == "EnteredByLink"


async def test_a_page_of_another_site_can_not_use_the_link(site: Site, host: Client, initech: str) -> None:
    """Its requests are refused by their origin, before the link is looked at."""
    url = await link(host, initech)
    stranger = await site.browser(origin="https://evil.example")

    answer = await enter(stranger, url)

    assert answer.response.status_code == 403
    assert (await enter(await site.browser(), url)).outcome == "EnteredByLink"


async def test_the_session_before_ends(site: Site, host: Client, initech: str) -> None:
    """Somebody else, who was signed in in this browser, is asked, and is then signed out there."""
    browser = await site.browser()
    await browser.sign_in("mel@example.com")
    before = dict(browser.http.cookies)

    url = await link(host, initech)
    asked = (await enter(browser, url)).value
    assert asked == {
        "__typename": "OtherPersonSignedIn",
        "code": "OTHER_PERSON_SIGNED_IN",
        "signedIn": {"email": "mel@example.com"},
        "user": {"email": "peter@initech.example"},
    }
    assert dict(browser.http.cookies) == before
    assert (await browser.graphql(VIEWER)).value["user"]["email"] == "mel@example.com"

    assert (await enter(browser, url, replacesSession=True)).outcome == "EnteredByLink"

    other = await site.browser(cookie="; ".join(f"{name}={value}" for name, value in before.items()))
    assert (await browser.graphql(VIEWER)).value["user"]["email"] == "peter@initech.example"
    assert (await other.graphql(VIEWER)).value is None


async def test_a_removed_member_does_not_get_in(site: Site, host: Client, initech: str) -> None:
    """Nor does a link from before the removal work, and the session that one has begun ends."""
    browser = await site.browser()
    await enter(browser, await link(host, initech))
    url = await link(host, initech)
    member = (await ensure_member(host, initech)).value["member"]["user"]["id"]

    await host.graphql(REMOVE, input={"organizationId": initech, "userId": member})

    assert (await enter(await site.browser(), url)).outcome == "LinkNotValid"
    assert (await browser.graphql(VIEWER)).value is None
    assert (await create_link(host, initech)).outcome == "InvalidInput(externalId)"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/api-keys",
        "//evil.example",
        "../api-keys",
        "api-keys/../../sign-in",
        "api-keys/",
        "https://evil.example",
        "javascript:alert(1)",
        "api-keys\\..",
        "api-keys#x",
        "api-keys\n",
        "%2e%2e/x",
        "a" * 256,
    ],
)
async def test_a_path_that_leaves_the_organization_is_refused(host: Client, initech: str, path: str) -> None:
    """Only paths of the console below the organization, whatever a browser makes of them."""
    assert (await create_link(host, initech, path=path)).outcome == "InvalidInput(path)"


@pytest.mark.parametrize("path", ["api-keys", "api-keys/key_0123/usage", "people", "api-keys?agent=agt_01&new=1"])
async def test_paths_of_the_console(site: Site, host: Client, initech: str, path: str) -> None:
    """They arrive as they were sent."""
    assert (await enter(await site.browser(), await link(host, initech, path=path))).value["path"] == path


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        (HOST_ORIGIN, True),
        (BACK, True),
        (f"{HOST_ORIGIN}?x=1", True),
        ("http://127.0.0.1:3000/", True),
        ("", False),
        ("/settings", False),
        ("//product.example", False),
        ("http://product.example/", False),
        (f"{HOST_ORIGIN}.evil.example/", False),
        (f"{HOST_ORIGIN}:8443/", False),
        (f"{HOST_ORIGIN}@evil.example/", False),
        (f"https://evil.example/{HOST_ORIGIN}", False),
        (f"{HOST_ORIGIN}\\@evil.example", False),
        (f"{HOST_ORIGIN}/\n", False),
        (f" {HOST_ORIGIN}/", False),
        (f"{HOST_ORIGIN}/ä", False),
        ("javascript:alert(1)//https://product.example", False),
        (f"{HOST_ORIGIN}/" + "a" * 2048, False),
    ],
)
async def test_the_way_back_leads_to_a_host_product(host: Client, initech: str, url: str, is_taken: bool) -> None:
    """To no other address, however it is written."""
    answer = await create_link(host, initech, returnUrl=url)

    assert answer.outcome == ("SignInLinkCreated" if is_taken else "InvalidInput(returnUrl)")


async def test_only_members_by_their_host_product_s_id(site: Site, host: Client, initech: str) -> None:
    """Nobody else of the installation: not by their address, and not a member of another organization."""
    acme = site.organization("acme")

    answers = [
        await create_link(host, initech, "samir@initech.example"),
        await create_link(host, initech, "nobody"),
        await create_link(host, acme, "user-1"),
    ]

    assert [each.outcome for each in answers] == ["InvalidInput(externalId)"] * 3
    assert (await create_link(host, site.organization("nobody"))).outcome == "NOT_FOUND"


@pytest.mark.parametrize("name", ["ada", "admin token", "provisioning token"])
async def test_only_programs_with_the_right_make_links(site: Site, host: Client, initech: str, name: str) -> None:
    """Nobody else, for their own organization either."""
    await ensure_member(host, site.organization("acme"), "user-3", email="milton@initech.example")
    client = await site.person(name) if name == "ada" else await program(site, name)

    assert (await create_link(client, site.organization("acme"), "user-3")).outcome == "FORBIDDEN"


async def test_a_program_does_not_use_links(host: Client, initech: str) -> None:
    """They are for browsers."""
    assert (await enter(host, await link(host, initech))).outcome == "FORBIDDEN"


async def test_sign_ins_are_in_the_audit_log_once_an_hour(site: Site, host: Client, initech: str, clock: Clock) -> None:
    """One event for each person and hour."""
    for who in ("user-1", "user-1", "user-2"):
        await enter(await site.browser(), await link(host, initech, who))
    clock.advance(hours=1)
    await enter(await site.browser(), await link(host, initech))

    async with site.database.reading() as session:
        statement = select(AuditEvent.summary).where(col(AuditEvent.action) == AuditAction.MEMBER_SIGNED_IN)
        summaries = (await session.execute(statement.order_by(col(AuditEvent.id)))).scalars().all()
    assert summaries == [
        "Peter (peter@initech.example) signed in by a link that the token “operator token” made.",
        "Samir (samir@initech.example) signed in by a link that the token “operator token” made.",
        "Peter (peter@initech.example) signed in by a link that the token “operator token” made.",
    ]


async def test_the_session_changes_no_password(site: Site, host: Client, initech: str) -> None:
    """Whoever may be signed in by a link must not be able to keep the account."""
    browser = await site.browser()
    await enter(browser, await link(host, initech))

    answer = await browser.graphql(CHANGE_PASSWORD, current=PASSWORD, new="a password of one's own")

    assert answer.outcome == "FORBIDDEN"


async def test_expired_links_are_deleted(site: Site, host: Client, initech: str, clock: Clock) -> None:
    """By the round that deletes old rows."""
    await link(host, initech)
    clock.advance(seconds=61)
    await link(host, initech)

    await drop_expired(site.database, now=clock.now)

    assert len(await stored(site, SignInLink)) == 1


async def test_a_revoked_token_takes_its_links_and_sessions_along(site: Site, host: Client, initech: str) -> None:
    """Whoever had it can't go on, not even in a browser; other programs' links and sessions stay."""
    other = await program(site, "sign-in token")
    kept, ended = await site.browser(), await site.browser()
    await enter(kept, await link(other, initech))
    await enter(ended, await link(host, initech))
    unused, unused_of_other = await link(host, initech, "user-2"), await link(other, initech, "user-2")
    [row] = [each for each in await stored(site, ProgramToken) if each.name == "operator token"]

    async with site.database.transaction() as session:
        await revoke_token(session, external_id(Prefix.TOKEN, row.id), now=site.app._clock())

    assert [(await each.graphql(VIEWER)).value is None for each in (kept, ended)] == [False, True]
    assert (await enter(await site.browser(), unused)).outcome == "LinkNotValid"
    assert (await enter(await site.browser(), unused_of_other)).outcome == "EnteredByLink"


async def test_a_link_that_was_made_while_its_token_was_revoked_is_not_valid(
    site: Site, host: Client, initech: str
) -> None:
    """It may have been stored after the revocation deleted the others."""
    url = await link(host, initech)
    async with site.database.transaction() as session:
        await session.execute(update(ProgramToken).values(revoked_at=site.app._clock()))

    assert (await enter(await site.browser(), url)).outcome == "LinkNotValid"


async def test_sign_ins_of_different_kinds_have_their_own_events(site: Site, host: Client, initech: str) -> None:
    """Within an hour: by the links of one token, by those of another, and by the identity provider."""
    other = await program(site, "sign-in token")
    for client in (host, other, host):
        await enter(await site.browser(), await link(client, initech))
    async with site.database.transaction() as session:
        [peter] = [each for each in await stored(site, Person) if each.name == "Peter"]
        await record_sign_in(
            session,
            Actor(peter.id),
            NamedPerson(peter.id, peter.email, peter.name),
            "by Okta",
            kind="provider",
            organization_ids=[parse_external_id(Prefix.ORGANIZATION, initech) or NO_SUCH_ID],
            now=site.app._clock(),
        )

    events = [each for each in await stored(site, AuditEvent) if each.action == AuditAction.MEMBER_SIGNED_IN]
    assert [(each.summary, each.count) for each in sorted(events, key=lambda each: each.id)] == [
        ("Peter (peter@initech.example) signed in by a link that the token “operator token” made.", 2),
        ("Peter (peter@initech.example) signed in by a link that the token “sign-in token” made.", 1),
        ("Peter (peter@initech.example) signed in by Okta.", 1),
    ]


async def test_the_same_person_is_not_asked(site: Site, host: Client, initech: str) -> None:
    """Whoever comes by a second link of theirs goes on, and so does somebody whose session has ended."""
    browser = await site.browser()
    await enter(browser, await link(host, initech))

    assert (await enter(browser, await link(host, initech))).outcome == "EnteredByLink"

    await browser.graphql("mutation { signOut }")
    assert (await enter(browser, await link(host, initech, "user-2"))).outcome == "EnteredByLink"
    assert (await browser.graphql(VIEWER)).value["user"]["email"] == "samir@initech.example"
    assert len(await stored(site, SignInSession)) == 1


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has one writer at a time")
async def test_no_sign_in_overtakes_a_revocation(site: Site, host: Client, initech: str) -> None:
    """A link that is made after the revocation has deleted the others, but before it is committed, signs nobody in."""
    [row] = [each for each in await stored(site, ProgramToken) if each.name == "operator token"]
    browser = await site.browser()

    async with site.database.transaction() as session:
        await revoke_token(session, external_id(Prefix.TOKEN, row.id), now=site.app._clock())
        url = await link(host, initech)
        entering = asyncio.create_task(enter(browser, url))
        await asyncio.sleep(0.3)  # without the lock, it would be in by now

    assert (await entering).outcome == "LinkNotValid"
    assert await stored(site, SignInSession) == []
