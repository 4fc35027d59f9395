"""GraphQL documents that many tests of the whole application use."""

KEY = """
fragment Key on ApiKey {
  id name scope status hint createdAt deletedAt previousSecretWorksUntil viewerCanManage
  agent { id name deletedAt } createdBy { id email name } deletedBy { id email name }
}
"""
SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(input: {email: $email, password: $password}) {
    __typename
    ... on Viewer { user { email } passwordChangeRequired }
    ... on SignInRefused { message retryAfterSeconds }
  }
}
"""
CHANGE_PASSWORD = """
mutation ($current: String!, $new: String!) {
  changePassword(input: {currentPassword: $current, newPassword: $new}) {
    __typename
    ... on Viewer { passwordChangeRequired organizations { name } }
    ... on InvalidInput { field message }
  }
}
"""
CREATE = (
    """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    __typename
    ... on ApiKeyIssued { secret apiKey { ...Key } }
    ... on KeyLimitReached { message keyAllowance { used limit remaining } candidates { ...Key } }
    ... on InvalidInput { field message }
  }
}
"""
    + KEY
)
RENAME = (
    """
mutation ($input: RenameApiKeyInput!) {
  renameApiKey(input: $input) {
    __typename ...Key ... on InvalidInput { field message } ... on ApiKeyNotFound { message }
  }
}
"""
    + KEY
)
ROTATE = (
    """
mutation ($input: RotateApiKeyInput!) {
  rotateApiKey(input: $input) {
    __typename
    ... on ApiKeyIssued { secret apiKey { ...Key } }
    ... on InvalidInput { field message }
    ... on ApiKeyNotFound { message }
  }
}
"""
    + KEY
)
END_OVERLAP = (
    """
mutation ($input: EndOverlapInput!) {
  endOverlap(input: $input) { __typename ...Key ... on ApiKeyNotFound { message } }
}
"""
    + KEY
)
DELETE = (
    """
mutation ($input: DeleteApiKeyInput!) {
  deleteApiKey(input: $input) {
    __typename
    ... on ApiKeyDeleted { apiKey { ...Key } keyAllowance { used limit remaining } }
    ... on ApiKeyNotFound { message }
  }
}
"""
    + KEY
)
SEE = "query ($id: ID!) { apiKey(id: $id) { __typename ...Key } }" + KEY
LIST = (
    """
query ($id: ID!, $includeDeleted: Boolean! = false, $agentId: ID, $search: String) {
  organization(id: $id) {
    keyAllowance { used limit remaining }
    apiKeys(includeDeleted: $includeDeleted, agentId: $agentId, search: $search) { ...Key }
  }
}
"""
    + KEY
)
