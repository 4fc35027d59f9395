"""GraphQL documents about service tokens."""

TOKEN_FIELDS = "id name role agents { id name } hint createdAt createdBy { email } expiresAt lastUsedAt revokedAt"
CREATE_TOKEN = (
    """
  mutation ($input: CreateServiceTokenInput!) {
    createServiceToken(input: $input) {
      __typename
      ... on ServiceTokenIssued { secret serviceToken { FIELDS } }
      ... on InvalidInput { field message code }
    }
  }
"""
).replace("FIELDS", TOKEN_FIELDS)
REVOKE_TOKEN = """
  mutation ($input: RevokeServiceTokenInput!) {
    revokeServiceToken(input: $input) {
      __typename
      ... on ServiceTokenRevoked { serviceToken { id revokedAt } }
      ... on Refusal { code message }
    }
  }
"""
TOKENS = f"query ($id: ID!) {{ organization(id: $id) {{ serviceTokens {{ {TOKEN_FIELDS} }} }} }}"
EVENTS = """
  query ($id: ID!) {
    organization(id: $id) {
      auditLog { edges { node { action actor { id } actorName serviceToken { id name } ipAddress summary count: id } } }
    }
  }
"""
TOKENS_MADE = """
  query ($id: ID!) { organization(id: $id) { members { user { email } serviceTokens { name } } } }
"""
