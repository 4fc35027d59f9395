/** The GraphQL operations of the pages for people who may not be signed in. */
import { graphql, type ResultOf } from '../shared/graphql'

export const SignInMethodsQuery = graphql(`
  query SignInMethods {
    supportEmail
    signInMethods { kind label url }
  }
`)

export const WhoQuery = graphql(`
  query Who {
    viewer { user { id } passwordChangeRequired }
  }
`)

/** Shows what the link leads to, and uses nothing up. */
export const InvitationQuery = graphql(`
  query Invitation($token: String!) {
    invitation(token: $token) { organizationId organizationName email role expiresAt hasAccount }
    viewer { user { id email name } passwordChangeRequired organizations { id } }
    supportEmail
    signInMethods { kind label url }
  }
`)

/** Read after the answer was lost. A query of its own: the page shows the invitation as it was before it was accepted. */
export const JoinedQuery = graphql(`
  query Joined {
    viewer { user { email } organizations { id } }
  }
`)

type InvitationAnswer = ResultOf<typeof InvitationQuery>
export type Invitation = NonNullable<InvitationAnswer['invitation']>

export const AcceptInvitation = graphql(`
  mutation AcceptInvitation($input: AcceptInvitationInput!) {
    acceptInvitation(input: $input) {
      __typename
      ... on Viewer { user { id } }
      ... on LinkNotValid { message }
      ... on SignInRefused { message retryAfterSeconds }
      ... on InvalidInput { field message }
    }
  }
`)

export const EnterByLink = graphql(`
  mutation EnterByLink($input: EnterByLinkInput!) {
    enterByLink(input: $input) {
      __typename
      ... on EnteredByLink { organizationId path }
      ... on OtherPersonSignedIn { signedIn { name email } user { name email } }
      ... on LinkNotValid { message }
    }
  }
`)

export const RequestPasswordReset = graphql(`
  mutation RequestPasswordReset($email: String!) {
    requestPasswordReset(email: $email)
  }
`)

export const ResetPassword = graphql(`
  mutation ResetPassword($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      __typename
      ... on Viewer { user { id } }
      ... on LinkNotValid { message }
      ... on InvalidInput { field message }
    }
  }
`)
