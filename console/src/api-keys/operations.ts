/** The GraphQL operations of the API key screens. */
import { graphql, type ResultOf } from '../shared/graphql'

export const ApiKeyFields = graphql(`
  fragment ApiKeyFields on ApiKey @_unmask {
    id
    name
    scope
    agent { id name deletedAt }
    status
    hint
    createdAt
    createdBy { id name }
    createdByToken
    lastUsedAt
    deletedAt
    deletedBy { id name }
    deletedByToken
    previousSecretWorksUntil
    previousSecretLastUsedAt
    viewerCanManage
  }
`)

export type ApiKey = ResultOf<typeof ApiKeyFields>

export interface KeyDialogProps {
  apiKey: ApiKey
  onClose: () => void
}

export const ApiKeysQuery = graphql(
  `
  query ApiKeys($organizationId: ID!, $includeDeleted: Boolean!) {
    organization(id: $organizationId) {
      id
      keyAllowance { used limit remaining }
      agents { id name deletedAt }
      apiKeys(includeDeleted: $includeDeleted) { ...ApiKeyFields }
    }
  }
`,
  [ApiKeyFields],
)

/** An agent that was not deleted. */
export function isLiving(agent: { deletedAt: string | null }): boolean {
  return agent.deletedAt === null
}

export type KeysOfOrganization = NonNullable<ResultOf<typeof ApiKeysQuery>['organization']>
export type KeyAllowance = KeysOfOrganization['keyAllowance']

export const ApiKeyQuery = graphql(
  `
  query ApiKey($id: ID!) {
    apiKey(id: $id) { ...ApiKeyFields }
  }
`,
  [ApiKeyFields],
)

/** Read after the answer to a rotation was lost: whether the key has another secret, and who rotated it. */
export const RotationsQuery = graphql(
  `
  query Rotations($id: ID!, $organizationId: ID!) {
    apiKey(id: $id) { ...ApiKeyFields }
    organization(id: $organizationId) {
      id
      auditLog(first: 20) {
        edges { node { id action at actor { id name } actorName apiKey { id } } }
      }
    }
  }
`,
  [ApiKeyFields],
)

export const RecentUseQuery = graphql(`
  query RecentUse($id: ID!, $from: DateTime!, $to: DateTime!) {
    apiKey(id: $id) {
      id
      usage {
        series(from: $from, to: $to, interval: HOUR) { start allowed }
        callers(first: 20) { ipAddress lastSeenAt }
      }
    }
  }
`)

export const CreateApiKey = graphql(
  `
  mutation CreateApiKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on ApiKeyIssued { secret apiKey { ...ApiKeyFields } }
      ... on KeyLimitReached {
        message
        keyAllowance { used limit remaining }
        candidates { ...ApiKeyFields }
      }
      ... on InvalidInput { field message }
    }
  }
`,
  [ApiKeyFields],
)

export const RenameApiKey = graphql(
  `
  mutation RenameApiKey($input: RenameApiKeyInput!) {
    renameApiKey(input: $input) {
      __typename
      ... on ApiKey { ...ApiKeyFields }
      ... on InvalidInput { field message }
      ... on ApiKeyNotFound { message }
    }
  }
`,
  [ApiKeyFields],
)

export const RotateApiKey = graphql(
  `
  mutation RotateApiKey($input: RotateApiKeyInput!) {
    rotateApiKey(input: $input) {
      __typename
      ... on ApiKeyIssued { secret apiKey { ...ApiKeyFields } }
      ... on InvalidInput { field message }
      ... on ApiKeyNotFound { message }
    }
  }
`,
  [ApiKeyFields],
)

export const DeleteApiKey = graphql(
  `
  mutation DeleteApiKey($input: DeleteApiKeyInput!) {
    deleteApiKey(input: $input) {
      __typename
      ... on ApiKeyDeleted {
        apiKey { ...ApiKeyFields }
        keyAllowance { used limit remaining }
      }
      ... on ApiKeyNotFound { message }
    }
  }
`,
  [ApiKeyFields],
)

const KeyRequestFields = graphql(`
  fragment KeyRequestFields on KeyRequest @_unmask {
    id
    requestedBy { id name email }
    name
    agent { id name }
    reason
    createdAt
  }
`)

export type KeyRequest = ResultOf<typeof KeyRequestFields>

export const KeyRequestsQuery = graphql(
  `
  query KeyRequests($organizationId: ID!) {
    organization(id: $organizationId) {
      id
      keyRequests { ...KeyRequestFields }
    }
  }
`,
  [KeyRequestFields],
)

export const RequestApiKey = graphql(`
  mutation RequestApiKey($input: RequestApiKeyInput!) {
    requestApiKey(input: $input) {
      __typename
      ... on ApiKeyRequested { isMailed }
      ... on InvalidInput { field message }
    }
  }
`)

/** True or false, whether it was still open: in both cases, it is not any more. */
export const CloseKeyRequest = graphql(`
  mutation CloseKeyRequest($id: ID!) {
    closeKeyRequest(id: $id)
  }
`)

export const aboutRequests = { additionalTypenames: ['KeyRequest'] }

/** Named because the cache can't see that an empty list now has keys. */
export const aboutKeys = { additionalTypenames: ['ApiKey', 'KeyAllowance'] }
