"""
Links by which a host product signs a member in: made by its program, used by the member's browser.

A link is good for a minute and once. Its session sees one organization, and knows the way back to the host product.
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.host_ids import valid_host_id_or_none
from keys.policy import Action, Actor
from keys.refusals import InvalidInput, LinkNotValid, NotFound, Refusal
from keys.sign_in import sessions
from keys.sign_in.links import TOKEN_LENGTH, Page, link_digest
from keys.token import Secret
from models.organization import live_organization
from models.person import NamedPerson, membership, person_by_external_id, person_for_update
from models.sign_in_link import (
    PATH_LENGTH_AT_MOST,
    RETURN_URL_LENGTH_AT_MOST,
    SignInLink,
    sign_in_link,
    use_up_link,
)
from models.tokens.program_token import unrevoked_token
from resolvers.accept_invitation import Browser
from resolvers.audit import record_sign_in
from resolvers.provisioning.rights import require_current_right
from resolvers.services import PeopleServices
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.viewer import HostVisit, SignIn, begun_sign_in, store_session

LIFETIME = timedelta(seconds=60)
DEFAULT_PATH = "api-keys"
_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_.~%=&-]*)?")
"""Segments without dots, colons, backslashes and empty names: it stays below the organization in every browser."""
_URL_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""ASCII without white space, quotes, angle brackets and backslashes, which browsers change or drop."""
BAD_PATH = "Use a path of the console below the organization, such as api-keys, without a slash at the beginning."
NO_SUCH_MEMBER = "No member of this organization has this external id. Call ensureMember first."
BAD_RETURN_URL = (
    "Use an address of your product that begins with one of the origins in KEYDESK_RETURN_ORIGINS, which the operator "
    "of Keydesk sets."
)


@dataclass(frozen=True, slots=True)
class CreatedLink:
    """A link with its one-time code, which is shown only this once, and when it ends."""

    url: Secret
    expires_at: datetime


@dataclass(eq=False)
class OtherPersonSignedIn(Refusal):
    """Somebody else is signed in in this browser, who has not agreed that their session ends. The link can be used."""

    signed_in: NamedPerson
    person: NamedPerson
    """Whom the link is for."""
    message: str = "Somebody else is signed in here. If their session may end, send the code with replacesSession."


@dataclass(frozen=True, slots=True)
class Entered:
    """A sign-in by a link, and the path of the console where the person wants to arrive."""

    sign_in: SignIn
    organization_id: UUID
    path: str


async def create_sign_in_link(
    services: PeopleServices,
    actor: Actor,
    *,
    organization_id: UUID,
    external_id: str,
    path: str,
    return_url: str | None,
) -> CreatedLink:
    """
    A link that signs the member with this id of the host product in to this organization.

    Raises Forbidden, NotFound, InvalidInput.
    """
    policy.require_right(actor, Action.SIGN_PEOPLE_IN)
    path = _valid_path(path)
    if return_url is not None and not is_return_url(return_url, services.return_origins):
        raise InvalidInput("returnUrl", BAD_RETURN_URL)
    code = Secret(secrets.token_hex(TOKEN_LENGTH // 2))
    digest = link_digest(code.reveal())
    if digest is None:
        raise LookupError("a code that was made here does not have the form of one")
    async with services.database.transaction() as session:
        await require_current_right(session, actor, Action.SIGN_PEOPLE_IN, now=services.clock())
        if await live_organization(session, organization_id) is None:
            raise NotFound
        host_id = valid_host_id_or_none(external_id)
        known = None if host_id is None else await person_by_external_id(session, host_id)
        # Locked: whoever ends the host product's hold on the account deletes its links.
        person = None if known is None else await person_for_update(session, known.id)
        if person is None or person.external_id != host_id:
            raise InvalidInput("externalId", NO_SUCH_MEMBER)
        if await membership(session, organization_id, person.id) is None:
            raise InvalidInput("externalId", NO_SUCH_MEMBER)
        expires_at = services.clock() + LIFETIME
        session.add(
            SignInLink(
                organization_id=organization_id,
                person_id=person.id,
                path=path,
                return_url=return_url,
                expires_at=expires_at,
                link_digest=digest,
                token_id=actor.token_id,
            )
        )
    return CreatedLink(services.links.address(Page.ENTER, code), expires_at)


async def enter(
    checker: PasswordChecker, browser: Browser, *, token: str, replaces_session: bool, now: datetime
) -> Entered:
    """
    Uses up the link and signs its person in. The session that the browser had before ends: another person's only if it
    may be replaced. A page that somebody is lured to could otherwise sign them in as its author, unnoticed.

    Raises OtherPersonSignedIn, and LinkNotValid, also for somebody who is no longer in the organization, and if the
    link's token was revoked.
    """
    digest = link_digest(token)
    if digest is None:
        raise LinkNotValid
    secret, session_digest = sessions.new_token(is_visit=True)
    async with checker.database.transaction() as session:
        link = await sign_in_link(session, digest)
        # The person's row first: a removal of the person locks it too, and then deletes their links and sessions.
        person = None if link is None else await person_for_update(session, link.person_id)
        if link is None or person is None or link.expires_at <= now or not await _is_member(session, link):
            raise LinkNotValid
        # Its row stays locked: a revocation waits, and then ends the session.
        made_by = None if link.token_id is None else await unrevoked_token(session, link.token_id)
        if link.token_id is not None and made_by is None:
            raise LinkNotValid
        named = NamedPerson(person.id, person.email, person.name)
        before = browser.signed_in
        if before is not None and before.person.id != person.id and not replaces_session:
            raise OtherPersonSignedIn(before.person, named)
        if not await use_up_link(session, link.id):
            raise LinkNotValid
        await record_sign_in(
            session,
            Actor(person.id, address=browser.address),
            named,
            "by a link of the host product" if made_by is None else f"by a link that the token “{made_by.name}” made",
            kind="link" if link.token_id is None else f"link-{link.token_id.hex}",
            organization_ids=[link.organization_id],
            now=now,
        )
        host_visit = HostVisit(link.organization_id, link.return_url, link.token_id)
        await store_session(session, person, session_digest, browser.token, now=now, host_visit=host_visit)
        email, organization_id, path = person.email, link.organization_id, link.path
    begun = await begun_sign_in(
        checker, email, secret, address=browser.address, device_cookie=browser.device_cookie, now=now
    )
    if begun is None:
        raise LinkNotValid
    return Entered(begun, organization_id, path)


def is_return_url(url: str, origins: Collection[str]) -> bool:
    """
    Whether the URL is an address of one of these origins.

    It must begin with the origin as it is written there, and have only characters that no browser reads in another way.
    """
    if len(url) > RETURN_URL_LENGTH_AT_MOST or not _URL_CHARACTERS.fullmatch(url):
        return False
    return any(url == each or url.startswith((f"{each}/", f"{each}?", f"{each}#")) for each in origins)


def _valid_path(path: str) -> str:
    if len(path) > PATH_LENGTH_AT_MOST or not _PATH.fullmatch(path):
        raise InvalidInput("path", BAD_PATH)
    return path


async def _is_member(session: AsyncSession, link: SignInLink) -> bool:
    if await live_organization(session, link.organization_id) is None:
        return False
    return await membership(session, link.organization_id, link.person_id) is not None
