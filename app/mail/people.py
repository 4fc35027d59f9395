"""Makes the mails to people: invitations, links that reset passwords, and requests for keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.mail.letter import Foreign, Letter, Paragraph, Part, Sender, mail_of
from keys.policy import ROLE_WORDS
from keys.sign_in.links import Links, Page
from keys.token import Secret
from models.agent import NamedAgent
from models.engine.ids import Prefix, external_id
from models.invitation import Invitation, InvitationRecord, invitation_by_id, invitation_record
from models.key_request import KeyRequest, KeyRequestRecord, open_request
from models.mailed import Mailed
from models.password_reset import PasswordReset
from models.person import Person, admins_of, person_by_id
from resolvers.password_resets import LIFETIME
from resolvers.services import Clock

AGENTS_NAMED_AT_MOST = 10
RECIPIENTS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class InvitationMails:
    """Invitations, mailed to the invited address."""

    links: Links
    sender: Sender
    clock: Clock
    table: type[Mailed] = Invitation
    prefix: Prefix = Prefix.INVITATION

    async def mail(self, session: AsyncSession, row_id: UUID) -> EmailMessage | None:
        """The invitation's mail; None if it was revoked or has expired. Raises LinkLost."""
        row = await invitation_by_id(session, row_id)
        shown = await invitation_record(session, row_id)
        if row is None or shown is None or row.expires_at <= self.clock():
            return None
        link = _link(self.links, Page.INVITATION, row.id, row.link_nonce, row.link_digest)
        return mail_of(
            _invitation(shown, link, self.sender.brand),
            self.sender,
            [shown.email],
            # A new link makes another mail; the same one again is recognized by its id.
            message_id=f"{external_id(self.prefix, row_id)}.{row.link_digest[:16]}",
            at=row.link_made_at,
        )


@dataclass(frozen=True, slots=True)
class PasswordResetMails:
    """Links that reset a password, mailed to the person's address."""

    links: Links
    sender: Sender
    clock: Clock
    table: type[Mailed] = PasswordReset
    prefix: Prefix = Prefix.PASSWORD_RESET

    async def mail(self, session: AsyncSession, row_id: UUID) -> EmailMessage | None:
        """The mail; None if the link has expired, or was used, or another one was. Raises LinkLost."""
        row = await session.get(PasswordReset, row_id)
        person = None if row is None or row.person_id is None else await person_by_id(session, row.person_id)
        if row is None or person is None or row.used_at is not None or row.created_at + LIFETIME <= self.clock():
            return None
        link = _link(self.links, Page.RESET_PASSWORD, row.id, row.link_nonce, row.link_digest)
        return mail_of(
            _password_reset(person, link, row.created_at + LIFETIME, self.sender.brand),
            self.sender,
            [person.email],
            message_id=external_id(self.prefix, row_id),
            at=row.created_at,
        )


@dataclass(frozen=True, slots=True)
class KeyRequestMails:
    """Requests for keys, mailed to the organization's admins."""

    public_url: str
    sender: Sender
    table: type[Mailed] = KeyRequest
    prefix: Prefix = Prefix.KEY_REQUEST

    async def mail(self, session: AsyncSession, row_id: UUID) -> EmailMessage | None:
        """The mail; None if an admin has dealt with the request."""
        shown = await open_request(session, row_id)
        if shown is None:
            return None
        admins = await admins_of(session, shown.organization_id)
        organization = external_id(Prefix.ORGANIZATION, shown.organization_id)
        request = external_id(self.prefix, shown.id)
        link = Secret(f"{self.public_url}/organizations/{organization}/api-keys?request={request}")
        return mail_of(
            _key_request(shown, link),
            self.sender,
            [admin.email for admin in admins[:RECIPIENTS_AT_MOST]],
            message_id=request,
            at=shown.created_at,
        )


class LinkLost(ValueError):
    """The link of a mail was made with a server key that is gone. Sending the invitation again makes a new one."""


def _link(links: Links, page: Page, row_id: UUID, nonce: str, digest: str) -> Secret:
    token = links.find(page, row_id, nonce, digest)
    if token is None:
        raise LinkLost
    return links.address(page, token)


def _invitation(shown: InvitationRecord, link: Secret, brand: str) -> Letter:
    organization = Foreign(shown.organization_name)
    inviter: Sequence[Part] = (
        ["You are invited"]
        if shown.invited_by is None
        else [Foreign(shown.invited_by.name), " (", Foreign(shown.invited_by.email, is_address=True), ") invites you"]
    )
    subject: Paragraph = (
        ["Invitation to ", organization]
        if shown.invited_by is None
        else [Foreign(shown.invited_by.name), " invites you to ", organization]
    )
    role = ROLE_WORDS[shown.role]
    article = "an" if role[0] in "aeiou" else "a"
    return Letter(
        subject=subject,
        before=[
            ["Hello,"],
            [*inviter, " to the organization ", organization, f" in {brand}, as {article} {role}."],
            *([["You will administer: ", *_names(shown.agents), "."]] if shown.agents else []),
        ],
        button="Accept the invitation",
        link=link,
        after=[
            [
                f"The link works once, until {_minute(shown.expires_at)}, and only together with the address ",
                Foreign(shown.email, is_address=True),
                ".",
            ],
            ["If you did not expect this mail, ignore it: nothing happens until you accept."],
        ],
    )


def _password_reset(person: Person, link: Secret, expires_at: datetime, brand: str) -> Letter:
    return Letter(
        subject=[f"Choose a new password for {brand}"],
        before=[
            ["Hello ", Foreign(person.name), ","],
            [
                f"somebody asked for a new password for your account in {brand}: ",
                Foreign(person.email, is_address=True),
                ".",
            ],
        ],
        button="Choose a new password",
        link=link,
        after=[
            [f"The link works once, until {_minute(expires_at)}. Choosing a password signs you out everywhere else."],
            ["If it was not you, ignore this mail: your password stays as it is."],
        ],
    )


def _key_request(shown: KeyRequestRecord, link: Secret) -> Letter:
    scope: Sequence[Part] = (
        ["for the whole organization"] if shown.agent is None else ["for the agent ", Foreign(shown.agent.name)]
    )
    person = Foreign(shown.person.name)
    return Letter(
        subject=[person, " asks for an API key in ", Foreign(shown.organization_name)],
        before=[
            ["Hello,"],
            [
                person,
                " (",
                Foreign(shown.person.email, is_address=True),
                ") asks for an API key ",
                *scope,
                ", with the name ",
                Foreign(shown.name),
                ". The reason:",
            ],
        ],
        quoted=shown.reason,
        button="Open the filled-in form",
        link=link,
        after=[["Only organization admins can create it. Pass on the secret in a safe way: it is shown once."]],
    )


def _names(agents: Sequence[NamedAgent]) -> list[Part]:
    parts: list[Part] = []
    for number, agent in enumerate(agents[:AGENTS_NAMED_AT_MOST]):
        parts += [", "] if number else []
        parts.append(Foreign(agent.name))
    more = len(agents) - AGENTS_NAMED_AT_MOST
    return parts if more <= 0 else [*parts, f" and {more} more"]


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
