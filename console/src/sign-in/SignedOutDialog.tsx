/** Signs the same person in again, on top of whatever they were doing. */
import { Button, Modal, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { Provider, useClient } from 'urql'
import { backTo } from '../shared/back-to'
import { signInClient } from '../shared/client'
import { Refused } from '../shared/SubmitForm'
import { leaveFor, signedInAgain } from '../shared/session'
import { useSignedIn } from '../shared/viewer'
import { WhoQuery } from './operations'
import { startAt } from './provider'
import { type SignedInAs, SignInForm } from './SignInForm'
import { continueWith, SignInWays } from './SignInWays'

interface Props {
  user: { id: string; email: string }
}

export function SignedOutDialog(props: Props) {
  // This client does not wait for the sign-in.
  return (
    <Provider value={signInClient}>
      <SignInAgain {...props} />
    </Provider>
  )
}

function SignInAgain({ user }: Props) {
  const { supportEmail, signInMethods, viewer } = useSignedIn()
  const client = useClient()
  const [isElsewhere, setIsElsewhere] = useState(false)
  const [problem, setProblem] = useState<string>()

  function onSignedIn(as: SignedInAs) {
    // Another person must not continue on this page, and a one-time password has to be changed first.
    if (as.userId !== user.id || as.passwordChangeRequired) leaveFor('/')
    else signedInAgain()
  }

  /** The other tab has set the cookie, if the person has signed in there. */
  async function look() {
    const { data } = await client.query(WhoQuery, {}, { requestPolicy: 'network-only' }).toPromise()
    if (!data?.viewer) return setProblem('You are not signed in yet.')
    onSignedIn({
      userId: data.viewer.user.id,
      passwordChangeRequired: data.viewer.passwordChangeRequired,
    })
  }

  return (
    <Modal
      opened
      onClose={() => undefined}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title="You were signed out"
      zIndex={1000}
      size="sm"
    >
      <Stack>
        {viewer.returnUrl && (
          <>
            <Text size="sm">To sign in again, go back to the product that you came from.</Text>
            <Button component="a" href={viewer.returnUrl}>
              {backTo(viewer.returnUrl)}
            </Button>
          </>
        )}
        <Text size="sm">Sign in again to continue where you were. Nothing that you typed is lost.</Text>
        <SignInWays
          methods={signInMethods}
          form={<SignInForm email={user.email} supportEmail={supportEmail} onSignedIn={onSignedIn} />}
          button={(method, isFirst) => (
            <Button
              component="a"
              href={startAt(method, '/')}
              target="_blank"
              rel="noopener"
              fullWidth
              variant={isFirst ? 'filled' : 'default'}
              onClick={() => setIsElsewhere(true)}
            >
              {continueWith(method)}
            </Button>
          )}
        />
        {isElsewhere && (
          <>
            <Text size="sm">You sign in in another tab. When you have done that, continue here.</Text>
            <Button variant="default" onClick={look}>
              Continue here
            </Button>
            {problem && <Refused>{problem}</Refused>}
          </>
        )}
        <Button variant="subtle" size="compact-sm" onClick={() => leaveFor('/sign-in')}>
          Sign in as somebody else
        </Button>
      </Stack>
    </Modal>
  )
}
