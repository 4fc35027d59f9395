"""GraphQL types of what the operator's programs see and make: organizations, and the results of provisioning."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.field import StrawberryField

from keys.key_limit import Allowance
from models.engine.ids import Prefix, external_id
from models.organization import Organization as OrganizationRow
from resolvers.provisioning import sign_in_links
from resolvers.provisioning.organizations import OrganizationPage
from schema.api_key import Agent
from schema.audit import PageInfo
from schema.context import Info
from schema.interfaces import Refusal
from schema.members import Member
from schema.organization import KeyAllowance, User, to_allowance, to_user
from schema.refusals import InvalidInput, LinkNotValid
from schema.viewer import Viewer


@strawberry.type(description="An organization as the operator's programs see it.")
class OrganizationRecord:
    id: strawberry.ID
    external_id: str | None = strawberry.field(
        description="The id that the host product gave it. Null if it was created on the command line."
    )
    name: str
    key_allowance: KeyAllowance
    rate_limit: int = strawberry.field(description="Requests a minute for each key.")
    monthly_quota: int = strawberry.field(description="Requests a calendar month for each key.")
    created_at: datetime


@strawberry.type
class OrganizationRecordEdge:
    cursor: str
    node: OrganizationRecord


@strawberry.type(description="A page of organizations, oldest first.")
class OrganizationRecordConnection:
    edges: list[OrganizationRecordEdge]
    page_info: PageInfo


@strawberry.type(description="The organization has these values now.")
class OrganizationEnsured:
    organization: OrganizationRecord
    created: bool = strawberry.field(description="False if there was an organization with this external id before.")


@strawberry.type(description="The organization, its agents and its keys are deleted.")
class OrganizationDeleted:
    organization: OrganizationRecord
    deleted_key_count: int


@strawberry.type(description="The agent has this name now.")
class AgentEnsured:
    agent: Agent
    created: bool = strawberry.field(description="False if there was an agent with this external id before.")


@strawberry.type(description="The person is in the organization, with these values.")
class MemberEnsured:
    member: Member
    created: bool = strawberry.field(description="False if the person was in the organization before.")


@strawberry.type(description="A link that signs a member in, once.")
class SignInLinkCreated:
    url: str = strawberry.field(
        description="Has its one-time code in the fragment. Its session sees this organization only."
    )
    expires_at: datetime


@strawberry.type(description="The person is signed in, to the organization of the link only.")
class EnteredByLink:
    viewer: Viewer
    organization_id: strawberry.ID
    path: str = strawberry.field(description="Where to go: a path of the console below the organization.")


@strawberry.type(
    description=(
        "Somebody else is signed in in this browser. The link was not used: send its code with replacesSession if "
        "their session may end."
    )
)
class OtherPersonSignedIn(Refusal):
    code: str = "OTHER_PERSON_SIGNED_IN"
    signed_in: User
    user: User = strawberry.field(description="Whom the link is for.")


class ShowOtherPersonSignedIn(strawberry.ExceptionHandler[sign_in_links.OtherPersonSignedIn, OtherPersonSignedIn]):
    def handle(
        self, exception: sign_in_links.OtherPersonSignedIn, *, field: StrawberryField, info: Info
    ) -> OtherPersonSignedIn:
        return OtherPersonSignedIn(
            message=exception.message, signed_in=to_user(exception.signed_in), user=to_user(exception.person)
        )


EnsureOrganizationResult = Annotated[OrganizationEnsured | InvalidInput, strawberry.union("EnsureOrganizationResult")]
DeleteOrganizationResult = Annotated[OrganizationDeleted | InvalidInput, strawberry.union("DeleteOrganizationResult")]
EnsureAgentResult = Annotated[AgentEnsured | InvalidInput, strawberry.union("EnsureAgentResult")]
EnsureMemberResult = Annotated[MemberEnsured | InvalidInput, strawberry.union("EnsureMemberResult")]
CreateSignInLinkResult = Annotated[SignInLinkCreated | InvalidInput, strawberry.union("CreateSignInLinkResult")]
EnterByLinkResult = Annotated[EnteredByLink | OtherPersonSignedIn | LinkNotValid, strawberry.union("EnterByLinkResult")]


def to_organization_record(row: OrganizationRow) -> OrganizationRecord:
    """Converts an organization to the GraphQL type."""
    return OrganizationRecord(
        id=strawberry.ID(external_id(Prefix.ORGANIZATION, row.id)),
        external_id=row.external_id,
        name=row.name,
        key_allowance=to_allowance(Allowance(row.live_key_count, row.key_limit)),
        rate_limit=row.rate_limit,
        monthly_quota=row.monthly_quota,
        created_at=row.created_at,
    )


def to_organization_connection(page: OrganizationPage) -> OrganizationRecordConnection:
    """Converts a page of organizations."""
    nodes = [to_organization_record(each) for each in page.organizations]
    return OrganizationRecordConnection(
        edges=[OrganizationRecordEdge(cursor=each.id, node=each) for each in nodes],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=nodes[0].id if nodes else None,
            end_cursor=nodes[-1].id if nodes else None,
        ),
    )
