/** The GraphQL operations of the People page. */
import { graphql, type ResultOf } from '../shared/graphql'

const MemberFields = graphql(`
  fragment MemberFields on Member @_unmask {
    user { id name email }
    role
    agents { id name }
    lastSignedInAt
    viewerCanManage
  }
`)

const InvitationFields = graphql(`
  fragment InvitationFields on Invitation @_unmask {
    id
    email
    role
    agents { id name }
    invitedBy { id name }
    createdAt
    expiresAt
    sentAt
  }
`)

const KeySeenFields = graphql(`
  fragment KeySeenFields on ApiKey @_unmask {
    id
    name
    hint
    lastUsedAt
  }
`)

const TokenMadeFields = graphql(`
  fragment TokenMadeFields on ServiceToken @_unmask {
    id
    name
    hint
  }
`)

export type TokenMade = ResultOf<typeof TokenMadeFields>
export type Member = ResultOf<typeof MemberFields>
export type Invitation = ResultOf<typeof InvitationFields>
export type KeySeen = ResultOf<typeof KeySeenFields>

export const PeopleQuery = graphql(
  `
  query People($organizationId: ID!) {
    organization(id: $organizationId) {
      id
      agents { id name }
      members { ...MemberFields }
      invitations { ...InvitationFields }
    }
  }
`,
  [MemberFields, InvitationFields],
)

export type People = NonNullable<ResultOf<typeof PeopleQuery>['organization']>

/** Searched by the address, which one person has. */
export const KeysSeenQuery = graphql(
  `
  query KeysSeen($organizationId: ID!, $email: String!) {
    organization(id: $organizationId) {
      id
      members(search: $email) {
        user { id }
        keysSeen { ...KeySeenFields }
        serviceTokens { ...TokenMadeFields }
      }
    }
  }
`,
  [KeySeenFields, TokenMadeFields],
)

export const InviteMember = graphql(
  `
  mutation InviteMember($input: InviteMemberInput!) {
    inviteMember(input: $input) {
      __typename
      ... on InvitationIssued { link invitation { ...InvitationFields } }
      ... on AlreadyMember { message }
      ... on InvalidInput { field message }
    }
  }
`,
  [InvitationFields],
)

export const ResendInvitation = graphql(
  `
  mutation ResendInvitation($input: InvitationIdInput!) {
    resendInvitation(input: $input) {
      __typename
      ... on InvitationIssued { link invitation { ...InvitationFields } }
      ... on InvitationNotFound { message }
    }
  }
`,
  [InvitationFields],
)

export const RevokeInvitation = graphql(
  `
  mutation RevokeInvitation($input: InvitationIdInput!) {
    revokeInvitation(input: $input) {
      __typename
      ... on InvitationRevoked { invitation { ...InvitationFields } }
      ... on InvitationNotFound { message }
    }
  }
`,
  [InvitationFields],
)

export const ChangeMember = graphql(
  `
  mutation ChangeMember($input: ChangeMemberInput!) {
    changeMember(input: $input) {
      __typename
      ... on Member { ...MemberFields }
      ... on MemberNotFound { message }
      ... on LastOrganizationAdmin { message }
      ... on InvalidInput { field message }
    }
  }
`,
  [MemberFields],
)

export const RemoveMember = graphql(
  `
  mutation RemoveMember($input: RemoveMemberInput!) {
    removeMember(input: $input) {
      __typename
      ... on MemberRemoved {
        user { id name }
        keysSeen { ...KeySeenFields }
        serviceTokens { ...TokenMadeFields }
      }
      ... on MemberNotFound { message }
      ... on LastOrganizationAdmin { message }
    }
  }
`,
  [KeySeenFields, TokenMadeFields],
)

/** Named because the cache can't see that an empty list now has somebody. */
export const aboutPeople = { additionalTypenames: ['Member', 'Invitation'] }
