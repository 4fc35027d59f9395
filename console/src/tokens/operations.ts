/** The GraphQL operations of the Tokens page. */
import { graphql, type ResultOf } from '../shared/graphql'

const ServiceTokenFields = graphql(`
  fragment ServiceTokenFields on ServiceToken @_unmask {
    id
    name
    role
    agents { id name }
    hint
    createdAt
    createdBy { id name }
    expiresAt
    lastUsedAt
    revokedAt
  }
`)

export type ServiceToken = ResultOf<typeof ServiceTokenFields>

export const TokensQuery = graphql(
  `
  query Tokens($organizationId: ID!) {
    organization(id: $organizationId) {
      id
      agents { id name }
      serviceTokens { ...ServiceTokenFields }
    }
  }
`,
  [ServiceTokenFields],
)

export type Tokens = NonNullable<ResultOf<typeof TokensQuery>['organization']>

export const CreateServiceToken = graphql(
  `
  mutation CreateServiceToken($input: CreateServiceTokenInput!) {
    createServiceToken(input: $input) {
      __typename
      ... on ServiceTokenIssued { secret serviceToken { ...ServiceTokenFields } }
      ... on InvalidInput { field message }
    }
  }
`,
  [ServiceTokenFields],
)

export const RevokeServiceToken = graphql(
  `
  mutation RevokeServiceToken($input: RevokeServiceTokenInput!) {
    revokeServiceToken(input: $input) {
      __typename
      ... on ServiceTokenRevoked { serviceToken { ...ServiceTokenFields } }
      ... on ServiceTokenNotFound { message }
    }
  }
`,
  [ServiceTokenFields],
)

/** Named because the cache can't see that an empty list now has a token. */
export const aboutTokens = { additionalTypenames: ['ServiceToken'] }
