/** What an invitation link leads to: who is invited where, and how to accept. Only submitting the form uses the link up. */
import { Anchor, Button, Skeleton, Stack, Text } from '@mantine/core'
import { Provider, useQuery } from 'urql'
import { signInClient } from '../shared/client'
import { leaveFor } from '../shared/session'
import { Trouble } from '../shared/Trouble'
import { until } from '../shared/time'
import { useKnown } from '../shared/use-known'
import { aRole } from '../shared/viewer'
import { AcceptInvitationForm, type Way } from './AcceptInvitationForm'
import { ForgottenPassword } from './ForgottenPassword'
import { useLinkToken } from './link-token'
import { OutsidePage } from './OutsidePage'
import { type Invitation, InvitationQuery } from './operations'
import { ProviderButton } from './ProviderButton'
import { SignInWays } from './SignInWays'
import { useSignOut } from './SignOut'

export function InvitationPage() {
  const token = useLinkToken()
  // This client does not wait for a sign-in: the page is for people who may have no account.
  return (
    <Provider value={signInClient}>
      <OfToken key={token} token={token} />
    </Provider>
  )
}

export function OfToken({ token }: { token: string }) {
  const [{ data, error, fetching }, refetch] = useQuery({
    query: InvitationQuery,
    variables: { token },
    pause: token === '',
  })
  const known = useKnown(data)
  if (token === '') {
    return (
      <OutsidePage title="Invitation">
        <Text size="sm">
          To see the invitation, open the link in your mail again. This page’s address no longer contains it.
        </Text>
      </OutsidePage>
    )
  }
  if (!known) {
    return (
      <OutsidePage title="Invitation">
        {error && !fetching ? (
          <Trouble error={error} what="The invitation could not be read." onRetry={refetch} />
        ) : (
          <Skeleton h={120} aria-label="Loading" />
        )}
      </OutsidePage>
    )
  }
  const { invitation, viewer, supportEmail, signInMethods } = known
  if (!invitation) return <NotValid />
  const signedInAs = viewer && !viewer.passwordChangeRequired ? viewer.user.email : undefined
  const way = wayOf(signedInAs, invitation)
  const form = (
    <AcceptInvitationForm
      token={token}
      invitation={invitation}
      way={way}
      onAccepted={() => leaveFor(`/organizations/${invitation.organizationId}/api-keys`)}
    />
  )
  return (
    <OutsidePage title={`Join ${invitation.organizationName}`}>
      <Stack>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          You are invited to <b>{invitation.organizationName}</b> as {aRole(invitation.role)}, with the
          address <b>{invitation.email}</b>. You can accept until {until(invitation.expiresAt)}.
        </Text>
        {signedInAs !== undefined && signedInAs !== invitation.email ? (
          <SomebodyElse email={signedInAs} invitation={invitation} onSignedOut={refetch} />
        ) : way === 'click' ? (
          form
        ) : (
          <SignInWays
            // Few people may use a password if it is not the first way: they sign in, then open the link again.
            methods={
              signInMethods[0]?.kind === 'PASSWORD'
                ? signInMethods
                : signInMethods.filter(({ kind }) => kind !== 'PASSWORD')
            }
            form={
              <Stack>
                {form}
                {way === 'password' && (
                  <ForgottenPassword email={invitation.email} supportEmail={supportEmail} />
                )}
              </Stack>
            }
            button={(method, isFirst) => <ProviderButton {...{ method, isFirst, token }} />}
          />
        )}
      </Stack>
    </OutsidePage>
  )
}

function wayOf(signedInAs: string | undefined, { hasAccount }: Invitation): Way {
  if (signedInAs !== undefined) return 'click'
  return hasAccount ? 'password' : 'account'
}

function SomebodyElse({
  email,
  invitation,
  onSignedOut,
}: {
  email: string
  invitation: Invitation
  onSignedOut: () => void
}) {
  const { signOut, trouble } = useSignOut(onSignedOut)
  return (
    <>
      <Text size="sm" role="status" style={{ overflowWrap: 'anywhere' }}>
        You are signed in as <b>{email}</b>. To accept as {invitation.email}, sign out first: you stay on this
        page.
      </Text>
      <Button onClick={signOut}>Sign out</Button>
      {trouble}
    </>
  )
}

function NotValid() {
  return (
    <OutsidePage title="Invitation">
      <Stack gap="xs">
        <Text size="sm">
          This link no longer works. It was used or replaced, the invitation was revoked, or it has expired.
        </Text>
        <Text size="sm">
          If you have joined already, <Anchor href="/sign-in">sign in</Anchor>. Otherwise ask the person who
          invited you to send the invitation again.
        </Text>
      </Stack>
    </OutsidePage>
  )
}
