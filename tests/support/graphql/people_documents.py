"""GraphQL documents about people and invitations."""

INVITE = """
  mutation ($input: InviteMemberInput!) {
    inviteMember(input: $input) {
      __typename
      ... on InvitationIssued { link invitation { id email role agents { name } invitedBy { name } sentAt expiresAt } }
      ... on AlreadyMember { code message member { user { email } } }
      ... on InvalidInput { field message code }
    }
  }
"""
RESEND = """
  mutation ($input: InvitationIdInput!) {
    resendInvitation(input: $input) {
      __typename
      ... on InvitationIssued { link invitation { id expiresAt } }
      ... on Refusal { code message }
    }
  }
"""
REVOKE = """
  mutation ($input: InvitationIdInput!) {
    revokeInvitation(input: $input) {
      __typename ... on InvitationRevoked { invitation { id } } ... on Refusal { code message }
    }
  }
"""
ACCEPT = """
  mutation ($input: AcceptInvitationInput!) {
    acceptInvitation(input: $input) {
      __typename
      ... on Viewer { user { email name } organizations { name viewerRole agents { name } } }
      ... on InvalidInput { field message code }
      ... on Refusal { code message }
    }
  }
"""
PREVIEW = "query ($token: String!) { invitation(token: $token) { organizationName email role expiresAt hasAccount } }"
PEOPLE = """
  query ($id: ID!, $search: String) {
    organization(id: $id) {
      members(search: $search) {
        user { id email name } role agents { name } joinedAt lastSignedInAt viewerCanManage keysSeen { name }
      }
      invitations { id email role agents { name } invitedBy { name } }
    }
  }
"""
CHANGE = """
  mutation ($input: ChangeMemberInput!) {
    changeMember(input: $input) {
      __typename
      ... on Member { user { email } role agents { name } }
      ... on InvalidInput { field message code }
      ... on Refusal { code message }
    }
  }
"""
REMOVE = """
  mutation ($input: RemoveMemberInput!) {
    removeMember(input: $input) {
      __typename ... on MemberRemoved { user { email } keysSeen { name } } ... on Refusal { code message }
    }
  }
"""
ASK_RESET = "mutation ($email: String!) { requestPasswordReset(email: $email) }"
RESET = """
  mutation ($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      __typename
      ... on Viewer { user { email } }
      ... on InvalidInput { field message code }
      ... on Refusal { code message }
    }
  }
"""
ASK_FOR_KEY = """
  mutation ($input: RequestApiKeyInput!) {
    requestApiKey(input: $input) {
      __typename
      ... on ApiKeyRequested { isMailed keyRequest { id name reason agent { name } requestedBy { name } } }
      ... on InvalidInput { field message code }
    }
  }
"""
CLOSE = "mutation ($id: ID!) { closeKeyRequest(id: $id) }"
KEY_REQUESTS = "query ($id: ID!) { organization(id: $id) { keyRequests { id name reason requestedBy { email } } } }"
