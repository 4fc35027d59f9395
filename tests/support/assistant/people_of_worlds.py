"""The invitations, links for passwords and requests for keys of the assistant's worlds, stored as rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import SQLModel

from keys.sign_in.links import Links, Page
from models.engine.database import Database
from models.engine.ids import new_id
from models.invitation import Invitation, InvitedAgent
from models.key_request import KeyRequest
from models.password_reset import PasswordReset
from models.person import Role
from tests.conftest import SERVER_KEYS
from tests.support.usage.rows import store
from tests.support.world import World


class Mail(msgspec.Struct, forbid_unknown_fields=True):
    """What became of a mail, such as an invitation: when it was sent, or why it was not."""

    sent_hours_ago: float | None = None
    failure: str | None = None
    given_up: bool = False
    hours_ago: float = 3
    """When it was asked for."""

    def columns(self, now: datetime) -> dict[str, Any]:
        """The columns that every kind of mail has."""
        sent_at = None if self.sent_hours_ago is None else now - timedelta(hours=self.sent_hours_ago)
        is_due = sent_at is None and not self.given_up
        return {
            "created_at": now - timedelta(hours=self.hours_ago),
            "sent_at": sent_at,
            "failure": self.failure,
            "attempts": int(sent_at is not None or self.failure is not None),
            "next_attempt_at": now + timedelta(minutes=1) if is_due else None,
        }


class Invited(Mail, forbid_unknown_fields=True):
    """An open invitation by Ada, or by Eve in Globex."""

    email: str = "tom@example.com"
    role: Role = Role.MEMBER
    agent: str | None = None
    organization: str = "acme"
    ends_in_hours: float = 69


class Reset(Mail, forbid_unknown_fields=True):
    """A link for a forgotten password."""

    person: str = "mel"


class AskedForKey(msgspec.Struct, forbid_unknown_fields=True):
    """An open request for a key."""

    person: str
    name: str
    agent: str | None = None
    organization: str = "acme"


async def store_people(
    database: Database,
    world: World,
    now: datetime,
    *,
    invitations: Sequence[Invited] = (),
    resets: Sequence[Reset] = (),
    key_requests: Sequence[AskedForKey] = (),
) -> None:
    """Stores the rows, as the operations and the outbox would."""
    rows: list[SQLModel] = []
    agents: list[SQLModel] = []
    for each in invitations:
        row_id = new_id()
        inviter = world.ada if each.organization == "acme" else world.eve
        rows.append(
            Invitation(
                id=row_id,
                organization_id=getattr(world, each.organization).id,
                email=each.email,
                role=each.role,
                invited_by_id=inviter.id,
                expires_at=now + timedelta(hours=each.ends_in_hours),
                link_made_at=now - timedelta(hours=each.hours_ago),
                **_link(Page.INVITATION, row_id),
                **each.columns(now),
            )
        )
        if each.agent is not None:
            agents.append(InvitedAgent(invitation_id=row_id, agent_id=getattr(world, each.agent).id))
    for reset in resets:
        row_id = new_id()
        person = world.people[reset.person]
        columns = {**_link(Page.RESET_PASSWORD, row_id), **reset.columns(now)}
        rows.append(
            PasswordReset(id=row_id, account=person.email, ip_address="203.0.113.7", person_id=person.id, **columns)
        )
    for asked in key_requests:
        rows.append(
            KeyRequest(
                organization_id=getattr(world, asked.organization).id,
                person_id=world.people[asked.person].id,
                agent_id=None if asked.agent is None else getattr(world, asked.agent).id,
                name=asked.name,
                reason="for tests",
                created_at=now - timedelta(hours=1),
            )
        )
    await store(database, *rows)
    await store(database, *agents)


def _link(page: Page, row_id: UUID) -> dict[str, Any]:
    link = Links(SERVER_KEYS, "https://keydesk.example.com").make(page, row_id)
    return {"link_nonce": link.nonce, "link_digest": link.digest}
