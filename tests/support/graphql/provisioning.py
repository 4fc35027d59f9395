"""GraphQL documents of a host product's programs, and of the page that its links lead to."""

from typing import Any

from tests.support.client import Answer, Client

_INVALID = "... on InvalidInput { field message }"
ORGANIZATION = "id externalId name keyAllowance { used limit } rateLimit monthlyQuota createdAt"
ENSURE_ORGANIZATION = f"""mutation ($input: EnsureOrganizationInput!) {{ ensureOrganization(input: $input) {{
  __typename ... on OrganizationEnsured {{ created organization {{ {ORGANIZATION} }} }} {_INVALID} }} }}"""
DELETE_ORGANIZATION = f"""mutation ($input: DeleteOrganizationInput!) {{ deleteOrganization(input: $input) {{
  __typename ... on OrganizationDeleted {{ deletedKeyCount organization {{ {ORGANIZATION} }} }} {_INVALID} }} }}"""
ENSURE_AGENT = f"""mutation ($input: EnsureAgentInput!) {{ ensureAgent(input: $input) {{
  __typename ... on AgentEnsured {{ created agent {{ id name externalId }} }} {_INVALID} }} }}"""
ENSURE_MEMBER = f"""mutation ($input: EnsureMemberInput!) {{ ensureMember(input: $input) {{
  __typename ... on MemberEnsured {{ created member {{
    externalId role user {{ id email name }} agents {{ id }} lastSignedInAt keysSeen {{ id }} viewerCanManage }} }}
  {_INVALID} }} }}"""
CREATE_LINK = f"""mutation ($input: CreateSignInLinkInput!) {{ createSignInLink(input: $input) {{
  __typename ... on SignInLinkCreated {{ url expiresAt }} {_INVALID} }} }}"""
ENTER = """mutation ($input: EnterByLinkInput!) { enterByLink(input: $input) {
  __typename ... on LinkNotValid { message }
  ... on OtherPersonSignedIn { code signedIn { email } user { email } }
  ... on EnteredByLink { organizationId path viewer { user { email } organizations { id } returnUrl isVisit } } } }"""
DELETE_AGENT = "mutation ($input: DeleteAgentInput!) { deleteAgent(input: $input) { __typename } }"
REMOVE = "mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"
ORGANIZATIONS = f"""query ($externalId: String, $first: Int = 50, $after: String) {{
  organizations(externalId: $externalId, first: $first, after: $after) {{
    edges {{ cursor node {{ {ORGANIZATION} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""


async def ensure_organization(client: Client, external_id: str = "org-1", name: str = "Initech", **more: Any) -> Answer:
    """Sends ensureOrganization."""
    return await client.graphql(ENSURE_ORGANIZATION, input={"externalId": external_id, "name": name, **more})


async def ensure_agent(client: Client, organization_id: str, external_id: str = "bot", name: str = "Bot") -> Answer:
    """Sends ensureAgent."""
    wanted = {"organizationId": organization_id, "externalId": external_id, "name": name}
    return await client.graphql(ENSURE_AGENT, input=wanted)


async def ensure_member(client: Client, organization_id: str, external_id: str = "user-1", **changed: Any) -> Answer:
    """Sends ensureMember, for a member called Peter unless something else is given."""
    wanted = {"email": "peter@initech.example", "name": "Peter", "role": "MEMBER", **changed}
    return await client.graphql(
        ENSURE_MEMBER, input={"organizationId": organization_id, "externalId": external_id, **wanted}
    )


async def create_link(client: Client, organization_id: str, external_id: str = "user-1", **more: Any) -> Answer:
    """Sends createSignInLink."""
    wanted = {"organizationId": organization_id, "externalId": external_id, **more}
    return await client.graphql(CREATE_LINK, input=wanted)


async def enter(client: Client, url: str, **more: Any) -> Answer:
    """Sends what the page does that the link leads to."""
    return await client.graphql(ENTER, input={"token": url.partition("#")[2], **more})
