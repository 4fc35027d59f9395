"""The GraphQL documents of the management calls."""

_KEY = """
fragment Key on ApiKey {
  id name scope hint status createdAt lastUsedAt previousSecretWorksUntil
  agent { id }
}
"""
_REFUSALS = """
      ... on InvalidInput { field }
      ... on Refusal { code message }
"""

CREATE = f"""
mutation CreateApiKey($input: CreateApiKeyInput!) {{
  createApiKey(input: $input) {{
    ... on ApiKeyIssued {{ apiKey {{ ...Key }} secret }}
    ... on ApiKeyAlreadyIssued {{ apiKey {{ ...Key }} }}
    {_REFUSALS}
  }}
}}
{_KEY}"""
ROTATE = f"""
mutation RotateApiKey($input: RotateApiKeyInput!) {{
  rotateApiKey(input: $input) {{
    ... on ApiKeyIssued {{ apiKey {{ ...Key }} secret }}
    {_REFUSALS}
  }}
}}
{_KEY}"""
DELETE = f"""
mutation DeleteApiKey($input: DeleteApiKeyInput!) {{
  deleteApiKey(input: $input) {{
    ... on ApiKeyDeleted {{ apiKey {{ ...Key }} }}
    ... on Refusal {{ code message }}
  }}
}}
{_KEY}"""
LIST = f"""
query ApiKeys($organizationId: ID!, $agentId: ID, $search: String, $includeDeleted: Boolean!) {{
  organization(id: $organizationId) {{
    apiKeys(agentId: $agentId, search: $search, includeDeleted: $includeDeleted) {{ ...Key }}
  }}
}}
{_KEY}"""

_INVALID = "... on InvalidInput { field } ... on Refusal { code message }"

ENSURE_ORGANIZATION = f"""
mutation EnsureOrganization($input: EnsureOrganizationInput!) {{
  ensureOrganization(input: $input) {{ ... on OrganizationEnsured {{ created organization {{ id }} }} {_INVALID} }}
}}
"""
ENSURE_AGENT = f"""
mutation EnsureAgent($input: EnsureAgentInput!) {{
  ensureAgent(input: $input) {{ ... on AgentEnsured {{ created agent {{ id }} }} {_INVALID} }}
}}
"""
ENSURE_MEMBER = f"""
mutation EnsureMember($input: EnsureMemberInput!) {{
  ensureMember(input: $input) {{ ... on MemberEnsured {{ created member {{ user {{ id }} }} }} {_INVALID} }}
}}
"""
SIGN_IN_LINK = f"""
mutation CreateSignInLink($input: CreateSignInLinkInput!) {{
  createSignInLink(input: $input) {{ ... on SignInLinkCreated {{ url expiresAt }} {_INVALID} }}
}}
"""
REMOVE_MEMBER = """
mutation RemoveMember($input: RemoveMemberInput!) {
  removeMember(input: $input) { __typename ... on Refusal { code message } }
}
"""
DELETE_AGENT = """
mutation DeleteAgent($input: DeleteAgentInput!) {
  deleteAgent(input: $input) { __typename ... on Refusal { code message } }
}
"""
DELETE_ORGANIZATION = """
mutation DeleteOrganization($input: DeleteOrganizationInput!) {
  deleteOrganization(input: $input) { __typename ... on Refusal { code message } }
}
"""
