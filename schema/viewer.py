"""GraphQL types of the signed-in person and of their organizations, whose fields load what the person may see."""

from uuid import UUID

import strawberry

from keys.key_limit import Allowance
from models.engine.ids import Prefix, external_id, parse_external_id
from models.engine.slices import in_slices
from models.person import MembershipRecord
from resolvers import api_keys, audit, conversations, invitations, key_requests, members, organizations
from resolvers.assistant import worth_asking
from resolvers.notifications import settings as notification_settings
from resolvers.tokens import service_tokens
from resolvers.viewer import SignedIn as SignedInPerson
from schema.api_key import Agent, ApiKey, to_agents, to_api_key
from schema.ask import asker
from schema.audit import AuditEventConnection, AuditLogFilter, to_connection, to_filter
from schema.context import Info
from schema.interfaces import Node
from schema.key_request import KeyRequest, to_key_request
from schema.members import Invitation, Member, to_invitation, to_member
from schema.notifications.types import NotificationSettings, to_notification_settings
from schema.organization import KeyAllowance, Role, User, to_allowance, to_users
from schema.permissions import SignedIn
from schema.support import Conversation, SuggestedReply, to_conversation, to_replies
from schema.tokens.types import ServiceToken, to_service_token


@strawberry.type(description="An organization has agents, people and API keys.")
class Organization(Node):
    internal_id: strawberry.Private[UUID]
    id: strawberry.ID
    name: str
    viewer_role: Role
    key_allowance: KeyAllowance = strawberry.field(
        description="How many key slots are taken, by keys of both scopes, including keys that the viewer can't see."
    )

    allows_assistant_model: bool = strawberry.field(
        description=(
            "Whether a model of the operator, if there is one, may choose among the readings of messages that the "
            "assistant is not sure about. Organization admins can change it: changeOrganization."
        )
    )

    @strawberry.field(description="The organization's admins, so that every viewer can see whom to ask.")
    async def admins(self, info: Info) -> list[User]:
        async with info.context.services.database.reading() as session:
            people = await organizations.admins(session, info.context.actor, organization_id=self.internal_id)
        return to_users(people)

    @strawberry.field(
        description=(
            "The agents that the viewer can create keys for: all of them for an organization admin, those administered "
            "for an agent admin, none for a member."
        )
    )
    async def agents(self, info: Info) -> list[Agent]:
        async with info.context.services.database.reading() as session:
            rows = await organizations.agents(session, info.context.actor, organization_id=self.internal_id)
        return to_agents(rows, self.internal_id)

    @strawberry.field(
        description=(
            "The keys that the viewer is allowed to see, newest first: all for an organization admin, those of the "
            "agents administered for an agent admin, none for a member. The 100 newest deleted ones when asked for. "
            "search matches the name or the hint, ignoring case."
        )
    )
    async def api_keys(
        self,
        info: Info,
        include_deleted: bool = False,
        agent_id: strawberry.ID | None = None,
        search: str | None = None,
    ) -> list[ApiKey]:
        context = info.context
        only_agent = None if agent_id is None else parse_external_id(Prefix.AGENT, agent_id)
        if agent_id is not None and only_agent is None:
            return []
        actor, now = context.actor, context.services.clock()
        records = await api_keys.api_keys(
            context.reader,
            actor,
            organization_id=self.internal_id,
            include_deleted=include_deleted,
            agent_id=only_agent,
            search=search,
        )
        return await in_slices(lambda record: to_api_key(record, actor, now), records)

    @strawberry.field(
        description=(
            "The events of the organization's keys, newest first. Organization admins see everything, agent admins "
            "the events of their agents' keys, members nothing."
        )
    )
    async def audit_log(
        self, info: Info, first: int = 50, after: str | None = None, filter: AuditLogFilter | None = None
    ) -> AuditEventConnection:
        context = info.context
        async with context.services.database.reading() as session:
            page = await audit.audit_log(
                session,
                context.actor,
                organization_id=self.internal_id,
                first=first,
                after=after,
                wanted=to_filter(filter),
            )
        return to_connection(page, context.actor, context.services.clock())

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Suggested questions for the assistant, from the organization's current state: 'Why does deploy get 401?' "
            "only if it does. language is a BCP 47 tag, as in AskAssistantInput; English without it."
        ),
    )
    async def assistant_starters(self, info: Info, language: str | None = None) -> list[SuggestedReply]:
        context = info.context
        return to_replies(await worth_asking(context.assistant, asker(context, self.id), language))

    @strawberry.field(
        permission_classes=[SignedIn],
        description="The viewer's own conversations in this organization, newest first; before continues after a page.",
    )
    async def conversations(
        self, info: Info, first: int = 20, before: strawberry.ID | None = None
    ) -> list[Conversation]:
        context = info.context
        records = await conversations.conversations(
            context.reader, context.actor, self.internal_id, first=first, before=before
        )
        return [to_conversation(each) for each in records]

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Everybody in the organization, by name. search matches the name or the e-mail address, ignoring case. For "
            "organization admins; empty for others."
        ),
    )
    async def members(self, info: Info, search: str | None = None) -> list[Member]:
        context = info.context
        found = await members.members(context.reader, context.actor, organization_id=self.internal_id, search=search)
        return await in_slices(lambda record: to_member(record, context.actor), found)

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Invitations that were not accepted or revoked, newest first, expired ones too. For organization admins; "
            "empty for others."
        ),
    )
    async def invitations(self, info: Info) -> list[Invitation]:
        context = info.context
        found = await invitations.invitations(context.reader, context.actor, organization_id=self.internal_id)
        return [to_invitation(each) for each in found]

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Requests for API keys that nobody has dealt with, the 50 newest, newest first. For organization admins; "
            "empty for others."
        ),
    )
    async def key_requests(self, info: Info) -> list[KeyRequest]:
        context = info.context
        found = await key_requests.key_requests(context.reader, context.actor, organization_id=self.internal_id)
        return [to_key_request(each) for each in found]

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Service tokens, newest first: those that work, and those that expired or were revoked in the last 90 "
            "days, the 100 newest. For organization admins; empty for others."
        ),
    )
    async def service_tokens(self, info: Info) -> list[ServiceToken]:
        context, now = info.context, info.context.services.clock()
        found = await service_tokens.service_tokens(
            context.reader, context.actor, organization_id=self.internal_id, now=now
        )
        return [to_service_token(each) for each in found]

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Who is mailed about what, and what happens to a key that somebody found in public. For organization "
            "admins; null for others."
        ),
    )
    async def notifications(self, info: Info) -> NotificationSettings | None:
        context = info.context
        async with context.services.database.reading() as session:
            chosen = await notification_settings.notifications(session, context.actor, organization_id=self.internal_id)
        return None if chosen is None else to_notification_settings(chosen, is_mail_set_up=context.people.sends_mail)


@strawberry.type(description="The signed-in person.")
class Viewer:
    user: User
    password_change_required: bool = strawberry.field(
        description=(
            "True after signing in with a one-time password: until changePassword or resetPassword, organizations is "
            "empty, and everything but viewer, supportEmail, signInMethods, invitation, signIn, signOut, "
            "changePassword, acceptInvitation, requestPasswordReset and resetPassword answers PASSWORD_CHANGE_REQUIRED."
        )
    )
    organizations: list[Organization]
    return_url: str | None = strawberry.field(
        description=(
            "Where to go back to, in a session that a host product began by a sign-in link with returnUrl. Such a "
            "session sees one organization only."
        )
    )
    is_visit: bool = strawberry.field(
        description="Whether a host product began the session. It sees one organization, and changes no password."
    )


def to_viewer(signed_in: SignedInPerson) -> Viewer:
    person = signed_in.person
    shown = [] if signed_in.password_change_required else signed_in.memberships
    return Viewer(
        user=User(id=strawberry.ID(external_id(Prefix.PERSON, person.id)), email=person.email, name=person.name),
        password_change_required=signed_in.password_change_required,
        organizations=[to_organization(membership) for membership in shown],
        return_url=None if signed_in.host_visit is None else signed_in.host_visit.return_url,
        is_visit=signed_in.host_visit is not None,
    )


def to_organization(membership: MembershipRecord) -> Organization:
    row = membership.organization
    return Organization(
        internal_id=row.id,
        id=strawberry.ID(external_id(Prefix.ORGANIZATION, row.id)),
        name=row.name,
        viewer_role=Role(membership.role),
        key_allowance=to_allowance(Allowance(row.live_key_count, row.key_limit)),
        allows_assistant_model=row.allows_assistant_model,
    )
