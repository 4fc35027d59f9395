/** Signs the same person in again, on top of whatever they were doing. */
import { Button, Modal, Stack, Text } from '@mantine/core'
import { leaveFor, signedInAgain } from '../shared/session'
import { useSignedIn } from '../shared/viewer'
import { type SignedInAs, SignInForm } from './SignInForm'

export function SignedOutDialog({ user }: { user: { id: string; email: string } }) {
  const { supportEmail } = useSignedIn()

  function onSignedIn(as: SignedInAs) {
    // Another person must not continue on this page, and a one-time password has to be changed first.
    if (as.userId !== user.id || as.passwordChangeRequired) leaveFor('/')
    else signedInAgain()
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
        <Text size="sm">Sign in again to continue where you were. Nothing that you typed is lost.</Text>
        <SignInForm email={user.email} supportEmail={supportEmail} onSignedIn={onSignedIn} />
        <Button variant="subtle" size="compact-sm" onClick={() => leaveFor('/sign-in')}>
          Sign in as somebody else
        </Button>
      </Stack>
    </Modal>
  )
}
